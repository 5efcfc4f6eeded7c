package relay

// How many connections there may be, and how many of one source.

import (
	"net/netip"
	"sync"
)

// seats counts the connections. The zero value has none to give.
type seats struct {
	most, mostEach int

	mu   sync.Mutex
	all  int                  // guarded by mu
	each map[netip.Prefix]int // guarded by mu; no zeros
}

// sourceOf is whom an address counts for: itself, or for IPv6 its /64, of which
// one host may use all.
func sourceOf(a netip.Addr) netip.Prefix {
	bits := 64
	if a = a.Unmap(); a.Is4() {
		bits = 32
	}
	source, _ := a.WithZone("").Prefix(bits)
	return source
}

// take gives a seat to a source, or says why there is none.
func (s *seats) take(source netip.Prefix) (why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.all >= s.most:
		return "there are as many connections as there may be"
	case s.each[source] >= s.mostEach:
		return "its source has as many connections as one may have"
	}
	s.all++
	s.each[source]++
	return ""
}

// leave gives a seat back.
func (s *seats) leave(source netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.each[source]--; s.each[source] == 0 {
		delete(s.each, source)
	}
}

// taken is how many seats are taken.
func (s *seats) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}
