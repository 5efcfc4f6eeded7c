package upstream

// What a pool has started, and when all of it has ended.

import (
	"context"
	"sync"
	"time"
)

// life counts the goroutines and connections of a pool.
type life struct {
	ctx    context.Context // ends when nothing may go on
	cancel context.CancelFunc

	mu      sync.Mutex
	running int           // guarded by mu
	idle    chan struct{} // guarded by mu; closed while nothing runs
}

func newLife() *life {
	l := &life{idle: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	close(l.idle)
	return l
}

// begin counts one thing more, which must call done once when it has ended.
func (l *life) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running == 0 {
		l.idle = make(chan struct{})
	}
	l.running++
}

func (l *life) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running--; l.running == 0 {
		close(l.idle)
	}
}

// start runs f in a goroutine that is counted.
func (l *life) start(f func()) {
	l.begin()
	go func() {
		defer l.done()
		f()
	}()
}

// nothing returns a channel that is closed once nothing runs.
func (l *life) nothing() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.idle
}

// end waits until all has ended, and after the grace ends it. What begins later
// may go on where that was not needed.
func (l *life) end(grace time.Duration) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-l.nothing():
	case <-timer.C:
		l.cancel()
		<-l.nothing()
	}
}
