package notify

// The way of messages to one endpoint: a bounded queue, and a loop that sends
// its first message until that is delivered or refused for good.

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/loop"
)

const (
	// maxQueue bounds the messages that wait; the oldest give way.
	maxQueue = 16
	// apart is the least time between two messages to one endpoint.
	apart = time.Second
	// minRetry and maxRetry bound the wait after a failure.
	minRetry = 5 * time.Second
	maxRetry = 5 * time.Minute
	// refusedWait is the wait after a refusal, of which maxRefusals are taken
	// before the message is given up.
	refusedWait = time.Hour
	maxRefusals = 3
	// idle is the wait where there is nothing to send.
	idle = 24 * time.Hour
)

// queue is what waits for one endpoint.
type queue struct {
	endpoint *endpoint
	send     func(context.Context, *endpoint, Message) attempt
	sent     func() // is called when the queue has changed
	log      *slog.Logger
	loop     *loop.Loop

	// The loop's own.
	notBefore time.Time // until when the service wants to be left alone
	refusals  int       // of the first message, in a row
	failures  int       // of the first message, in a row
	backoff   func(failures int) time.Duration

	mu       sync.Mutex
	messages []Message // guarded by mu; oldest first
	dropped  int       // guarded by mu; messages that gave way so far
}

func (n *Notifier) newQueue(target Target, e *endpoint) *queue {
	random := n.source()
	q := &queue{
		endpoint: e, sent: n.save,
		send:    func(ctx context.Context, e *endpoint, m Message) attempt { return n.send(ctx, e, m) },
		log:     n.cfg.Log.With("target", target.Name, "service", e.where()),
		backoff: func(failures int) time.Duration { return loop.Backoff(failures, minRetry, maxRetry, random) },
	}
	// The errors of its steps are told here, with more sense.
	q.loop = loop.New(loop.Config{Name: "notify " + target.Name, Step: q.step, Rand: random})
	return q
}

// add puts a message at the end; a full queue loses its oldest.
func (q *queue) add(m Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = append(q.messages, m)
	if over := len(q.messages) - maxQueue; over > 0 {
		q.messages = slices.Delete(q.messages, 0, over)
		q.dropped += over
		q.log.Warn("too many messages wait to be sent; the oldest is given up", "waiting", maxQueue)
	}
}

// waiting lists the messages; the list is the caller's.
func (q *queue) waiting() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.messages)
}

// first returns the oldest message, and how many had given way before it.
func (q *queue) first() (m Message, mark int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.messages) == 0 {
		return Message{}, 0, false
	}
	return q.messages[0], q.dropped, true
}

// drop takes the message that first gave with mark off the queue, unless it has
// given way meanwhile.
func (q *queue) drop(mark int) {
	q.mu.Lock()
	if mark == q.dropped && len(q.messages) > 0 {
		q.messages = slices.Delete(q.messages, 0, 1)
	}
	q.mu.Unlock()
	q.refusals, q.failures = 0, 0
	q.sent()
}

// step tries once to send the first message.
func (q *queue) step(ctx context.Context) (time.Duration, error) {
	m, mark, ok := q.first()
	if !ok {
		return idle, nil
	}
	if wait := time.Until(q.notBefore); wait > 0 {
		return wait, nil
	}
	a := q.send(ctx, q.endpoint, m)
	if ctx.Err() != nil && a.outcome != delivered {
		return 0, ctx.Err()
	}
	switch a.outcome {
	case delivered:
		if q.failures > 0 || q.refusals > 0 {
			q.log.Info("a message was delivered after all", "title", m.title(), "of", m.Time)
		}
		q.drop(mark)
		q.notBefore = time.Now().Add(apart)
		return apart, nil
	case limited:
		q.notBefore = time.Now().Add(a.wait)
		q.tell(errors.New(a.text), a.wait)
		return a.wait, nil
	case refused:
		if q.refusals++; q.refusals >= maxRefusals {
			q.log.Error("a message was refused and is given up; check the URL of this target, and try it with: edgeguard notify", "title", m.title(), "err", a.text)
			q.drop(mark)
			return apart, nil
		}
		q.notBefore = time.Now().Add(refusedWait)
		q.tell(errors.New(a.text), refusedWait)
		return refusedWait, nil
	}
	wait := q.backoff(q.failures)
	q.failures++
	q.tell(errors.New(a.text), wait)
	return wait, nil
}

// tell logs a failure; repeats are for those who debug.
func (q *queue) tell(err error, wait time.Duration) {
	level := slog.LevelDebug
	if q.failures+q.refusals <= 1 {
		level = slog.LevelWarn
	}
	q.log.Log(context.Background(), level, "a message could not be delivered; it waits", "err", err, "retry_in", wait)
}
