package portmap

// How long an entry in the router's table stands, by what was asked for and
// what was read back.

import "time"

// tooSoon is the age before which an entry does not end in a sound router,
// however short its leases.
const tooSoon = 2 * time.Minute

// lease is what is known of our entry's lease.
type lease struct {
	addedAt    time.Time     // when the last asking succeeded; zero when none has
	addedLease time.Duration // asked for then; zero means without an end
	granted    time.Duration // the lease read back right after it; zero when none was
	renewAfter time.Time     // a renewal that did not lengthen the lease waits for this
	expires    time.Time     // when the entry ends by what was read back; zero when it does not
	early      int           // times in a row that the entry vanished right after it was made
	prior      time.Time     // expires before the last asking
	stuck      bool          // the last asking did not lengthen it: only deleting it first does
}

// added notes that the router took a mapping with the given lease.
func (l *lease) added(asked time.Duration, now time.Time) {
	l.addedAt, l.addedLease, l.prior = now, asked, l.expires
	l.granted, l.expires, l.renewAfter, l.stuck = 0, time.Time{}, time.Time{}, false
}

// standsByClock reports whether the router took our last asking for long enough
// that the entry should stand now.
func (l *lease) standsByClock(now time.Time) bool {
	return !l.addedAt.IsZero() && (l.addedLease == 0 || now.Before(l.addedAt.Add(l.addedLease)))
}

// seen notes what is left of an entry's lease, whoever made it. Some routers
// always show the whole lease, so the earliest end that was ever read counts.
func (l *lease) seen(left time.Duration, now time.Time) {
	if left == 0 {
		l.expires = time.Time{}
		return
	}
	if end := now.Add(left); l.expires.IsZero() || end.Before(l.expires) {
		l.expires = end
	}
}

// renewAt is when our entry should be asked for again, given the lease that is
// usually asked for; the zero time means never. seen must have been called.
func (l *lease) renewAt(usual time.Duration, now time.Time) time.Time {
	switch {
	case l.expires.IsZero() && l.addedAt.IsZero():
		return now // without an end though nobody asked so: a ghost of an earlier run
	case l.expires.IsZero() && l.addedLease == 0:
		return time.Time{}
	case l.expires.IsZero() && l.granted == 0 && now.Sub(l.addedAt) < l.addedLease/2:
		return l.addedAt.Add(l.addedLease / 2) // the router shows no leases
	case l.expires.IsZero():
		return now // it had an end when it was made: a ghost that outlived a restart
	}
	whole := l.granted
	if whole == 0 {
		whole = usual
	}
	at := l.expires.Add(-whole / 2)
	if l.renewAfter.After(at) {
		at = l.renewAfter
	}
	return at
}

// readAfter notes the lease that was read back right after asking. Where that
// has left the entry with its old end, it is asked for again only as its end
// nears, and then anew. Many routers give less than was asked for; what they
// give is a whole lease all the same.
func (l *lease) readAfter(left time.Duration, fresh bool, now time.Time) {
	l.seen(left, now)
	l.granted = left
	if !fresh && left > 0 && !l.prior.IsZero() && now.Add(left).Before(l.prior.Add(5*time.Second)) {
		l.granted, l.stuck = max(l.addedLease, left), true
		l.renewAfter = now.Add(max(left-lastCall, 5*time.Second))
	}
}

// lastCall is how long before its end an entry that cannot be renewed is
// deleted and made anew.
const lastCall = 20 * time.Second

// vanished notes that the entry is gone, and reports whether that has now
// happened twice in a row right after it was made.
func (l *lease) vanished(now time.Time) bool {
	soon := min(tooSoon, l.addedLease/2)
	if l.addedAt.IsZero() || l.addedLease == 0 || now.Sub(l.addedAt) >= soon {
		l.early = 0
		return false
	}
	l.early++
	return l.early >= 2
}

// shown is an instant for the status: readings differ by the second in which
// they were taken, which is not worth a new status.
func shown(at, before time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	if d := at.Sub(before); d.Abs() <= 2*time.Second {
		return before
	}
	return at.Round(0).Truncate(time.Second)
}
