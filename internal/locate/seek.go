package locate

// Seeking devices in the LAN: by ARP where the kernel lets us speak it, and else
// by making the kernel ask.

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"
)

const (
	// askAgain is how long an ARP request is waited for before the next.
	askAgain = 250 * time.Millisecond
	// sweepBits is the largest network that is asked through: /22, 1022 hosts.
	sweepBits = 22
	// sweepPace is the gap between eight requests of a sweep, which takes half a
	// second for a /24; wireless networks send each at their lowest rate.
	sweepPace = 15 * time.Millisecond
	// sweepRest keeps two sweeps apart.
	sweepRest = 4 * time.Second
)

// SeekerConfig is what a Seeker needs. The functions must be safe for concurrent
// use and not block.
type SeekerConfig struct {
	// Ask sends an ARP request (RFC 826) for an address of a network of ours. An
	// error means that we cannot.
	Ask func(addr netip.Addr) error
	// Prod sends the address a datagram, so that the kernel asks.
	Prod func(addr netip.Addr)
	// Table is what the kernel knows of its neighbours.
	Table func() ([]Sighting, error)
	// Prefixes and Own are this host's networks and addresses; LAN are those
	// among its networks that are asked through.
	Prefixes, LAN func() []netip.Prefix
	Own           func() []netip.Addr
	// Moved is called when a device is seen where it was not known; may be nil.
	Moved func(mac string)
}

// Seeker finds devices of the LAN by their MAC addresses. Make one with
// NewSeeker.
type Seeker struct {
	cfg   SeekerConfig
	seen  sightings
	swept chan time.Time // one slot: the end of the last sweep
}

// NewSeeker returns a seeker that has seen nobody.
func NewSeeker(cfg SeekerConfig) *Seeker {
	s := &Seeker{cfg: cfg, swept: make(chan time.Time, 1)}
	s.swept <- time.Time{}
	return s
}

// Heard takes in what was heard, by ARP or from the kernel.
func (s *Seeker) Heard(of Sighting) {
	if of.Addr.Is4() && !of.Addr.IsUnspecified() && s.seen.note(of, time.Now()) && s.cfg.Moved != nil {
		s.cfg.Moved(of.MAC)
	}
}

// ErrSilent means that no device with the MAC address answered in any network of
// ours.
var ErrSilent = errors.New("no device with this MAC address answers in the networks of this host")

// Find lists the IPv4 addresses at which the device with a MAC address answers
// now, the one that was heard of last first.
func (s *Seeker) Find(ctx context.Context, mac string) ([]netip.Addr, error) {
	began := time.Now()
	known := s.seen.where(mac, began.Add(-stale))
	table, _ := s.cfg.Table()
	for _, n := range table {
		if n.MAC == mac && !slices.Contains(known, n.Addr) {
			known = append(known, n.Addr)
		}
	}
	deaf := false
	for _, addr := range known {
		deaf = s.ask(addr) != nil || deaf
	}
	all := func() bool { return len(s.seen.where(mac, began)) >= len(known) }
	if len(known) > 0 && !deaf {
		s.seen.until(ctx, askAgain, all)
	}
	if now := s.seen.where(mac, began); len(now) > 0 {
		return now, nil
	}
	if err := s.sweep(ctx, mac, began); err != nil {
		return nil, err
	}
	if now := s.seen.where(mac, began); len(now) > 0 {
		return now, nil
	}
	return nil, ErrSilent
}

// ask asks for one address, one way or the other.
func (s *Seeker) ask(addr netip.Addr) error {
	err := s.cfg.Ask(addr)
	if err != nil {
		s.cfg.Prod(addr)
	}
	return err
}

// sweep asks for every address of our networks until the device answers. Where
// we cannot ask ourselves, the kernel's table is read meanwhile.
func (s *Seeker) sweep(ctx context.Context, mac string, began time.Time) error {
	var last time.Time
	select {
	case last = <-s.swept: // one at a time: the answers are for all
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.swept <- time.Now() }()
	deaf := false
	found := func() bool {
		if table, err := s.cfg.Table(); err == nil && deaf {
			for _, n := range table {
				if n.MAC == mac && n.Sure && s.seen.who(n.Addr, began) == "" {
					s.seen.note(n, time.Now())
				}
			}
		}
		return len(s.seen.where(mac, began)) > 0
	}
	if s.seen.until(ctx, max(time.Until(last.Add(sweepRest)), 0), found) {
		return nil
	}
	n := 0
	for _, p := range s.cfg.LAN() {
		if !p.Addr().Is4() || p.Bits() > 30 {
			continue
		}
		if p.Bits() < sweepBits {
			p = netip.PrefixFrom(p.Addr(), sweepBits)
		}
		for addr := p.Masked().Addr().Next(); p.Contains(addr.Next()); addr = addr.Next() {
			deaf = s.ask(addr) != nil || deaf
			if n++; n%8 == 0 && s.seen.until(ctx, sweepPace, found) || ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	for range 8 {
		if s.seen.until(ctx, askAgain, found) {
			break
		}
	}
	return ctx.Err()
}

// Alive looks whether a device is at an address: the one with this MAC address,
// or any where mac is empty.
func (s *Seeker) Alive(ctx context.Context, mac string, addr netip.Addr) Liveness {
	if slices.Contains(s.cfg.Own(), addr) {
		return There // we do not answer ourselves
	}
	near := slices.ContainsFunc(s.cfg.Prefixes(), func(p netip.Prefix) bool { return p.Contains(addr) })
	if !near || !addr.Is4() {
		return Unsure
	}
	began := time.Now()
	for range 3 {
		if s.cfg.Ask(addr) != nil {
			return Unsure
		}
		if s.seen.until(ctx, askAgain, func() bool { return s.seen.who(addr, began) != "" }) {
			break
		}
	}
	switch who := s.seen.who(addr, began); {
	case who == "" && ctx.Err() != nil:
		return Unsure
	case who == "" || mac != "" && who != mac:
		return Gone
	}
	return There
}
