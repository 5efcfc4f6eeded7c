package portmap

// The relay: the router leads to this host, and this host to the service.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// runningRelay is one relay with its goroutine.
type runningRelay struct {
	Relay
	listen, target netip.AddrPort
	keeper         atomic.Pointer[Keeper] // who has it now
	cancel         context.CancelFunc
	ended          chan struct{} // closed once Run has returned
	err            error         // Run's; read it once ended is closed
}

// status is what the relay has carried; nil where there is none.
func (r *runningRelay) status() *RelayStatus {
	if r == nil {
		return nil
	}
	s := r.Relay.Status()
	s.Listen, s.Target = r.listen, r.target
	return &s
}

// relayMode is when f uses a relay; RelayOff where it cannot.
func (k *Keeper) relayMode(f *forward) RelayMode {
	if k.cfg.OpenRelay == nil || f.Protocol != fact.TCP || !k.elsewhere(f) {
		return RelayOff
	}
	switch k.cfg.Relay {
	case RelayOn, RelayAuto:
		return k.cfg.Relay
	}
	return RelayOff
}

// elsewhere reports whether f's service is known to be on another host.
func (k *Keeper) elsewhere(f *forward) bool {
	local := k.gw.Local()
	return local.IsValid() && f.Internal.Addr() != local
}

// relayed has the router lead to the relay on this host. The relay listens
// before the router is asked: a port that somebody else holds on this host
// must not be opened to the world.
func (k *Keeper) relayed(ctx context.Context, f *forward) outcome {
	f.client = netip.AddrPortFrom(k.gw.Local(), f.ExternalPort)
	if err := k.openRelay(ctx, f); err != nil {
		k.retract(ctx, f)
		out := k.failed(f, fmt.Sprintf("the relay cannot listen on %s, to carry to %s what comes from outside: %v", f.client, f.Internal, err),
			fmt.Sprintf("Free port %d of this host, or choose another external_port for the service %q.", f.ExternalPort, f.Service))
		out.wait = k.backoff(f, 30*time.Second, 15*time.Minute)
		return out
	}
	out := k.walk(ctx, f)
	if out.direct || out.state == StateManual || out.state == StateConflict {
		f.closeRelay()
	}
	if out.state == StateActive && !out.direct {
		note := fmt.Sprintf("edgeguard's relay on %s carries the connections to %s", f.client, f.Internal)
		if out.note != "" {
			note += "; " + out.note
		}
		out.note = note
	}
	return out
}

// openRelay sees to it that the relay of f listens where f.client says.
func (k *Keeper) openRelay(ctx context.Context, f *forward) error {
	if r := f.relay; r != nil {
		select {
		case <-r.ended:
			k.log.Warn("the relay has ended and is opened again", "service", f.Service, "err", r.err)
		default:
			if r.listen == f.client && r.target == f.Internal {
				return nil
			}
		}
		f.closeRelay()
	}
	made, err := k.cfg.OpenRelay(f.client, f.Internal)
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		// The router knows this host by an address that it has not itself, as
		// in a container whose port is published.
		made, err = k.cfg.OpenRelay(netip.AddrPortFrom(netip.IPv4Unspecified(), f.client.Port()), f.Internal)
	}
	if err != nil {
		return err
	}
	// It must outlive ctx: what the router leads here is taken away first.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &runningRelay{Relay: made, listen: f.client, target: f.Internal, cancel: cancel, ended: make(chan struct{})}
	r.keeper.Store(k)
	f.relay = r
	go func() { // closeRelay waits for its end
		defer close(r.ended)
		if r.err = made.Run(ctx); ctx.Err() == nil {
			r.keeper.Load().Hint("the relay ended")
		}
	}()
	return nil
}

// closeRelay ends the relay of f, if there is one, and waits for its end.
func (f *forward) closeRelay() {
	if f.relay == nil {
		return
	}
	f.relay.cancel()
	<-f.relay.ended
	f.relay = nil
}

// actionAddress is what to do where unplaced.
const actionAddress = "Set address under [lan] to this host's own address in the LAN: edgeguard is not in the router's network, as in a container on a bridge, and cannot know it."

// unplaced reports whether there is a router, and which address of this host it
// sees is not known: then nothing can be said of who is on this host.
func (k *Keeper) unplaced() bool { return k.gatewayAddr().IsValid() && !k.gw.Local().IsValid() }

// otherHostAction says what to do where the router forwards only to the host
// that asks.
func (k *Keeper) otherHostAction(f *forward) string {
	if k.unplaced() {
		return actionAddress
	}
	host := f.Internal.Addr()
	action := fmt.Sprintf("Run edgeguard on %s itself (in a container, with the host's network), or forward the port there by hand.", host)
	switch {
	case f.Protocol != fact.TCP:
		return action + " The relay carries TCP only."
	case k.cfg.OpenRelay != nil && k.relayMode(f) == RelayOff:
		return `Set relay = "auto" under [portmap], so that edgeguard passes the connections on to ` + host.String() + ". Or: " + action
	}
	return action
}
