package notify

// What is to be told to one target, and when: pure, with the time as an
// argument.

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	// gather is how long the first thing to tell waits for others.
	gather = 10 * time.Second
	// settle is how long a changed address waits for its records to be right.
	settle = 2 * time.Minute
	// wholeFor is how long a link must pass to be whole again.
	wholeFor = 30 * time.Second
	// perHour bounds the messages in any hour.
	perHour = 10
	// maxLinks bounds how many links are followed.
	maxLinks = 32
)

// tracker follows the facts for one target. One goroutine uses it.
type tracker struct {
	on    []Event
	after time.Duration

	v4, v6 family
	links  map[string]*course
	sent   []time.Time // messages of the last hour, oldest first
	first  time.Time   // when the first thing to tell was seen; zero: nothing
	in     Input
}

// family is what is known of one address.
type family struct {
	told  netip.Addr // what the receiver knows; zero before the first
	now   netip.Addr // the latest Known one
	since time.Time  // since when now differs from told
}

// course is how one link has been. Time in which nobody knew counts for
// neither state.
type course struct {
	verdict fact.Verdict
	seen    time.Time     // when verdict was last accounted for
	bad     time.Duration // how long it has failed
	good    time.Duration // how long it has passed since, or warned
	since   time.Time     // when the failure began
	told    bool
	link    Link
}

func newTracker(on []Event, after time.Duration) *tracker {
	if on == nil {
		on = Events()
	}
	if after == 0 {
		after = DefaultAfter
	}
	return &tracker{on: on, after: after, links: map[string]*course{}}
}

// observe takes in what is known at now.
func (t *tracker) observe(in Input, now time.Time) {
	t.in = in
	t.v4.observe(in.IPv4, now)
	t.v6.observe(in.IPv6, now)
	for _, link := range in.Links {
		c := t.links[link.ID]
		if c == nil {
			if len(t.links) >= maxLinks {
				continue
			}
			c = &course{seen: now}
			t.links[link.ID] = c
		}
		c.observe(link, now)
	}
}

func (f *family) observe(o fact.Observation, now time.Time) {
	if o.State != fact.Known || !o.Addr.IsValid() {
		return
	}
	f.now = o.Addr
	switch {
	case !f.told.IsValid():
		f.told = o.Addr // where it all begins is no change
	case f.now == f.told:
		f.since = time.Time{}
	case f.since.IsZero():
		f.since = now
	}
}

// observe accounts for the time since the last look, which was spent in the
// verdict of then, and takes the new one over.
func (c *course) observe(link Link, now time.Time) {
	if spent := now.Sub(c.seen); spent > 0 {
		switch c.verdict {
		case fact.VerdictFail:
			c.bad += spent
		case fact.VerdictPass, fact.VerdictWarn:
			c.good += spent
		}
	}
	switch link.Verdict {
	case fact.VerdictFail:
		c.good = 0
		if c.since.IsZero() {
			c.since, c.bad = now, 0
			if !link.Since.IsZero() && link.Since.Before(now) { // it failed before we were told
				c.since, c.bad = link.Since, now.Sub(link.Since)
			}
		}
	case fact.VerdictPass, fact.VerdictWarn:
		if !c.told { // it did not last
			c.since, c.bad = time.Time{}, 0
		}
	}
	c.verdict, c.seen = link.Verdict, now
	if link.Verdict != fact.VerdictUnknown {
		c.link = link
	}
}

// wait is how long until the course as it is now becomes news; ok is false
// where it never does by itself. Zero or less means that it is news.
func (c *course) wait(after time.Duration) (wait time.Duration, ok bool) {
	switch {
	case c.verdict == fact.VerdictFail && !c.told:
		return after - c.bad, true
	case c.verdict == fact.VerdictPass && c.told:
		return min(wholeFor, after) - c.good, true
	case c.verdict == fact.VerdictWarn && c.told:
		return after - c.good, true
	}
	return 0, false
}

