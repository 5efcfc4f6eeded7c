package ddns

// The loop that keeps one record.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// Waits after a failed write.
const (
	minBackoff = 30 * time.Second
	maxBackoff = time.Hour
	// limitedWait is the wait after a 429 that names none (Cloudflare blocks
	// for five minutes).
	limitedWait = 5 * time.Minute
)

// refusalWaits are the waits after the first and the second doubtful refusal
// in a row.
var refusalWaits = [maxRefusals - 1]time.Duration{10 * time.Minute, time.Hour}

// keeper keeps one record. Its fields below the line belong to its loop.
type keeper struct {
	index     int // in the order of the config
	rec       RecordConfig
	provider  provider.Provider
	authority Authority
	address   *watch.Value[fact.Observation]
	timeout   time.Duration
	recheck   time.Duration
	rand      *rand.Rand
	log       *slog.Logger
	store     *store
	publish   func(index int, v view)
	loop      *loop.Loop

	// ---
	mem       memory
	want      fact.Observation
	answer    authority.Answer // of this round's look
	published fact.Observation
	phase     Phase
	proxied   bool
	looks     int             // looks since the last write or change
	failures  int             // failed writes in a row
	retryAt   time.Time       // when a failed write may be repeated
	writeErr  *provider.Fault // of the last write; nil when it was taken
	lookErr   string          // of the last look; empty when servers answered
	verified  time.Time       // when the servers last showed what is wanted
	wrong     time.Time       // since when the servers say something else
	reported  string          // the error last logged
	told      Phase           // the phase last logged
}

// step is one round: look, decide, perhaps write, and say how it stands.
func (k *keeper) step(ctx context.Context) (time.Duration, error) {
	if want := k.address.Load(); !want.SameValue(k.want) {
		k.want = want
		k.looks, k.failures, k.retryAt = 0, 0, time.Time{}
		k.verified, k.wrong = time.Time{}, time.Time{}
		k.writeErr, k.proxied = nil, false
	} else {
		k.want = want
	}
	k.look(ctx)
	if ctx.Err() != nil {
		return 0, nil
	}
	wait := k.act(ctx)
	if ctx.Err() != nil {
		return 0, nil
	}
	k.tell(wait)
	return wait, nil
}

// look asks the authoritative servers and notes what they say.
func (k *keeper) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	answer, err := k.authority.Ask(ctx, authority.Question{Name: k.rec.Domain, Expect: k.want.Addr})
	k.answer, k.lookErr = answer, ""
	if !answer.Heard() {
		if err == nil {
			err = errors.New("no authoritative server answered")
		}
		k.lookErr = "the record could not be checked: " + provider.Clean(err.Error())
		return
	}
	source := "the authoritative servers of " + answer.Zone
	k.published = fact.NoAddr(source, time.Now())
	for _, addr := range answer.Seen() {
		// Of several addresses the one that should not be there tells more.
		if k.published.State != fact.Known || k.published.Addr == k.want.Addr {
			k.published = fact.KnownAddr(addr, source, time.Now())
		}
	}
}

// wanted reports whether there is an address that the record should say.
func (k *keeper) wanted() bool { return k.want.State == fact.Known && k.want.Addr.Is4() }

// act does what the plan says and returns how long to wait for the next round.
func (k *keeper) act(ctx context.Context) time.Duration {
	now := time.Now()
	if !k.wanted() {
		k.phase, k.proxied = PhaseObserved, false
		if k.mem.Stopped != "" {
			k.phase = PhaseStopped
		}
		return loop.Jitter(k.recheck, k.rand)
	}
	d := plan(k.mem, k.rec.Provider, k.want.Addr, k.answer, k.retryAt, now)
	k.phase, k.proxied = d.Phase, d.Proxied
	k.noteWrong(now)
	if d.Phase == PhaseVerified {
		k.noteVerified()
	} else if !d.Write.IsZero() && !d.Write.After(now) {
		d.Write = k.write(ctx, d.Repeat)
	}
	if k.phase == PhaseVerified || k.phase == PhaseStopped {
		return loop.Jitter(k.recheck, k.rand)
	}
	wait := loop.Jitter(verifyWait(k.looks), k.rand)
	k.looks++
	if !d.Write.IsZero() {
		wait = min(wait, max(time.Until(d.Write), 0))
	}
	return wait
}

