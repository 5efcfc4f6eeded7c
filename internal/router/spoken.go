package router

// Which router has answered by datagrams, and what it means when it has
// started anew: a router without UPnP has no other sign of that.

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/pcp"
)

// spoken is which router has answered in NAT-PMP and PCP.
type spoken struct {
	gateway, local netip.Addr // zero unless one of the next two
	pcp, natpmp    bool
	gateway6       netip.Addr // by PCP over IPv6; zero where none has
}

// note notes an answer, or that there is none, and reports whether that is
// news.
func (s *spoken) note(w way, gateway, local netip.Addr, answers bool) bool {
	before := *s
	switch {
	case w.six && answers:
		s.gateway6 = gateway
	case w.six:
		s.gateway6 = netip.Addr{}
	default:
		if answers && s.gateway != gateway {
			*s = spoken{gateway6: s.gateway6}
		}
		if answers {
			s.gateway, s.local = gateway, local
		}
		if w == byPCP {
			s.pcp = answers
		} else {
			s.natpmp = answers
		}
		if !s.pcp && !s.natpmp {
			s.gateway, s.local = netip.Addr{}, netip.Addr{}
		}
	}
	return *s != before
}

// show puts it into a status.
func (s *spoken) show(to *Status) {
	to.Speaks, to.SpeaksIPv6 = nil, s.gateway6
	if !to.Found {
		to.Address, to.Local = s.gateway, s.local
	}
	if s.gateway != to.Address {
		return // it was another router
	}
	if s.pcp {
		to.Speaks = append(to.Speaks, fact.MethodPCP)
	}
	if s.natpmp {
		to.Speaks = append(to.Speaks, fact.MethodNATPMP)
	}
}

// spoke notes that a router has answered. Where the search has found none, it
// is a router that was found: whoever was told that there is none tries again.
func (r *Router) spoke(w way, gateway, local netip.Addr) {
	local = cmp.Or(r.cfg.Host, local)
	r.report(func(s Status) Status {
		if !w.six && r.spoken.gateway.IsValid() && r.spoken.gateway != gateway {
			r.epochs = epochs{} // those of another router
		}
		if r.spoken.note(w, gateway, local, true) && !s.Found && s.Err != "" {
			s.Generation++
			r.log.Info("the router answers though it has no UPnP-IGD", "router", gateway, "protocol", w.name, "generation", s.Generation)
		}
		return s
	})
}

// spokeNot notes that it does not answer.
func (r *Router) spokeNot(w way) {
	r.report(func(s Status) Status {
		r.spoken.note(w, netip.Addr{}, netip.Addr{}, false)
		return s
	})
}

// grow makes a new Generation: what is kept on the router may be gone.
func (r *Router) grow(why string) {
	now, _ := r.report(func(s Status) Status {
		s.Generation++
		return s
	})
	r.log.Info("what is kept on the router may be gone", "why", why, "generation", now.Generation)
}

const (
	// epochGrace is how long a search waits that an epoch set off: the epoch
	// starts anew with each new address, too, and whoever asks for that goes
	// first.
	epochGrace = time.Second
	// epochGather is how long to wait where there is nothing to search for: a
	// router tells in both protocols, one datagram after the other.
	epochGather = 100 * time.Millisecond
	// oddEpochs is how many answers in a row may begin an epoch until the
	// router's clock is thought to stand still.
	oddEpochs = 4
	// newsEvery is how often announcements that go on from one another are
	// news: a router sends one up to ten times, in two minutes (RFC 6886,
	// section 3.2.1).
	newsEvery = time.Minute
)

// epochs are the router's epochs, by kind.
type epochs map[string]*epoch

// epoch is what the router told in one protocol.
type epoch struct {
	clock  pcp.Epoch
	inARow int       // answers that began an epoch, one after the other
	news   time.Time // when an announcement last was news
}

// of returns the epoch of a kind.
func (e epochs) of(kind string) *epoch {
	if e[kind] == nil {
		e[kind] = new(epoch)
	}
	return e[kind]
}

// restarted takes an epoch that came at now, and reports whether it started
// anew. found is when a router was found by search; zero where none is known.
// Announcements, which anybody in the LAN can forge, are no evidence of a clock
// that stands still: else a liar could make us deaf.
func (e *epoch) restarted(kind string, server uint32, announced bool, now, found time.Time) bool {
	again := false
	if kind == kindNATPMP {
		again = e.clock.NATPMP(server, now)
	} else {
		again = e.clock.PCP(server, now)
	}
	// One that began after the router was found is new, too.
	since := now.Add(-time.Duration(server) * time.Second)
	if !found.IsZero() && since.After(found.Add(epochSlack)) {
		again = true
	}
	switch {
	case announced:
		return again
	case !again:
		e.inARow = 0
		return false
	}
	e.inARow++
	return e.inARow < oddEpochs
}

// noteEpoch follows the epochs that the router tells in answers, and in what it
// announces to all.
func (r *Router) noteEpoch(kind string, server uint32, announced bool) {
	now := time.Now()
	r.mu.Lock()
	found := r.known.began
	if kind == byPCP6.kind {
		found = time.Time{} // it may be another router
	}
	restarted := r.epochs.of(kind).restarted(kind, server, announced, now, found)
	r.mu.Unlock()
	if restarted {
		r.startedAnew("its epoch ("+kind+") started anew", found.IsZero())
	}
}

// startedAnew suspects that the router has restarted. One that is not known by
// search has no other sign of that than this.
func (r *Router) startedAnew(why string, unfound bool) {
	wait := epochGrace
	if unfound {
		wait = epochGather
	}
	if !r.running.Load() && unfound {
		r.grow(why) // nobody would search
		return
	}
	r.suspect(suspicion{why: why, restarted: true, notBefore: time.Now().Add(wait)})
}

// noteAnnouncement takes the router's word that something is new, where its
// epoch has not told so already: a router may take its epoch from a clock that
// a restart of its service leaves alone. A router that was found by search has
// better signs.
func (r *Router) noteAnnouncement(kind string) {
	now := time.Now()
	r.mu.Lock()
	e := r.epochs.of(kind)
	news := r.known.began.IsZero() && now.Sub(e.news) >= newsEvery
	if news {
		e.news = now
	}
	r.mu.Unlock()
	if news {
		r.startedAnew("it announces itself ("+kind+")", true)
	}
}
