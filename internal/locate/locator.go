package locate

// The locator: its services, each with a loop, and what they publish together.

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"

	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// Locator finds services and follows them. Make one with New.
type Locator struct {
	cfg      Config
	followed []*followed
	status   *watch.Value[[]Located]

	mu     sync.Mutex
	memory memory // guarded by mu
}

// New returns a locator that has not started. What an earlier life remembers of
// the services is in its Status at once.
func New(cfg Config) *Locator {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	l := &Locator{cfg: cfg, memory: memory{path: cfg.StateFile, guest: cfg.ReadOnly, log: cfg.Log}}
	remembered := l.memory.load()
	for _, s := range cfg.Services {
		f := &followed{service: s, locator: l}
		f.loop = loop.New(loop.Config{Name: "locate", Step: f.step, Log: cfg.Log.With("service", s.Name)})
		if r, ok := remembered[s.Name]; ok && r.By == s.by() {
			f.addr, f.spki = r.Addr, r.SPKI
		}
		l.followed = append(l.followed, f)
	}
	l.status = watch.New(l.snapshot(), slices.Equal[[]Located])
	return l
}

// Inherit takes over what before knows of the same services, in place of what
// the file says. Call it before Run; before may be nil.
func (l *Locator) Inherit(before *Locator) {
	if before == nil {
		return
	}
	for _, f := range l.followed {
		for _, old := range before.followed {
			if now := old.current(); old.service.Name == f.service.Name && old.service.by() == f.service.by() && now.addr.IsValid() {
				f.addr, f.spki = now.addr, now.spki
			}
		}
	}
	l.publish()
}

// Run follows the services until ctx ends, and returns nil then. Call it once.
func (l *Locator) Run(ctx context.Context) error {
	var group sync.WaitGroup
	for _, f := range l.followed {
		group.Go(func() { _ = f.loop.Run(ctx) })
	}
	group.Wait()
	return nil
}

// Look looks for each service once, and returns when all were found or not, or ctx
// has ended. Call it in the place of Run.
func (l *Locator) Look(ctx context.Context) {
	var group sync.WaitGroup
	for _, f := range l.followed {
		group.Go(func() { _, _ = f.step(ctx) }) // it fails only with ctx
	}
	group.Wait()
}

// Status is what is known of the services, in their order.
func (l *Locator) Status() *watch.Value[[]Located] { return l.status }

// Addresses are the addresses in force, by service; those that were never found
// are missing.
func (l *Locator) Addresses() map[string]netip.Addr {
	found := map[string]netip.Addr{}
	for _, s := range l.status.Load() {
		if s.Addr.IsValid() {
			found[s.Service.Name] = s.Addr
		}
	}
	return found
}

// Services are those of the config; the list must not be changed.
func (l *Locator) Services() []Service { return l.cfg.Services }

// Kick has a service looked for now: it does not answer, or something was heard
// of it. Names of other services are passed over. It never blocks.
func (l *Locator) Kick(service string) {
	for _, f := range l.followed {
		if f.service.Name == service {
			f.kick()
		}
	}
}

// KickBy has the services looked for now that are found by a host name or a MAC
// address; empty means all.
func (l *Locator) KickBy(by string) {
	for _, f := range l.followed {
		if by == "" || f.service.by() == by {
			f.kick()
		}
	}
}

// KickUnless is KickBy unless the services are at addr already.
func (l *Locator) KickUnless(by string, addr netip.Addr) {
	for _, f := range l.followed {
		if f.service.by() == by && f.current().addr != addr {
			f.kick()
		}
	}
}

// Seen takes in the key that a service shows at the address in force, while it
// is found there: a renewed certificate may come with another key. Where it is
// not found there any more, another device may have been given the address.
func (l *Locator) Seen(service string, addr netip.Addr, spki string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.followed {
		if f.service.Name == service && f.addr == addr && f.settled && f.spki != spki && spki != "" {
			f.spki = spki
			l.save()
		}
	}
}

// publish makes what is known public. The caller holds mu.
func (l *Locator) publish() { l.status.Store(l.snapshot()) }

func (l *Locator) snapshot() (list []Located) {
	for _, f := range l.followed {
		list = append(list, Located{Service: f.service, Addr: f.addr, Problem: f.problem, Stranger: f.stranger})
	}
	return list
}

// save writes the addresses in force. The caller holds mu.
func (l *Locator) save() {
	var list []record
	for _, f := range l.followed {
		if f.addr.IsValid() {
			list = append(list, record{Service: f.service.Name, By: f.service.by(), Addr: f.addr, SPKI: f.spki})
		}
	}
	l.memory.save(list)
}
