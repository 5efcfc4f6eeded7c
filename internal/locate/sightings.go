package locate

// Who was seen at which address of the LAN, in ARP and in the kernel's table.

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// maxSightings bounds what is remembered of the LAN: a /22 full of devices.
	maxSightings = 1024
	// stale is for how long a sighting is worth asking about.
	stale = time.Hour
)

// Sighting is a device at an address.
type Sighting struct {
	Addr netip.Addr
	// MAC is in the form aa:bb:cc:dd:ee:ff.
	MAC string
	// Sure is whether it was confirmed to be there lately.
	Sure bool
}

// sightings remember who was seen where. The zero value is ready.
type sightings struct {
	mu   sync.Mutex
	at   map[netip.Addr]seen // guarded by mu
	news chan struct{}       // guarded by mu; closed at the next sighting; may be nil
}

type seen struct {
	mac string
	at  time.Time
}

// note takes in a sighting, and reports whether the device was not known there.
func (s *sightings) note(of Sighting, at time.Time) (moved bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.at[of.Addr]
	if s.at == nil || !known && len(s.at) >= maxSightings {
		s.at = map[netip.Addr]seen{} // a flood: what matters is soon seen again
	}
	s.at[of.Addr] = seen{of.MAC, at}
	if s.news != nil {
		close(s.news)
		s.news = nil
	}
	return before.mac != of.MAC
}

// where lists the addresses at which a device was seen since, the newest first.
func (s *sightings) where(mac string, since time.Time) (addrs []netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for addr, was := range s.at {
		if was.mac == mac && !was.at.Before(since) {
			addrs = append(addrs, addr)
		}
	}
	slices.SortFunc(addrs, func(a, b netip.Addr) int {
		return cmp.Or(s.at[b].at.Compare(s.at[a].at), a.Compare(b))
	})
	return addrs
}

// who is the MAC address seen at addr since; empty where none was.
func (s *sightings) who(addr netip.Addr, since time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.at[addr]; !was.at.Before(since) {
		return was.mac
	}
	return ""
}

// until waits for sightings until enough says so, for at most so long, and
// reports whether it did.
func (s *sightings) until(ctx context.Context, most time.Duration, enough func() bool) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	for {
		s.mu.Lock()
		if s.news == nil {
			s.news = make(chan struct{})
		}
		news := s.news
		s.mu.Unlock()
		if enough() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return enough()
		case <-news:
		}
	}
}
