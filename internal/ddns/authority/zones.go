package authority

// The zones' servers, kept for a while so that a look at a record costs one
// question.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// keepZone is how long the servers of a zone are believed to be its own.
	keepZone = 24 * time.Hour
	// maxZones bounds the names whose zones are kept.
	maxZones = 256
)

// lock is a mutex that can be waited for within a context.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

func (l lock) take(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l lock) give() { <-l }

// zones are what was found, by the name whose record is looked at.
type zones struct {
	mu sync.Mutex
	of map[string]*zone // guarded by mu
}

// zone is the zone of one name. Whoever holds lock may use the rest.
type zone struct {
	lock    lock
	apex    string
	servers []server
	found   time.Time
	turn    int // which server is asked next when one is enough
}

// server is one name server of a zone; addr is its first IPv4 address.
type server struct {
	name string
	addr netip.AddrPort // zero until it is needed
	none bool           // it has no IPv4 address
}

// zone returns what is kept for a name, locked.
func (a *Asker) zone(ctx context.Context, base string) (*zone, error) {
	a.zones.mu.Lock()
	z := a.zones.of[base]
	if z == nil {
		if a.zones.of == nil || len(a.zones.of) >= maxZones {
			a.zones.of = map[string]*zone{}
		}
		z = &zone{lock: newLock()}
		a.zones.of[base] = z
	}
	a.zones.mu.Unlock()
	return z, z.lock.take(ctx)
}

// forget has the servers of a name's zone looked for again next time.
func (a *Asker) forget(base string) {
	a.zones.mu.Lock()
	defer a.zones.mu.Unlock()
	delete(a.zones.of, base)
}

// servers returns the apex of a name's zone and its servers, at most
// cfg.MaxServers of them, or only the one whose turn it is. Those without an
// IPv4 address are left out; none left is an error.
func (a *Asker) servers(ctx context.Context, base string, one bool) (string, []server, error) {
	z, err := a.zone(ctx, base)
	if err != nil {
		return "", nil, fmt.Errorf("finding the zone of %s: %w", base, err)
	}
	defer z.lock.give()
	if len(z.servers) == 0 || time.Since(z.found) >= keepZone {
		apex, err := a.findZone(ctx, base)
		if err != nil {
			return "", nil, fmt.Errorf("finding the zone of %s: %w", base, err)
		}
		names, err := a.findNames(ctx, apex)
		if err != nil {
			return "", nil, fmt.Errorf("finding the name servers of %s: %w", apex, err)
		}
		z.apex, z.found, z.servers, z.turn = apex, time.Now(), nil, rand.IntN(len(names))
		for _, name := range names {
			z.servers = append(z.servers, server{name: name})
		}
	}
	list, err := a.resolveAll(ctx, z, one)
	if err != nil {
		return "", nil, fmt.Errorf("finding the name servers of %s: %w", z.apex, err)
	}
	return z.apex, list, nil
}

// resolveAll finds the addresses that are not known yet and returns the
// servers, or the one whose turn it is. z is locked.
func (a *Asker) resolveAll(ctx context.Context, z *zone, one bool) ([]server, error) {
	errs := make(joined, len(z.servers))
	if one {
		// One whose address is known already saves a question.
		for _, known := range []bool{true, false} {
			for i := range z.servers {
				at := (z.turn + i) % len(z.servers)
				s := &z.servers[at]
				if s.addr.IsValid() != known {
					continue
				}
				if errs[at] = a.resolveServer(ctx, s); errs[at] == nil {
					z.turn = at + 1
					return []server{s.shown()}, nil
				}
			}
		}
		return nil, errs.few()
	}
	var wg sync.WaitGroup
	for i := range z.servers {
		wg.Go(func() { errs[i] = a.resolveServer(ctx, &z.servers[i]) })
	}
	wg.Wait()
	var list []server
	for i := range z.servers {
		if errs[i] == nil {
			list = append(without(list, z.servers[i]), z.servers[i].shown())
		}
	}
	if len(list) == 0 {
		return nil, errs.few()
	}
	return list, nil
}

// resolveServer fills in the address of s.
func (a *Asker) resolveServer(ctx context.Context, s *server) error {
	if s.addr.IsValid() {
		return nil
	}
	if s.none {
		return errNoIPv4(s.name)
	}
	addr, err := a.resolve(ctx, s.name)
	s.none = errors.As(err, new(errNoIPv4))
	if err == nil {
		s.addr = netip.AddrPortFrom(addr, nsPort)
	}
	return err
}

// shown is s with its name as people write it.
func (s server) shown() server {
	s.name = strings.TrimSuffix(s.name, ".")
	return s
}

// without are the servers at other addresses than s.
func without(list []server, s server) []server {
	return slices.DeleteFunc(slices.Clone(list), func(other server) bool { return other.addr == s.addr })
}

// errNoIPv4 is the name of a server that has no IPv4 address.
type errNoIPv4 string

func (e errNoIPv4) Error() string {
	return fmt.Sprintf("the name server %s has no IPv4 address", string(e))
}
