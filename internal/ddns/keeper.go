package ddns

// The loop that keeps one record.

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// keeper keeps one record. Its fields below the line belong to its loop.
type keeper struct {
	index     int // in the order of the config
	rec       RecordConfig
	provider  provider.Provider
	authority Authority
	source    *watch.Value[fact.Observation]
	account   *account
	encrypted func() bool // whether a resolver's word may be asked for
	timeout   time.Duration
	recheck   time.Duration
	rand      *rand.Rand
	log       *slog.Logger
	store     *store
	publish   func(index int, v view)
	loop      *loop.Loop
	kicked    atomic.Bool                      // somebody wants to know at once what every server says
	kept      atomic.Bool                      // another manager goes on with the record
	noticed   atomic.Pointer[fact.Observation] // want, for those beside the loop; nil before the first round

	// ---
	mem        memory
	started    bool // a round has ended
	want       fact.Observation
	answer     authority.Answer // of the last look since the last change
	resolved   authority.Reply  // what a resolver said in the servers' place
	published  fact.Observation
	phase      Phase
	proxied    bool
	edited     bool            // somebody else has changed the record
	byResolver bool            // the phase rests on a resolver's word
	behind     bool            // the provider says that its proxy is on
	looks      int             // looks since the last write or change
	failures   int             // failed writes in a row
	retryAt    time.Time       // when a failed write may be repeated
	writeErr   *provider.Fault // of the last write; nil when it was taken
	lookErr    string          // of the last look; empty when servers answered
	verified   time.Time       // when the servers last showed what is wanted
	wrong      time.Time       // since when the record is known to be wrong
	changed    time.Time       // when the provider last took another value
	reported   string          // the error last logged
	told       Phase           // the phase last logged
}

// step is one round: look, decide, perhaps write, and say how it stands. Where
// it is known that the record says something else there is nothing to look at
// before the write.
func (k *keeper) step(ctx context.Context) (time.Duration, error) {
	k.notice()
	if !k.outdated() && !k.look(ctx) {
		return 0, nil // the address has changed meanwhile
	}
	if ctx.Err() != nil {
		return 0, nil
	}
	wait := k.act(ctx)
	if ctx.Err() != nil {
		return 0, nil
	}
	k.started = true
	k.tell(wait)
	return wait, nil
}

// notice takes over the address.
func (k *keeper) notice() {
	want := k.rec.desired(k.source.Load())
	if !want.SameValue(k.want) {
		k.looks, k.failures, k.retryAt = 0, 0, time.Time{}
		k.verified, k.wrong = time.Time{}, time.Time{}
		k.answer, k.resolved, k.lookErr = authority.Answer{}, authority.Reply{}, ""
		k.writeErr, k.proxied = nil, false
	}
	k.want = want
	k.noticed.Store(&want)
}

// wanted reports whether there is an address that the record should say.
func (k *keeper) wanted() bool { return k.want.State == fact.Known }

// outdated reports whether the record is known to say another address than it
// should, so that the write comes before the look. What happened to it before
// we started is not known, and who kicks wants to know.
func (k *keeper) outdated() bool {
	return k.started && k.wanted() && !k.kicked.Load() &&
		k.mem.Stopped == "" && k.mem.Outcome == outcomeTaken && k.mem.Addr != k.want.Addr
}

