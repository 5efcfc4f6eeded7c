package locate

// Following one service: when to ask, and what to do with the answer.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/loop"
)

const (
	// lookEvery is how often the address in force is looked at in the LAN: one
	// ARP request and its answer, 84 bytes. It bounds how soon the move of a
	// silent device is seen.
	lookEvery = 2 * time.Second
	// askLeast and askMost bound how long an answer is gone by.
	askLeast = 2 * time.Second
	askMost  = time.Minute
	// askGap keeps the questions that hints bring apart.
	askGap = 500 * time.Millisecond
	// seekMost is the longest wait between two questions for what is lost.
	seekMost = 15 * time.Second
	// findTime, vouchTime and aliveTime bound one look each.
	findTime  = 5 * time.Second
	vouchTime = 3 * time.Second
	aliveTime = time.Second
)

// followed is one service. What its loop alone uses has no lock.
type followed struct {
	service Service
	locator *Locator
	loop    *loop.Loop

	asked  time.Time   // when it was asked for last
	askAt  time.Time   // not before this is it asked again, unless it is lost
	lost   int         // how often in a row it was not where it should be
	kicked atomic.Bool // look now, even where the last answer stands

	said string // the problem that was logged last

	addr     netip.Addr // guarded by locator.mu
	spki     string     // guarded by locator.mu; empty while none was seen
	problem  string     // guarded by locator.mu
	stranger bool       // guarded by locator.mu
	settled  bool       // guarded by locator.mu; the last look found it at addr
}

// step looks at the address in force, and asks where the device is where that is
// due. It never fails: not found is an answer.
func (f *followed) step(ctx context.Context) (time.Duration, error) {
	if rest := askGap - time.Since(f.asked); f.kicked.Load() && rest > 0 {
		return rest, nil // a flood of hints must not become one of questions
	}
	hinted := f.kicked.Swap(false)
	known := f.current().addr.IsValid()
	live := f.alive(ctx)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	now := time.Now()
	if !hinted && live == There && f.lost == 0 && now.Before(f.askAt) {
		return min(lookEvery, f.askAt.Sub(now)), nil
	}
	f.asked = now
	answer, err := f.find(ctx)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	settled := err == nil && f.choose(ctx, answer, live, hinted)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil {
		f.note(fmt.Sprintf("%s cannot be found: %v", f.service.by(), err), false)
	}
	f.settle(settled)
	if !settled {
		f.lost++
		return min(time.Duration(f.lost)*askLeast, seekMost), nil
	}
	f.lost = 0
	wait := min(max(answer.TTL, askLeast), askMost)
	f.askAt = time.Now().Add(wait)
	if f.service.Remote || known && live == Unsure {
		return wait, nil // it cannot be looked at meanwhile
	}
	return min(lookEvery, wait), nil
}

// alive looks at the address in force.
func (f *followed) alive(ctx context.Context) Liveness {
	addr := f.current().addr
	if f.service.Remote || !addr.IsValid() {
		return Unsure
	}
	ctx, cancel := context.WithTimeout(ctx, aliveTime)
	defer cancel()
	return f.locator.cfg.Alive(ctx, f.service, addr)
}

// kick has the loop look now.
func (f *followed) kick() {
	f.kicked.Store(true)
	f.loop.Kick()
}

func (f *followed) settle(settled bool) {
	f.locator.mu.Lock()
	f.settled = settled
	f.locator.mu.Unlock()
}

var errNone = errors.New("nobody knows an address of it")

func (f *followed) find(ctx context.Context) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	answer, err := f.locator.cfg.Find(ctx, f.service)
	if err == nil && len(answer.Addrs) == 0 {
		err = errNone
	}
	return answer, err
}

// inForce is what is in force of a service.
type inForce struct {
	addr netip.Addr
	spki string
}

func (f *followed) current() inForce {
	f.locator.mu.Lock()
	defer f.locator.mu.Unlock()
	return inForce{f.addr, f.spki}
}

// note publishes why the service was not found or followed; empty where it was.
func (f *followed) note(problem string, stranger bool) {
	f.locator.mu.Lock()
	f.problem, f.stranger = problem, stranger
	f.locator.publish()
	f.locator.mu.Unlock()
	if problem != f.said && problem != "" {
		f.locator.cfg.Log.Warn("a service cannot be followed; its last address stays in force", "service", f.service.Name, "problem", problem)
	}
	f.said = problem
}

// take puts an address in force. An empty spki leaves what is known.
func (f *followed) take(addr netip.Addr, spki string) {
	l := f.locator
	l.mu.Lock()
	before := f.addr
	if spki == "" && addr == before {
		spki = f.spki
	}
	changed := addr != before || spki != f.spki
	f.addr, f.spki, f.problem, f.stranger = addr, spki, "", false
	if changed {
		l.save()
	}
	l.publish()
	l.mu.Unlock()
	f.said = ""
	if addr != before {
		l.cfg.Log.Info("a service was found", "service", f.service.Name, "by", f.service.by(), "address", addr, "before", before)
	}
}
