package nonce

// One probe: a door, a mapping that leads to it, a call, and all gone again.

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// Mapper has the router forward ports to us for a moment.
type Mapper interface {
	// Local is our own address in the LAN, to which the router can forward. An
	// error says why nothing can be mapped to us.
	Local() (netip.Addr, error)
	// Map has the router forward a TCP port of its own to internal, for lease at
	// most, and never one that is taken. Where the outcome is unknown it takes
	// away what it may have made before it returns the error.
	Map(ctx context.Context, internal netip.AddrPort, lease time.Duration) (Mapping, error)
}

// Mapping is what a Mapper has made.
type Mapping struct {
	// External is the port on the public address.
	External uint16
	// Router is the router's own address in the LAN; zero where it is unknown.
	Router netip.Addr
	// Unmap takes the mapping away. It is called again where it fails.
	Unmap func(ctx context.Context) error
}

// ErrOff means that nothing may be asked of the router: the person wants it so.
// Nothing was.
var ErrOff = errors.New("nothing may be asked of the router")

// DialFunc is net.Dialer.DialContext, or a test's.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Config is what a probe needs.
type Config struct {
	// Mapper makes the mapping; required.
	Mapper Mapper
	// Dial calls the public address; nil means net.Dialer's.
	Dial DialFunc
	// Timeout bounds the time in which the door is open; default 10 s.
	Timeout time.Duration
	// Log; nil means none.
	Log *slog.Logger
}

// Outcome is what came of the call.
type Outcome uint8

// The outcomes.
const (
	// Silent: it did not arrive and nobody said why, which can have many reasons.
	Silent Outcome = iota
	// Seen: it arrived, so the router loops back.
	Seen
	// Refused: the call was refused, though the router had a mapping for it.
	Refused
	// Elsewhere: somebody took the call, but it was not our door.
	Elsewhere
)

// Finding is what a probe found.
type Finding struct {
	Outcome Outcome
	// Source is the address that the call arrived from; zero unless Seen.
	Source netip.Addr
	// Own is our own address in the LAN and Router the router's, to tell what
	// Source is; Router is zero where it is unknown.
	Own, Router netip.Addr
}

const (
	// lease is what a mapping lasts where it could not be taken away: 120 s is
	// the least that some routers grant (RFC 6887, section 15).
	lease = 2 * time.Minute
	// goodbye bounds the taking away of a mapping, which happens even where the
	// caller has given up.
	goodbye = 10 * time.Second
	// mapping bounds the making of one.
	mapping = 30 * time.Second
	// again is how long a refused call waits before it is tried a last time: a
	// router may say that it has a mapping before it acts on it.
	again = time.Second
)

// Probe makes a mapping for a door of ours, calls the public address wan at it,
// and takes the mapping away, also where ctx ends. An error means that nothing
// was found out: no mapping could be made, as a rule.
func Probe(ctx context.Context, cfg Config, wan netip.Addr) (Finding, error) {
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	own, err := cfg.Mapper.Local()
	if err != nil {
		return Finding{}, err
	}
	d, err := open(own)
	if err != nil {
		return Finding{}, err
	}
	defer d.listener.Close()
	asking, cancel := context.WithTimeout(ctx, mapping)
	m, err := cfg.Mapper.Map(asking, d.address(), lease)
	cancel()
	if err != nil {
		return Finding{}, err
	}
	defer takeAway(ctx, m, cfg.Log)
	f := Finding{Own: own, Router: m.Router}
	f.Outcome, f.Source = through(ctx, cfg, d, netip.AddrPortFrom(wan, m.External))
	return f, ctx.Err()
}

// takeAway takes a mapping away, also where ctx has ended.
func takeAway(ctx context.Context, m Mapping, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	err := m.Unmap(ctx)
	if err != nil && ctx.Err() == nil {
		err = m.Unmap(ctx) // it was said once and got lost
	}
	if err != nil {
		log.Warn("the mapping of the loopback test could not be taken away; it leads to a closed port, and ends by itself where the router keeps to leases",
			"port", strconv.Itoa(int(m.External)), "lease", lease, "err", err)
	}
}

// through calls the door by the public address.
func through(ctx context.Context, cfg Config, d *door, public netip.AddrPort) (Outcome, netip.Addr) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	type call struct {
		source netip.Addr
		err    error
	}
	heard := make(chan call, 1)
	go func() {
		source, err := d.await(ctx)
		heard <- call{source, err}
	}()
	outcome := say(ctx, cfg.Dial, public, d.nonce[:])
	cancel() // no call of ours is open any more, and what the door has read it knows
	if c := <-heard; c.err == nil {
		return Seen, c.source
	}
	return outcome, netip.Addr{}
}

// say calls and says the nonce. It returns Elsewhere where somebody took the
// call: whether that was our door is known by the door.
func say(ctx context.Context, dial DialFunc, public netip.AddrPort, nonce []byte) Outcome {
	conn, err := dial(ctx, "tcp", public.String())
	if errors.Is(err, syscall.ECONNREFUSED) {
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
		conn, err = dial(ctx, "tcp", public.String())
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case err != nil:
		return Silent
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(nonce); err != nil {
		return Elsewhere
	}
	// The door hangs up when it has read; whoever else is there may not, and gets
	// no more time than a call to the door would.
	var nothing [1]byte
	_, _ = conn.Read(nothing[:])
	return Elsewhere
}