// awaitOther returns once the record should say something else than want, or
// ctx ends.
func (k *keeper) awaitOther(ctx context.Context, want fact.Observation) {
	for {
		now, changed := k.source.Get()
		if !k.rec.desired(now).SameValue(want) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// follow wakes the loop when the record should say something else, unless a
// round has begun with that already, as after a look that was broken off. A look
// that found the same again is none of its business.
func (k *keeper) follow(ctx context.Context, last fact.Observation) {
	for {
		if k.awaitOther(ctx, last); ctx.Err() != nil {
			return
		}
		last = k.rec.desired(k.source.Load())
		if noticed := k.noticed.Load(); noticed == nil || !noticed.SameValue(last) {
			k.loop.Kick()
		}
	}
}

// act does what the plan says and returns how long to wait for the next round.
func (k *keeper) act(ctx context.Context) time.Duration {
	now := time.Now()
	if !k.wanted() {
		k.phase, k.proxied, k.edited, k.byResolver = PhaseObserved, false, false, false
		if k.mem.Stopped != "" {
			k.phase = PhaseStopped
		}
		return k.later(k.recheck)
	}
	d := k.plan(now)
	k.phase, k.proxied, k.edited, k.byResolver = d.Phase, d.Proxied, d.Edited, d.ByResolver
	k.noteWrong(now)
	switch {
	case d.ByResolver:
		k.noteResolved(now)
	case d.Phase == PhaseVerified:
		k.noteVerified(now)
	case !d.Write.IsZero() && !d.Write.After(now):
		d.Write = k.write(ctx, d)
	}
	return k.wait(d)
}

// plan asks for the decision.
func (k *keeper) plan(now time.Time) decision {
	mem := k.mem
	if held := k.account.held(); held.After(mem.NotBefore) {
		mem.NotBefore = held
	}
	return plan(evidence{
		mem: mem, desired: k.want.Addr, answer: k.answer, resolved: k.resolved, retryAt: k.retryAt, now: now,
		proxied: k.behind || k.rec.Provider == "cloudflare" && behindCloudflare(k.answer.Seen()),
	})
}

// wait is how long it is until the next round.
func (k *keeper) wait(d decision) time.Duration {
	if k.phase == PhaseVerified || k.phase == PhaseStopped {
		return k.later(k.recheck)
	}
	if k.outdated() && !d.Write.IsZero() {
		return min(max(time.Until(d.Write), 0), k.recheck) // there is nothing to look at before
	}
	wait := loop.Jitter(verifyWait(k.looks, k.recheck), k.rand)
	if k.resolved.State != fact.Unknown {
		wait = max(wait, min(k.resolved.TTL, k.recheck)) // it says the same until then
	}
	k.looks++
	if !d.Write.IsZero() {
		wait = min(wait, max(time.Until(d.Write), 0))
	}
	return wait
}

// noteWrong notes since when the record has been saying something else.
func (k *keeper) noteWrong(now time.Time) {
	switch {
	case k.answer.Shows(k.want.Addr):
		k.verified, k.wrong = now, time.Time{}
	case (k.answer.Heard() || k.outdated()) && k.wrong.IsZero():
		k.wrong = now
	}
}

// noteVerified remembers that the record is right, and writes that down the
// first time only.
func (k *keeper) noteVerified(now time.Time) {
	k.behind = false
	k.calm()
	mem := k.mem
	mem.Addr, mem.Stands, mem.Outcome, mem.Verified, mem.Repeats, mem.Deleted = k.want.Addr, k.want.Addr, outcomeTaken, true, 0, time.Time{}
	if mem.Edits > 0 && now.Sub(mem.EditedAt) >= peaceful {
		mem.Edits, mem.EditedAt = 0, time.Time{}
	}
	k.remember(mem)
}

// noteResolved remembers that a resolver shows the record to be right. That is
// enough not to send it, but not to put it right if it is changed.
func (k *keeper) noteResolved(now time.Time) {
	k.verified, k.wrong = now, time.Time{}
	k.calm()
	mem := k.mem
	mem.Addr, mem.Stands, mem.Outcome = k.want.Addr, k.want.Addr, outcomeTaken
	k.remember(mem)
}

// calm forgets the failures.
func (k *keeper) calm() {
	k.writeErr = nil
	k.looks, k.failures, k.retryAt = 0, 0, time.Time{}
}

// remember keeps mem, in the state file too where it is news.
func (k *keeper) remember(mem memory) {
	if mem != k.mem {
		k.mem = mem
		k.store.save(k.index, mem)
	}
}

// draw is a lot out of n, from 0.
func (k *keeper) draw(n int64) int64 {
	if k.rand == nil {
		return rand.Int64N(n)
	}
	return k.rand.Int64N(n)
}
