package limit

// Each client's share of what there is a bounded number of.

import (
	"net/netip"
	"sync"
)

// Shares counts what each client holds. It remembers no more clients than hold
// something. The zero value is ready, and its methods may be called from any
// goroutine.
type Shares struct {
	mu   sync.Mutex
	held map[netip.Addr]int // guarded by mu
}

// Take counts one more, if the client holds fewer than most.
func (s *Shares) Take(client netip.Addr, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[client] >= most {
		return false
	}
	if s.held == nil {
		s.held = make(map[netip.Addr]int)
	}
	s.held[client]++
	return true
}

// Give counts one less of a client that has taken it.
func (s *Shares) Give(client netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[client]--; s.held[client] <= 0 {
		delete(s.held, client)
	}
}
