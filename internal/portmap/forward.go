package portmap

// What is known of one forward: whose the router's entry is, and how long it
// stands.

import (
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	mark           = "edgeguard" // how every description of ours begins
	maxDescription = 64          // octets; longer ones are refused by some routers

	// tooSoon is the age before which an entry does not end in a sound router,
	// however short its leases.
	tooSoon = 2 * time.Minute
)

// forward is one forward under care. It belongs to the Keeper's Run.
type forward struct {
	Forward
	description string
	status      ForwardStatus

	due, tried time.Time
	failures   int  // rounds in a row that did not end well
	refused    bool // the last failure was the router's answer, or the lack of one to a call

	fresh      bool          // in this round there was no entry before ours
	asked      bool          // an entry of ours was seen or asked for: it may be there
	addedAt    time.Time     // when the last asking succeeded; zero when none has
	addedLease time.Duration // asked for then; zero means without an end
	granted    time.Duration // the lease read back right after it; zero when none was
	renewAfter time.Time     // a renewal that did not lengthen the lease waits for this
	expires    time.Time     // when the entry ends by what was read back; zero when it does not
	early      int           // times in a row that the entry vanished right after it was made
	altered    string        // the description that the router gave an entry of ours; empty when it kept ours
}

func newForward(f Forward, enabled bool) *forward {
	state := StatePending
	if !enabled {
		state = StateDisabled
	}
	return &forward{
		Forward:     f,
		description: description(f.Service),
		status: ForwardStatus{
			Service:      f.Service,
			Protocol:     f.Protocol,
			ExternalPort: f.ExternalPort,
			Internal:     f.Internal,
			State:        state,
		},
	}
}

// description is what our entry is called in the router: printable ASCII only,
// as routers garble the rest.
func description(service string) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, mark+" "+service)
	return strings.TrimSpace(text[:min(len(text), maxDescription)])
}

// holder says whose an entry is.
type holder int

const (
	others holder = iota
	ours          // our internal client and port, our description
	byHand        // our internal client and port, another description
	stale         // our internal client and description, another port: the config has changed
)

func (f *forward) holder(e fact.Mapping) holder {
	marked := strings.HasPrefix(e.Description, mark)
	switch {
	case e.Internal == f.Internal && (marked || f.altered != "" && e.Description == f.altered):
		return ours
	case e.Internal == f.Internal:
		return byHand
	case e.Internal.Addr() == f.Internal.Addr() && marked:
		return stale
	}
	return others
}

// added notes that the router took a mapping with the given lease.
func (f *forward) added(lease time.Duration, now time.Time) {
	f.addedAt, f.addedLease = now, lease
	f.granted, f.expires, f.renewAfter = 0, time.Time{}, time.Time{}
}

// seen notes what is left of our entry's lease. Some routers always show the
// whole lease, so the earliest end that was ever read counts.
func (f *forward) seen(left time.Duration, now time.Time) {
	f.asked = true
	f.ends(left, now)
}

// ends notes when an entry ends, whoever made it.
func (f *forward) ends(left time.Duration, now time.Time) {
	if left == 0 {
		f.expires = time.Time{}
		return
	}
	if end := now.Add(left); f.expires.IsZero() || end.Before(f.expires) {
		f.expires = end
	}
}

// renewAt is when our entry should be asked for again, given the lease that is
// usually asked for; the zero time means never. seen must have been called.
func (f *forward) renewAt(usual time.Duration, now time.Time) time.Time {
	switch {
	case f.expires.IsZero() && f.addedAt.IsZero():
		return now // without an end though nobody asked so: a ghost of an earlier run
	case f.expires.IsZero() && f.addedLease == 0:
		return time.Time{}
	case f.expires.IsZero() && f.granted == 0 && now.Sub(f.addedAt) < f.addedLease/2:
		return f.addedAt.Add(f.addedLease / 2) // the router shows no leases
	case f.expires.IsZero():
		return now // it had an end when it was made: a ghost that outlived a restart
	}
	whole := f.granted
	if whole == 0 {
		whole = usual
	}
	at := f.expires.Add(-whole / 2)
	if f.renewAfter.After(at) {
		at = f.renewAfter
	}
	return at
}

// vanished notes that the entry is gone, and reports whether that has now
// happened twice in a row right after it was made.
func (f *forward) vanished(now time.Time) bool {
	soon := min(tooSoon, f.addedLease/2)
	if f.addedAt.IsZero() || f.addedLease == 0 || now.Sub(f.addedAt) >= soon {
		f.early = 0
		return false
	}
	f.early++
	return f.early >= 2
}

// hurry makes the forward due now, or shortly where the router has just
// refused it.
func (f *forward) hurry(now time.Time) {
	due := now
	if f.refused {
		pause := min(5*time.Second<<min(f.failures, 10), time.Minute)
		if t := f.tried.Add(pause); t.After(now) {
			due = t
		}
	}
	if due.Before(f.due) {
		f.due = due
	}
}

// shownExpiry is LeaseExpiresAt. Readings differ by the second in which they
// were taken, which is not worth a new status.
func (f *forward) shownExpiry(state State, before time.Time) time.Time {
	if state != StateActive || f.expires.IsZero() {
		return time.Time{}
	}
	if d := f.expires.Sub(before); d.Abs() <= 2*time.Second {
		return before
	}
	return f.expires.Round(0).Truncate(time.Second)
}
