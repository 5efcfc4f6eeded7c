package dnsserver

// How often one client may ask, in bounded memory and without allocating.

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// DefaultRateLimit is how many questions that need upstream a client may ask
// in a second. It is far above what a house does behind one address, and far
// below what a device in a loop sends.
const DefaultRateLimit = 1000

const (
	// inlineFactor is how many more questions may be asked that cost us little.
	inlineFactor = 20
	// burstSeconds is for how long a client may ask at twice its rate.
	burstSeconds = 2
	// refusals is how many REFUSED replies a second leave for one network of
	// strangers: over UDP their addresses may be forged, and somebody else is
	// hit by what we send.
	refusals = 5
	// maxRateLimit is a tenth of a microsecond between questions.
	maxRateLimit = 10_000_000
)

// pace is a token bucket's shape as GCRA has it: a question moves the client's
// clock on by interval, and the clock may be ahead of ours by slack.
type pace struct{ interval, slack time.Duration }

// paceOf returns the pace of rate questions a second; a rate of 0 or less is
// no limit.
func paceOf(rate int) pace {
	if rate <= 0 {
		return pace{}
	}
	rate = min(rate, maxRateLimit)
	return pace{time.Second / time.Duration(rate), burstSeconds * time.Second}
}

// paces are the limits that the rules set.
type paces struct{ miss, inline pace }

func pacesOf(rate int) paces {
	if rate <= 0 {
		return paces{}
	}
	return paces{paceOf(rate), paceOf(rate * inlineFactor)}
}

var refusalPace = paceOf(refusals)

// kind is which of its clocks a client moves on.
type kind uint8

const (
	missKind kind = iota
	inlineKind
	kinds
)

// The table of clocks: limitSets * limitWays sources are remembered. Where a
// set is full, the source whose clocks are furthest behind is forgotten, which
// gives it its burst again.
const (
	limitSets = 1024
	limitWays = 4
)

// limiter keeps the clocks of sources. Make one with newLimiter.
type limiter struct {
	seed  maphash.Seed // so that nobody can aim at a set
	start time.Time
	sets  [limitSets]limitSet
}

type limitSet struct {
	mu    sync.Mutex
	slots [limitWays]limitSlot // guarded by mu
}

type limitSlot struct {
	source [16]byte
	clocks [kinds]time.Duration // since the limiter's start
}

// ahead is the later of a slot's clocks.
func (s *limitSlot) ahead() time.Duration { return max(s.clocks[missKind], s.clocks[inlineKind]) }

func newLimiter() *limiter { return &limiter{seed: maphash.MakeSeed(), start: time.Now()} }

// take counts a question of a source. It returns 0 where the source is within
// its pace, and otherwise how long it has to wait; then nothing is counted.
func (l *limiter) take(source netip.Addr, k kind, p pace, now time.Time) time.Duration {
	if p.interval == 0 {
		return 0
	}
	key := source.As16()
	// The monotonic clock: a set wall clock must not shut anybody out.
	at := now.Sub(l.start)
	set := &l.sets[maphash.Bytes(l.seed, key[:])%limitSets]
	set.mu.Lock()
	defer set.mu.Unlock()
	clock := &set.slot(key).clocks[k]
	if wait := *clock - p.slack - at; wait > 0 {
		return wait
	}
	*clock = max(*clock, at) + p.interval
	return 0
}

// slot returns the slot of a source, with set.mu held.
func (set *limitSet) slot(key [16]byte) *limitSlot {
	oldest := &set.slots[0]
	for i := range set.slots {
		s := &set.slots[i]
		if s.source == key {
			return s
		}
		if s.ahead() < oldest.ahead() {
			oldest = s
		}
	}
	*oldest = limitSlot{source: key}
	return oldest
}

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
func (s *Server) tooMany(from netip.Addr, k kind, now time.Time) bool {
	if s.overPace(from, k, now) == 0 {
		return false
	}
	s.count.limited.Add(1)
	return true
}

// overPace returns how long a client has to wait until it may ask again.
// Those who stand for many, and this host itself, never wait.
func (s *Server) overPace(from netip.Addr, k kind, now time.Time) time.Duration {
	r := s.rules.Load()
	p := r.paces.inline
	if k == missKind {
		p = r.paces.miss
	}
	if p.interval == 0 {
		return 0
	}
	wait := s.limits.take(r.sourceOf(from), k, p, now)
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
	if verified || s.strangers.take(networkOf(from, 24, 56), missKind, refusalPace, now) == 0 {
		return true
	}
	s.count.limited.Add(1)
	return false
}