// noteWrong notes since when the servers have been saying something else.
func (k *keeper) noteWrong(now time.Time) {
	switch {
	case k.answer.Shows(k.want.Addr):
		k.verified, k.wrong = now, time.Time{}
	case k.answer.Heard() && k.wrong.IsZero():
		k.wrong = now
	}
}

// noteVerified remembers that the record is right, and writes that down the
// first time only.
func (k *keeper) noteVerified() {
	k.writeErr = nil
	k.looks, k.failures, k.retryAt = 0, 0, time.Time{}
	mem := k.mem
	mem.Addr, mem.Outcome, mem.Verified, mem.Repeats = k.want.Addr, outcomeTaken, true, 0
	k.remember(mem)
}

// remember keeps mem, in the state file too where it is news.
func (k *keeper) remember(mem memory) {
	if mem != k.mem {
		k.mem = mem
		k.store.save(k.index, mem)
	}
}

// write sends the address once and returns when the next write may be due,
// zero where none is. What is about to be sent is saved first: after a crash
// it counts as sent.
func (k *keeper) write(ctx context.Context, repeat bool) time.Time {
	mem := k.mem
	switch {
	case !repeat || mem.Verified:
		mem.Repeats = 0
	case !mem.failed():
		mem.Repeats++
	}
	mem.Addr, mem.At, mem.Outcome, mem.Verified = k.want.Addr, time.Now(), outcomeSent, false
	k.remember(mem)
	k.looks = 0
	err := k.send(ctx, mem.Addr)
	if ctx.Err() != nil {
		return time.Time{} // nobody knows; the memory says "sent"
	}
	if err == nil {
		mem.Outcome, mem.Refusals = outcomeTaken, 0
		k.writeErr, k.failures, k.retryAt, k.phase = nil, 0, time.Time{}, PhaseWritten
		if !k.answer.Heard() {
			k.phase = PhaseUnconfirmed
		}
		k.remember(mem)
		k.log.Info("record written", "address", mem.Addr)
		return time.Time{}
	}
	k.writeErr = err
	k.remember(k.afterFault(mem, err))
	return earliest(k.mem, k.retryAt)
}

// send calls the provider within the time limit and checks its echo.
func (k *keeper) send(ctx context.Context, addr netip.Addr) *provider.Fault {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	shown, err := k.provider.Set(ctx, k.rec.Domain, addr)
	if err != nil {
		var f *provider.Fault
		if !errors.As(provider.Sealed(err, k.rec.Secrets()...), &f) {
			f = &provider.Fault{Text: "the write failed"}
		}
		return f
	}
	if shown.IsValid() && shown.Unmap() != addr {
		return &provider.Fault{Kind: provider.Failed, Text: fmt.Sprintf("%s took the write but says that the record is now %s", k.rec.Provider, shown)}
	}
	return nil
}

// afterFault is the memory after a failed write; it sets the phase and when to
// try again.
func (k *keeper) afterFault(mem memory, f *provider.Fault) memory {
	now := time.Now()
	k.phase, mem.Outcome = PhasePending, outcomeFailed
	wait := loop.Backoff(k.failures, minBackoff, maxBackoff, k.rand)
	k.failures++
	switch f.Kind {
	case provider.Unclear:
		k.phase, mem.Outcome = PhaseUnconfirmed, outcomeUnclear
	case provider.Limited:
		if f.Wait == 0 {
			f.Wait = limitedWait
		}
	case provider.Doubtful:
		if mem.Refusals++; mem.Refusals < maxRefusals {
			f.Wait = max(f.Wait, refusalWaits[mem.Refusals-1])
			break
		}
		k.phase, mem.Stopped, mem.Action = PhaseStopped, f.Text, f.Action
	case provider.Final:
		k.phase, mem.Stopped, mem.Action = PhaseStopped, f.Text, f.Action
	}
	k.retryAt = now.Add(max(wait, f.Wait))
	if f.Wait > 0 {
		mem.NotBefore = now.Add(f.Wait)
	}
	return mem
}
