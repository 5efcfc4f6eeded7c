package router

// Finding the router, and noticing that it is another one.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/igd"
	"github.com/edgeguard/edgeguard/internal/router/ssdp"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

// found is how a router was found.
type found struct {
	location string
	bootID   string
	began    time.Time // when that search began
	checked  time.Time // when it last answered a search
}

// miss is a search that failed.
type miss struct {
	gateway netip.Addr
	at      time.Time
	err     error
	inARow  int // with those before it, at the same gateway
}

// discover searches for the router, and sets r.device and the status by what
// it finds. A search that the caller gave up on says nothing and leaves no
// trace but that the router must be searched again.
func (r *Router) discover(ctx context.Context) error {
	r.device = nil
	timed, cancel := context.WithTimeoutCause(ctx, r.timing.cycle, fmt.Errorf("the router took longer than %v to describe itself", r.timing.cycle))
	defer cancel()
	gateway, err := r.gateway()
	if err != nil {
		err = fmt.Errorf("%w: the gateway's address is unknown: %w", fact.ErrNoRouter, err)
	} else {
		err = r.searchAt(timed, gateway)
	}
	if err == nil {
		r.miss = miss{}
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("searching for the router: %w", context.Cause(ctx))
	}
	inARow := 1
	if r.miss.gateway == gateway {
		inARow += r.miss.inARow
	}
	r.miss = miss{gateway: gateway, at: time.Now(), err: err, inARow: inARow}
	r.note(found{})
	r.reportMiss(err)
	return err
}

// searchAt searches at the gateway and takes the first device that stands all
// checks.
func (r *Router) searchAt(ctx context.Context, gateway netip.Addr) error {
	began := time.Now()
	peer, result, err := r.search(ctx, gateway)
	if err != nil {
		return fmt.Errorf("%w %s: %w", fact.ErrNoRouter, gateway, err)
	}
	reasons := result.Refused
	for _, reply := range result.Replies {
		device, err := igd.Open(ctx, peer, reply.Location)
		if err == nil {
			r.device = device
			r.note(found{location: reply.Location.String(), bootID: reply.BootID, began: began, checked: time.Now()})
			r.reportFound()
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w %s: %w", fact.ErrNoRouter, gateway, context.Cause(ctx))
		}
		reasons = append(reasons, fmt.Sprintf("%s: %s", tidy.Line(reply.Location.String(), 80), tidy.Line(err.Error(), 200)))
	}
	if reasons == nil {
		return fmt.Errorf("%w %s", fact.ErrNoRouter, gateway)
	}
	return fmt.Errorf("%w %s, and these answers were refused: %s", fact.ErrNoRouter, gateway, strings.Join(reasons, "; "))
}

// search sends the search and returns who may be talked to, and the replies.
func (r *Router) search(ctx context.Context, gateway netip.Addr) (igd.Peer, ssdp.Result, error) {
	peer := r.peer(gateway)
	if err := peer.Check(); err != nil {
		return peer, ssdp.Result{}, err
	}
	var err error
	if peer.Local, err = localToward(gateway); err != nil {
		return peer, ssdp.Result{}, err
	}
	to := r.cfg.SSDP
	if to == nil {
		to = []netip.AddrPort{ssdp.Multicast, netip.AddrPortFrom(gateway, ssdp.Port)}
	}
	result, err := ssdp.Search{Gateway: gateway, Local: peer.Local, To: to, Window: r.timing.window, Settle: r.timing.settle}.Run(ctx)
	return peer, result, err
}

// peer is the gateway as it is talked to; our own address is still missing.
func (r *Router) peer(gateway netip.Addr) igd.Peer {
	return igd.Peer{Gateway: gateway, AllowLoopback: r.cfg.AllowLoopback, Timeout: r.cfg.Timeout, Pace: r.pace}
}

// note keeps how the router was found. The turn is held.
func (r *Router) note(f found) {
	r.where = f
	r.mu.Lock()
	r.known = f
	r.mu.Unlock()
}

// moved searches for the router that is known, and reports whether it answers
// from another place or has restarted. Silence is no answer: then the calls
// will tell.
func (r *Router) moved(ctx context.Context) bool {
	r.where.checked = time.Now()
	_, result, err := r.search(ctx, r.device.Gateway())
	if err != nil || len(result.Replies) == 0 {
		return false
	}
	for _, reply := range result.Replies {
		if reply.Location.String() == r.where.location {
			return reply.BootID != r.where.bootID
		}
	}
	return true
}

// localToward returns our own address from which the kernel would send to
// peer. Nothing is sent, and nobody is asked who might lie.
func localToward(peer netip.Addr) (netip.Addr, error) {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer, ssdp.Port)))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("finding our own address toward the gateway: %w", err)
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, errors.New("finding our own address toward the gateway: the kernel gave none")
	}
	return local.AddrPort().Addr().Unmap(), nil
}

func (r *Router) reportFound() {
	d := r.device
	now, _ := r.report(func(before Status) Status {
		return Status{
			Found:        true,
			Address:      d.Gateway(),
			Local:        d.Peer().Local,
			Manufacturer: d.Manufacturer(),
			Model:        d.Model(),
			UDN:          d.UDN(),
			Generation:   before.Generation + 1,
			FoundAt:      time.Now().Round(0),
			Events:       before.Events,
		}
	})
	r.retarget(d, now.Generation)
	r.log.Info("found the router", "router", r.Describe(), "udn", now.UDN, "local", now.Local, "generation", now.Generation)
}

func (r *Router) reportMiss(err error) {
	r.retarget(nil, 0)
	_, changed := r.report(func(before Status) Status {
		return Status{Generation: before.Generation, Err: err.Error(), Events: before.Events}
	})
	if changed {
		r.log.Warn("no router was found", "err", err)
	} else {
		r.log.Debug("no router was found again", "err", err)
	}
}

// report publishes what change makes of the status.
func (r *Router) report(change func(before Status) Status) (now Status, changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now = change(r.status.Load())
	return now, r.status.Store(now)
}

// reportEvents publishes a change of the event sources.
func (r *Router) reportEvents(change func(*EventSources)) {
	r.report(func(s Status) Status {
		change(&s.Events)
		return s
	})
}
