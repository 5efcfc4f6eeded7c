package dnsserver

// Each client's share of the workers.

import (
	"net/netip"
	"sync"
)

// shares counts the questions of each client that wait for upstream. It holds
// at most as many clients as there are workers.
type shares struct {
	mu   sync.Mutex
	held map[netip.Addr]int // guarded by mu
}

// take counts a question, if the client has fewer than most.
func (s *shares) take(client netip.Addr, most int) bool {
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

func (s *shares) give(client netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[client]--; s.held[client] <= 0 {
		delete(s.held, client)
	}
}

// share returns how many workers a client may hold: half of them, so that one
// device with ten thousand hanging questions does not starve the others. Who
// stands for many may hold all.
func (s *Server) share(client netip.Addr) int {
	all := cap(s.workers.slots)
	if s.exempt(client) {
		return all
	}
	return max(1, all/2)
}
