package ddns

// Writing the record, and what a refusal means for the next write.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/loop"
)

// Waits after a failed write. None is without a lot, as a provider that has
// trouble refuses many homes in the same second, and they must not come back
// in the same second.
const (
	// minBackoff is the least wait; the first is up to twice as long by lot.
	minBackoff = 30 * time.Second
	maxBackoff = time.Hour
	// limitedWait is the wait after a 429 that names none (Cloudflare blocks
	// for five minutes).
	limitedWait = 5 * time.Minute
	// A wait that a provider asked for is lengthened by lot, by up to a quarter,
	// but by no less than up to leastLot and no more than up to mostLot.
	leastLot = 10 * time.Second
	mostLot  = 10 * time.Minute
)

// refusalWaits are the waits after the first and the second doubtful refusal
// in a row.
var refusalWaits = [maxRefusals - 1]time.Duration{10 * time.Minute, time.Hour}

// write sends the address once and returns when the next write may be due,
// zero where none is. What is about to be sent is saved first: after a crash
// it counts as sent.
func (k *keeper) write(ctx context.Context, d decision) time.Time {
	defer k.account.enter(ctx)()
	if held := k.account.held(); ctx.Err() != nil || held.After(time.Now()) {
		return held
	}
	before := k.mem.Stands
	mem := k.begun(d)
	k.remember(mem)
	k.looks = 0
	err := k.send(ctx, mem.Addr)
	if ctx.Err() != nil {
		return time.Time{} // nobody knows; the memory says "sent"
	}
	if err != nil {
		k.writeErr = err
		k.remember(k.afterFault(mem, err))
		return k.mem.earliest(k.retryAt)
	}
	mem.Outcome, mem.Refusals, mem.Stands = outcomeTaken, 0, mem.Addr
	k.writeErr, k.failures, k.retryAt, k.phase = nil, 0, time.Time{}, PhaseWritten
	if k.lookErr != "" {
		k.phase = PhaseUnconfirmed
	}
	if mem.Addr != before {
		k.changed = time.Now()
	}
	k.remember(mem)
	if p, ok := k.provider.(proxier); ok {
		k.behind = p.Proxied()
		k.proxied = k.behind
	}
	k.log.Info("record written", "address", mem.Addr)
	return time.Time{}
}

// begun is the memory of a write that goes out now.
func (k *keeper) begun(d decision) memory {
	mem, now := k.mem, time.Now()
	switch {
	case !d.Repeat || mem.Verified:
		mem.Repeats = 0
	case !mem.failed():
		mem.Repeats++
	}
	if d.Edited {
		mem.Edits++
		mem.EditedAt = now
	}
	mem.Addr, mem.Prior, mem.At, mem.Outcome, mem.Verified, mem.Deleted = k.want.Addr, mem.At, now, outcomeSent, false, time.Time{}
	return mem
}

// send calls the provider within the time limit and checks its echo.
func (k *keeper) send(ctx context.Context, addr netip.Addr) *provider.Fault {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	shown, err := k.provider.Set(ctx, k.rec.Domain, addr)
	if err != nil {
		return k.fault(err, "the write failed")
	}
	if shown.IsValid() && shown.Unmap() != addr {
		return &provider.Fault{Kind: provider.Failed, Text: fmt.Sprintf("%s took the write but says that the record is now %s", k.rec.Provider, shown)}
	}
	return nil
}

// fault is err without secrets; text stands for one that says nothing.
func (k *keeper) fault(err error, text string) *provider.Fault {
	var f *provider.Fault
	if !errors.As(provider.Sealed(err, k.rec.Secrets()...), &f) {
		f = &provider.Fault{Text: text}
	}
	return f
}

// afterFault is the memory after a failed write; it sets the phase and when to
// try again.
func (k *keeper) afterFault(mem memory, f *provider.Fault) memory {
	now := time.Now()
	k.phase, mem.Outcome = PhasePending, outcomeFailed
	if k.wrong.IsZero() {
		k.wrong = now
	}
	k.failures++
	wait := loop.Backoff(k.failures, minBackoff, maxBackoff, k.rand) // of twice the least, half is the least
	asked := f.Wait
	switch f.Kind {
	case provider.Unclear:
		k.phase, mem.Outcome = PhaseUnconfirmed, outcomeUnclear
	case provider.Limited:
		asked = cmp.Or(asked, limitedWait)
	case provider.Doubtful:
		if mem.Refusals++; mem.Refusals < maxRefusals {
			asked = max(asked, refusalWaits[mem.Refusals-1])
			break
		}
		k.phase, mem.Stopped, mem.Action = PhaseStopped, f.Text, f.Action
	case provider.Final:
		k.phase, mem.Stopped, mem.Action = PhaseStopped, f.Text, f.Action
	}
	asked = k.byLot(asked)
	k.retryAt = now.Add(max(wait, asked))
	if asked > 0 {
		mem.NotBefore = now.Add(asked)
	}
	if f.Kind == provider.Limited {
		k.account.hold(mem.NotBefore) // whoever else writes there is no more welcome
	}
	return mem
}

// byLot is a wait that was asked for, lengthened by lot; none stays none.
func (k *keeper) byLot(asked time.Duration) time.Duration {
	if asked <= 0 {
		return 0
	}
	most := min(max(asked/4, leastLot), mostLot)
	return asked + time.Duration(k.draw(int64(most)+1))
}
