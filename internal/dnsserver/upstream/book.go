package upstream

// Finding servers that are named by host name, through bootstrap servers.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/loop"
)

// Bounds on how long addresses are kept until they are looked up again. They
// are used for longer where that fails.
const (
	leastFresh = time.Minute
	mostFresh  = time.Hour
	// findAgain is when a failed look-up is tried again in the background, and
	// the least time between two.
	findAgain = 10 * time.Second
	// failedFor is how long a failed look-up counts for those who ask.
	failedFor = time.Second
	// mostAddrs bounds the addresses kept for one host.
	mostAddrs = 8
)

// bootstrapError says that a server's own name could not be found.
type bootstrapError struct {
	host string
	err  error
}

func (e *bootstrapError) Error() string {
	return fmt.Sprintf("the address of %s could not be found through the bootstrap servers: %v", e.host, e.err)
}

func (e *bootstrapError) Unwrap() error { return e.err }

// book holds the hosts of a pool's servers.
type book struct {
	pool    *Pool // of the bootstrap servers
	life    *life
	changed func() // makes refresh run soon
	timeout time.Duration
	pages   []*host // fixed before anything is looked up
}

// newBook returns a book that looks names up through cfg.Bootstrap.
func newBook(cfg Config, l *life, changed func()) (*book, error) {
	if len(cfg.Bootstrap) == 0 {
		return nil, errors.New("an upstream is given by host name, and there are no bootstrap servers to find it through: set bootstrap in [dns], or give the upstream by address")
	}
	timeout := cfg.Timeout / 2 // so that who waits for it hears what came of it
	pool, err := New(Config{Servers: cfg.Bootstrap, Timeout: timeout, Patience: cfg.Patience, Own: cfg.Own, Dial: cfg.Dial, Log: cfg.Log.With("for", "bootstrap")})
	if err != nil {
		return nil, fmt.Errorf("setting up the bootstrap servers: %w", err)
	}
	return &book{pool: pool, life: l, changed: changed, timeout: timeout}, nil
}

// page returns the host of that name.
func (b *book) page(name string) *host {
	for _, h := range b.pages {
		if h.name == name {
			return h
		}
	}
	h := &host{name: name, book: b}
	b.pages = append(b.pages, h)
	return h
}

// refresh looks up what is due and returns when something will be.
func (b *book) refresh(ctx context.Context) time.Duration {
	var looking sync.WaitGroup
	for _, h := range b.pages {
		if h.due() <= 0 {
			looking.Go(func() {
				select {
				case <-h.look():
				case <-ctx.Done():
				}
			})
		}
	}
	looking.Wait()
	next := mostFresh
	for _, h := range b.pages {
		next = min(next, h.due())
	}
	return max(next, time.Second)
}

// host is where the servers of one name are.
type host struct {
	name string
	book *book

	mu      sync.Mutex
	addrs   []netip.Addr  // guarded by mu; immutable, the last that were good
	next    time.Time     // guarded by mu; when to look again
	tried   time.Time     // guarded by mu; when it was looked at last
	err     error         // guarded by mu; of the last look-up
	looking chan struct{} // guarded by mu; closed when a look-up ends, nil if none is under way
}

func (h *host) known() []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.addrs
}

// due returns for how long the host need not be looked up.
func (h *host) due() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Until(h.next)
}

// doubt has the host looked up soon: none of its addresses seems to work.
func (h *host) doubt() {
	h.mu.Lock()
	soon := h.tried.Add(findAgain)
	changed := soon.Before(h.next)
	if changed {
		h.next = soon
	}
	h.mu.Unlock()
	if changed {
		h.book.changed()
	}
}

// find returns the addresses, which it looks up where none is known.
func (h *host) find(ctx context.Context) ([]netip.Addr, error) {
	h.mu.Lock()
	addrs, err, tried := h.addrs, h.err, h.tried
	h.mu.Unlock()
	switch {
	case len(addrs) > 0:
		return addrs, nil
	case err != nil && time.Since(tried) < failedFor:
		return nil, err
	}
	select {
	case <-h.look():
	case <-ctx.Done():
		return nil, &bootstrapError{h.name, ctx.Err()}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.addrs) == 0 {
		return nil, h.err
	}
	return h.addrs, nil
}

// look starts to look the host up, unless that is under way, and returns a
// channel that is closed when it is done. It goes on whoever gives up waiting.
func (h *host) look() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.looking == nil {
		looking := make(chan struct{})
		h.looking = looking
		h.book.life.start(func() {
			defer close(looking)
			ctx, cancel := context.WithTimeout(h.book.life.ctx, h.book.timeout)
			defer cancel()
			h.note(h.book.ask(ctx, h.name))
		})
	}
	return h.looking
}

// note takes in what a look-up brought. Addresses that were good are not
// forgotten because of one that failed.
func (h *host) note(addrs []netip.Addr, ttl time.Duration, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looking, h.tried = nil, time.Now()
	if err != nil {
		h.err = &bootstrapError{h.name, err}
		h.next = h.tried.Add(loop.Jitter(findAgain, nil))
		return
	}
	h.err = nil
	h.addrs = addrs[:min(len(addrs), mostAddrs)]
	h.next = h.tried.Add(loop.Jitter(min(max(ttl, leastFresh), mostFresh), nil))
}

// ask looks name up in both families. It is enough that one is found.
func (b *book) ask(ctx context.Context, name string) (addrs []netip.Addr, ttl time.Duration, err error) {
	var found [2]found
	var asking sync.WaitGroup
	for i, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		asking.Go(func() { found[i] = b.pool.lookUp(ctx, name, qtype) })
	}
	asking.Wait()
	ttl = mostFresh
	for _, f := range found {
		addrs = append(addrs, f.addrs...)
		if len(f.addrs) > 0 {
			ttl = min(ttl, f.ttl)
		}
	}
	switch {
	case len(addrs) > 0:
		return addrs, ttl, nil
	case found[0].err != nil:
		return nil, 0, found[0].err
	case found[1].err != nil:
		return nil, 0, found[1].err
	}
	return nil, 0, errors.New("there is no such name, or it has no address")
}
