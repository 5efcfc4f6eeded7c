package dnsserver

// What a packet loop keeps to itself, so that loops on several cores do not wait
// for each other's cache lines.

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/limit"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// answerer answers questions at once, batch by batch. What is shared is read
// when a batch begins and written when it ends. Only one goroutine at a time may
// use it; make one with newAnswerer.
type answerer struct {
	server *Server
	now    time.Time
	zone   *zone.Zone
	met    circumstances
	// callers are clients that have just asked, by a hash of their address, and
	// asked those of them that did in this batch. Others are put into other.
	callers [callersKept]caller
	asked   []*caller
	other   caller
	counted tally
}

// callersKept is how many clients an answerer has at hand: more than ask at a
// time in most houses.
const callersKept = 64

// circumstances are all that is known of clients depends on.
type circumstances struct {
	rules          *rules
	gateways, ours *[]netip.Addr
	networks       *[]netip.Prefix
}

// caller is what is known of an address as long as the circumstances are the
// same.
type caller struct {
	addr      netip.Addr // as it came; invalid where the place is free
	view      zone.View
	place     limit.Place // of its clocks, where it is limited
	client    *client     // nil where it is not remembered
	questions uint64      // of this batch
	permitted bool
	unlimited bool
}

// tally are the counters that most questions touch, of one batch.
type tally struct {
	total, override, cached, refused, malformed, failed, limited, stale uint64
}

func newAnswerer(s *Server) *answerer {
	return &answerer{server: s, asked: make([]*caller, 0, callersKept)}
}

// begin starts a batch of questions that are there now.
func (a *answerer) begin(now time.Time) {
	s := a.server
	r := s.rules.Load()
	met := circumstances{rules: r, networks: r.acl.own.Load(), gateways: r.gateways.Load(), ours: s.ours.Load()}
	if met != a.met {
		a.met = met
		clear(a.callers[:])
	}
	a.now, a.zone = now, s.zone.Load()
}

// end counts what was asked since begin, for all to see.
func (a *answerer) end() {
	for _, c := range a.asked {
		a.note(c)
	}
	a.asked = a.asked[:0]
	if a.counted.total != 0 && a.server.quiet.Load() && a.server.quiet.Swap(false) {
		a.server.changed()
	}
	all := &a.server.count
	add(&all.total, a.counted.total)
	add(&all.override, a.counted.override)
	add(&all.cached, a.counted.cached)
	add(&all.refused, a.counted.refused)
	add(&all.malformed, a.counted.malformed)
	add(&all.failed, a.counted.failed)
	add(&all.limited, a.counted.limited)
	add(&all.stale, a.counted.stale)
	a.counted = tally{}
}

// add leaves a counter alone that does not change: to write it costs, whatever
// is added.
func add(to *atomic.Uint64, n uint64) {
	if n != 0 {
		to.Add(n)
	}
}

// note counts the questions of a client in this batch.
func (a *answerer) note(c *caller) {
	if c.questions != 0 && c.client != nil {
		c.client.saw(c.questions, a.now)
	}
	c.questions = 0
}

// caller returns what is known of an address, which has just asked.
func (a *answerer) caller(from netip.Addr) *caller {
	octets := from.As16()
	c := &a.callers[(octets[15]^octets[14]*31^octets[7]*17)%callersKept]
	if c.addr != from || c.client != nil && c.client.forgotten.Load() {
		a.meet(&a.other, from)
		if !a.other.permitted {
			return &a.other // who may ask is not forgotten for strangers
		}
		a.note(c)
		*c = a.other
	}
	if c.questions == 0 && c.client != nil {
		a.asked = append(a.asked, c)
	}
	c.questions++
	return c
}

// meet finds out about an address.
func (a *answerer) meet(c *caller, from netip.Addr) {
	r := a.met.rules
	*c = caller{addr: from, permitted: r.acl.permits(from)}
	r.fillView(&c.view, from)
	if c.permitted {
		if c.unlimited = r.paces.Inline.None() || a.server.exempt(from); !c.unlimited {
			c.place = a.server.limits.Place(r.sourceOf(from))
		}
		c.client = a.server.clients.of(from.Unmap())
	}
}

// tooMany reports whether the client has asked too often over UDP, and counts
// that it asked.
func (a *answerer) tooMany(c *caller) bool {
	return !c.unlimited && a.server.limits.TakeAt(&c.place, limit.Inline, a.met.rules.paces.Inline, a.now) > 0
}
