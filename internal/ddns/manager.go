package ddns

// The manager: one keeper per record, and their common status.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// Authority says what a name's A record is at the servers that answer for its
// zone. *authority.Asker is the real one.
type Authority interface {
	// Ask asks once, within ctx. Where no server answered, Heard is false and
	// the error says why.
	Ask(ctx context.Context, q authority.Question) (authority.Answer, error)
}

// Manager keeps the records of a Config. Make one with New.
type Manager struct {
	cfg     Config
	address *watch.Value[fact.Observation]
	keepers []*keeper
	status  *watch.Value[Status]

	mu    sync.Mutex
	views []view // guarded by mu
}

// parts are what New makes of a Config and tests replace.
type parts struct {
	authority Authority
	provider  func(RecordConfig) (provider.Provider, error)
}

// New returns a manager that has not started. address is the agreed public
// IPv4 address; only a Known one is ever written. An error is a mistake in cfg.
//
// Where a record is DuckDNS's, New replaces http.DefaultClient for the whole
// process (see provider.New), so call it before anything else runs.
func New(cfg Config, address *watch.Value[fact.Observation]) (*Manager, error) {
	p := parts{provider: realProvider(cfg)}
	if len(cfg.Records) > 0 {
		if cfg.Dial == nil {
			return nil, errors.New("making the DDNS manager: Config.Dial is required")
		}
		asker, err := authority.New(authority.Config{Resolvers: cfg.Resolvers, Recurse: cfg.Recurse})
		if err != nil {
			return nil, fmt.Errorf("making the DDNS manager: %w", err)
		}
		p.authority = asker
	}
	return newManager(cfg, address, p)
}

// realProvider makes the adaptors of package provider.
func realProvider(cfg Config) func(RecordConfig) (provider.Provider, error) {
	return func(rec RecordConfig) (provider.Provider, error) {
		return provider.New(provider.Config{Dial: cfg.Dial, RootCAs: cfg.RootCAs}, rec.Domain, rec.Account)
	}
}

func newManager(cfg Config, address *watch.Value[fact.Observation], p parts) (*Manager, error) {
	if address == nil {
		return nil, errors.New("making the DDNS manager: there is no address to publish")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 20 * time.Second
	}
	if cfg.Recheck == 0 {
		cfg.Recheck = 15 * time.Minute
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Manager{cfg: cfg, address: address}
	for i, rec := range cfg.Records {
		k, err := m.newKeeper(i, rec, p)
		if err != nil {
			return nil, fmt.Errorf("making the DDNS manager: %w", err)
		}
		m.keepers = append(m.keepers, k)
		m.views = append(m.views, view{
			Status:  RecordStatus{Name: rec.Domain, Type: "A", Provider: rec.Provider, Desired: address.Load(), Phase: PhaseObserved},
			Summary: rec.Domain + " has not been looked at yet",
		})
	}
	m.status = watch.New(m.snapshot(), func(a, b Status) bool { return reflect.DeepEqual(a, b) })
	return m, nil
}

// newKeeper makes the keeper of one record.
func (m *Manager) newKeeper(i int, rec RecordConfig, p parts) (*keeper, error) {
	rec.Domain, rec.Zone = fact.CanonicalName(rec.Domain), fact.CanonicalName(rec.Zone)
	if rec.Domain == "" || rec.Token.IsZero() {
		return nil, fmt.Errorf("record %d (%s) lacks its domain or its token", i+1, rec.Domain)
	}
	if slices.ContainsFunc(m.keepers, func(k *keeper) bool { return k.rec.Domain == rec.Domain }) {
		return nil, fmt.Errorf("the record %s is given twice", rec.Domain)
	}
	writer, err := p.provider(rec)
	if err != nil {
		return nil, err
	}
	k := &keeper{
		index: i, rec: rec, provider: writer, authority: p.authority, address: m.address,
		timeout: m.cfg.Timeout, recheck: m.cfg.Recheck,
		log:     m.cfg.Log.With("record", rec.Domain, "provider", rec.Provider),
		publish: m.publish, phase: PhaseObserved,
	}
	if m.cfg.Rand != nil { // a Rand serves one goroutine only
		k.rand = rand.New(rand.NewPCG(m.cfg.Rand.Uint64(), m.cfg.Rand.Uint64()))
	}
	k.loop = loop.New(loop.Config{Name: "ddns " + rec.Domain, Step: k.step, Rand: k.rand})
	return k, nil
}

// Run keeps the records until ctx ends, and then returns nil once every
// goroutine of its own has ended. Call it once.
func (m *Manager) Run(ctx context.Context) error {
	if len(m.keepers) == 0 {
		<-ctx.Done()
		return nil
	}
	recs := make([]RecordConfig, len(m.keepers))
	for i, k := range m.keepers {
		recs[i] = k.rec
	}
	state := openStore(m.cfg.StateFile, recs, m.cfg.Log)
	// Taken before any keeper reads the address, so that no change is missed.
	last, changed := m.address.Get()
	var wg sync.WaitGroup
	for i, k := range m.keepers {
		k.store, k.mem = state, state.load(i, time.Now())
		wg.Go(func() { _ = k.loop.Run(ctx) }) // it returns nil only
	}
	wg.Go(func() { m.follow(ctx, last, changed) })
	wg.Wait()
	return nil
}

// follow wakes the keepers when the address is another one. A look that found
// the same again is none of their business.
func (m *Manager) follow(ctx context.Context, last fact.Observation, changed <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		var now fact.Observation
		if now, changed = m.address.Get(); !now.SameValue(last) {
			last = now
			m.Kick()
		}
	}
}

// Kick has every record looked at now. It never writes more than is due.
func (m *Manager) Kick() {
	for _, k := range m.keepers {
		k.loop.Kick()
	}
}

// Status returns the value in which the status is published.
func (m *Manager) Status() *watch.Value[Status] { return m.status }

// publish takes over one record's view.
func (m *Manager) publish(i int, v view) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.views[i] = v
	m.status.Store(m.snapshot())
}

// snapshot makes a Status of the views. m.mu is held, or m is not shared yet.
func (m *Manager) snapshot() Status {
	s := Status{Link: link(m.views)}
	for _, v := range m.views {
		s.Records = append(s.Records, v.Status)
	}
	return s
}
