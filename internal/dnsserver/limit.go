package dnsserver

// How often a client may ask.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/limit"
)

// DefaultRateLimit is how many questions that need upstream a client may ask
// in a second. It is far above what a house does behind one address, and far
// below what a device in a loop sends.
const DefaultRateLimit = 1000

// refusals is how many REFUSED replies a second leave for one network of
// strangers: over UDP their addresses may be forged, and somebody else is hit by
// what we send.
const refusals = 5

var refusalPace = limit.PaceOf(refusals)

// sourceOf returns what counts as one client: an IPv4 address, an IPv6 address
// of a network that we are on (the whole house shares its /64), and elsewhere
// the /64, of which one host has all addresses.
func (r *rules) sourceOf(addr netip.Addr) netip.Addr {
	if addr = addr.Unmap().WithZone(""); addr.Is4() || addr.IsLinkLocalUnicast() || r.acl.isOwn(addr) {
		return addr
	}
	return networkOf(addr, 0, 64)
}

// networkOf returns the address of the network that holds addr.
func networkOf(addr netip.Addr, v4, v6 int) netip.Addr {
	bits := v6
	if addr.Is4() {
		bits = v4
	}
	p, _ := addr.Prefix(bits) // both are in range
	return p.Addr()
}

// tooMany reports whether a client has asked too often for a reply over UDP
// now, and counts that. The truncated reply that it gets then brings a real
// client back over TCP, where it is only slowed down; a forged source gets no
// more than it sent.
func (s *Server) tooMany(from netip.Addr, k limit.Kind, now time.Time) bool {
	if s.overPace(from, k, now) == 0 {
		return false
	}
	s.count.limited.Add(1)
	return true
}

// overPace returns how long a client has to wait until it may ask again.
// Those who stand for many, and this host itself, never wait.
func (s *Server) overPace(from netip.Addr, k limit.Kind, now time.Time) time.Duration {
	r := s.rules.Load()
	p := r.paces.Inline
	if k == limit.Miss {
		p = r.paces.Miss
	}
	if p.None() {
		return 0
	}
	wait := s.limits.Take(r.sourceOf(from), k, p, now)
	if wait > 0 && s.exempt(from) {
		return 0
	}
	return wait
}

// mayRefuse reports whether a stranger may be told so over UDP. One that sent
// our cookie back is no forgery. Response rate limiting counts whole networks,
// as an attack does (the sizes are BIND's).
func (s *Server) mayRefuse(from netip.Addr, verified bool, now time.Time) bool {
	from = from.Unmap().WithZone("")
	if verified || s.strangers.Take(networkOf(from, 24, 56), limit.Miss, refusalPace, now) == 0 {
		return true
	}
	s.count.limited.Add(1)
	return false
}
