package router

// Routers that do not speak NAT-PMP or PCP: they are asked rarely.

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// ErrSilent means that the router does not answer this protocol, was asked in
// vain before, and is not asked again for a while. It cost nothing to learn.
var ErrSilent = errors.New("the router does not answer")

const (
	silentTries = 2 // calls in a row without an answer, until it is not asked
	silentLeast = time.Minute
	silentMost  = time.Hour
	// silentKnown is the wait for one that has answered before: it restarts,
	// and what tells of its return may not be heard here.
	silentKnown = 15 * time.Second
)

// silence is what is remembered of one protocol.
type silence struct {
	to    hearing
	known bool          // it has answered before
	tries int           // calls in a row without an answer
	wait  time.Duration // the last one imposed
	until time.Time     // not asked before; zero means that it is
	why   error
}

// hearing is who was asked, and what had been heard of him by then. With
// another one, what is remembered no longer counts.
type hearing struct {
	gateway    netip.Addr
	generation uint64
	hints      uint64
}

// refuse returns an error where the router must not be asked at now.
func (s *silence) refuse(protocol string, to hearing, now time.Time) error {
	if s.to != to {
		*s = silence{to: to, known: s.known && s.to.gateway == to.gateway}
	}
	if now.Before(s.until) {
		return fmt.Errorf("%w %s, and is not asked again before %s: %w", ErrSilent, protocol, s.until.Format(time.TimeOnly), s.why)
	}
	return nil
}

// failed notes that the router did not answer, or for good that it said that
// it does not speak the protocol. It reports whether the router is no longer
// asked.
func (s *silence) failed(now time.Time, why error, forGood bool) bool {
	s.tries++
	if s.tries < silentTries && !forGood {
		return false
	}
	s.wait = min(max(2*s.wait, silentLeast), silentMost)
	if s.known = s.known && !forGood; s.known {
		s.wait = silentKnown
	}
	s.until, s.why = now.Add(s.wait), why
	return true
}

// answered forgets all failures.
func (s *silence) answered() { *s = silence{to: s.to, known: true} }