// wait is the same for an address. Records that are right need not be waited
// for.
func (f *family) wait(records []Record, rrtype string, now time.Time) (wait time.Duration, ok bool) {
	if f.since.IsZero() {
		return 0, false
	}
	for _, r := range records {
		if r.Type == rrtype && (!r.Verified || r.Address != f.now) {
			return settle - now.Sub(f.since), true
		}
	}
	return 0, true
}

// step returns the facts to tell now, marked as told, and when to look again;
// a zero next means only when something changes.
func (t *tracker) step(now time.Time) (facts []Fact, next time.Duration) {
	due, next := t.due(now)
	if len(due) == 0 {
		t.first = time.Time{}
		return nil, next
	}
	if t.first.IsZero() {
		t.first = now
	}
	t.sent = slices.DeleteFunc(t.sent, func(at time.Time) bool { return now.Sub(at) >= time.Hour || at.After(now) })
	wait := gather - now.Sub(t.first)
	if len(t.sent) >= perHour {
		wait = max(wait, time.Hour-now.Sub(t.sent[len(t.sent)-perHour]))
	}
	if wait > 0 {
		return nil, sooner(next, wait)
	}
	for _, d := range due {
		d.mark()
		if slices.Contains(t.on, d.fact.Event) {
			facts = append(facts, d.fact)
		}
	}
	t.first = time.Time{}
	if len(facts) > 0 {
		t.sent = append(t.sent, now)
	}
	return facts, next
}

// sooner is the earlier of two waits, of which zero means none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b < a {
		return b
	}
	return a
}

// news is one fact that is due, and how to note that it was told.
type news struct {
	fact Fact
	mark func()
}

// due lists what is news at now, and when more may be.
func (t *tracker) due(now time.Time) (list []news, next time.Duration) {
	for _, f := range []struct {
		family *family
		rrtype string
	}{{&t.v4, "A"}, {&t.v6, "AAAA"}} {
		switch wait, ok := f.family.wait(t.in.Records, f.rrtype, now); {
		case ok && wait <= 0:
			list = append(list, f.family.news(t.in.Records, f.rrtype))
		case ok:
			next = sooner(next, wait)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.links)) {
		c := t.links[id]
		switch wait, ok := c.wait(t.after); {
		case ok && wait <= 0:
			list = append(list, c.news(id, now))
		case ok:
			next = sooner(next, wait)
		}
	}
	return list, next
}

func (c *course) news(id string, now time.Time) news {
	f := Fact{Event: Failure, Link: id, Summary: words(c.link.Summary), Action: words(c.link.Action), Since: stamp(c.since)}
	if c.told {
		f.Event, f.Since = Recovery, stamp(now.Add(-c.good))
	}
	return news{f, func() {
		if c.told {
			*c = course{verdict: c.verdict, seen: c.seen, link: c.link}
			return
		}
		c.told, c.good = true, 0
	}}
}

func (f *family) news(records []Record, rrtype string) news {
	var right, wrong []string
	for _, r := range records {
		switch {
		case r.Type != rrtype:
		case r.Verified && r.Address == f.now:
			right = append(right, r.Name)
		default:
			wrong = append(wrong, r.Name)
		}
	}
	text := "The public address was " + f.told.String() + " and is now " + f.now.String() + "."
	if len(right) > 0 {
		text += " Right already: " + strings.Join(right, ", ") + "."
	}
	if len(wrong) > 0 {
		text += " Not right yet: " + strings.Join(wrong, ", ") + "."
	}
	return news{
		Fact{Event: Change, Summary: words(text), Since: stamp(f.since), Old: f.told, New: f.now},
		func() { f.told, f.since = f.now, time.Time{} },
	}
}

// addrOf is the address of an observation; the zero Addr where none is known.
func addrOf(o fact.Observation) netip.Addr {
	if o.State != fact.Known {
		return netip.Addr{}
	}
	return o.Addr
}
