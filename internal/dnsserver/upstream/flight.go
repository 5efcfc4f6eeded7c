package upstream

// Questions that are the same and asked at the same time.

import (
	"context"
	"sync"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// flight has one exchange at a time for each question. The zero value is one.
type flight struct {
	mu    sync.Mutex
	calls map[string]*call // guarded by mu; those under way, by the question's key
}

// call is one exchange.
type call struct {
	landed   chan struct{} // guarded by the flight's mu; made for who waits, closed at the end
	response *wire.Response
	err      error
}

// do returns p's answer to q, or what came of asking for somebody who asks the
// same just now. Those who wait give up when their ctx ends.
func (f *flight) do(ctx context.Context, q *wire.Question, p *Pool) (*wire.Response, error) {
	f.mu.Lock()
	if c := f.calls[string(q.Key())]; c != nil {
		if c.landed == nil {
			c.landed = make(chan struct{})
		}
		f.mu.Unlock()
		select {
		case <-c.landed:
			return c.response, c.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if f.calls == nil {
		f.calls = make(map[string]*call)
	}
	c := new(call)
	f.calls[string(q.Key())] = c
	f.mu.Unlock()
	defer f.land(q, c)
	c.response, c.err = p.answer(ctx, q)
	return c.response, c.err
}

// land ends c, which is about q.
func (f *flight) land(q *wire.Question, c *call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.calls, string(q.Key()))
	if c.landed != nil {
		close(c.landed)
	}
}
