package relay

// What goes wrong over and over, said at most once a minute: who scans the
// internet must not fill the log.

import (
	"context"
	"sync"
	"time"
)

// sayEvery is how often one kind of trouble is said.
const sayEvery = time.Minute

// complaint gathers one kind of trouble.
type complaint struct {
	mu   sync.Mutex
	said time.Time // guarded by mu; zero if never
	n    uint64    // guarded by mu; how many have not been said
	why  string    // guarded by mu; of the newest
}

// note counts one, and says it at once if nothing was said in the last minute.
func (c *complaint) note(r *Relay, why string) {
	c.mu.Lock()
	c.n++
	c.why = why
	c.mu.Unlock()
	r.say(c, false)
}

// take returns what has not been said, and counts it as said. Within a minute
// of the last time there is nothing to say, unless it is the last word.
func (c *complaint) take(last bool) (n uint64, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == 0 || !last && !c.said.IsZero() && time.Since(c.said) < sayEvery {
		return 0, ""
	}
	n, why = c.n, c.why
	c.n, c.said = 0, time.Now()
	return n, why
}

// say logs a complaint, if there is one and it is time.
func (r *Relay) say(c *complaint, last bool) {
	n, why := c.take(last)
	if n == 0 {
		return
	}
	log := r.cfg.Log.With("listen", r.addr, "target", r.cfg.Target, "count", n, "why", why)
	switch c {
	case &r.turnedAway:
		log.Warn("the relay turned connections away", "open", r.seats.taken())
	case &r.noService:
		r.mu.Lock()
		r.saidDown = true
		r.mu.Unlock()
		log.Warn("the relay does not reach the service")
	case &r.noAccept:
		log.Warn("the relay cannot accept connections, and tries again")
	}
}

// report says each minute what has come together since, until ctx ends.
func (r *Relay) report(ctx context.Context) {
	all := []*complaint{&r.turnedAway, &r.noService, &r.noAccept}
	tick := time.NewTicker(sayEvery)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		for _, c := range all {
			r.say(c, ended)
		}
	}
}
