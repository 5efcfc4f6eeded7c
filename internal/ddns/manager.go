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
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// The default of Config.Recheck for one record, and for however many.
const (
	recheckOne  = 2 * time.Hour
	recheckMost = 12 * time.Hour
)

// Manager keeps the records of a Config. Make one with New.
type Manager struct {
	cfg      Config
	keepers  []*keeper
	accounts map[accountKey]*account
	status   *watch.Value[Status]

	mu    sync.Mutex
	views []view // guarded by mu
}

// parts are what New makes of a Config and tests replace.
type parts struct {
	authority Authority
	provider  func(RecordConfig) (provider.Provider, error)
}

// New returns a manager that has not started. Only Known addresses are ever
// written. An error is a mistake in cfg, or an address that a record follows
// and that is missing.
//
// Where a record is DuckDNS's, New replaces http.DefaultClient for the whole
// process (see provider.New), so call it before anything else runs.
func New(cfg Config, addresses Addresses) (*Manager, error) {
	p := parts{provider: realProvider(cfg)}
	if len(cfg.Records) > 0 {
		if cfg.Dial == nil {
			return nil, errors.New("making the DDNS manager: Config.Dial is required")
		}
		asker, err := authority.New(authority.Config{Resolvers: cfg.Resolvers, Recurse: cfg.Recurse, Dial: cfg.DialAuthority})
		if err != nil {
			return nil, fmt.Errorf("making the DDNS manager: %w", err)
		}
		p.authority = asker
	}
	return newManager(cfg, addresses, p)
}

// realProvider makes the adaptors of package provider.
func realProvider(cfg Config) func(RecordConfig) (provider.Provider, error) {
	return func(rec RecordConfig) (provider.Provider, error) {
		if kind, ok := provider.KindOf(rec.Provider); ok {
			if err := rec.suits(kind); err != nil {
				return nil, err
			}
		}
		return provider.New(provider.Config{Dial: cfg.Dial, RootCAs: cfg.RootCAs}, rec.Domain, rec.Account)
	}
}

func newManager(cfg Config, addresses Addresses, p parts) (*Manager, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 20 * time.Second
	}
	if cfg.Recheck == 0 {
		cfg.Recheck = min(recheckOne*time.Duration(max(len(cfg.Records), 1)), recheckMost)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Encrypted == nil || cfg.Recurse == nil {
		cfg.Encrypted = func() bool { return false }
	}
	m := &Manager{cfg: cfg, accounts: map[accountKey]*account{}}
	for i, rec := range cfg.Records {
		k, err := m.newKeeper(i, rec, addresses, p)
		if err != nil {
			return nil, fmt.Errorf("making the DDNS manager: %w", err)
		}
		m.keepers = append(m.keepers, k)
		m.views = append(m.views, view{
			Status: RecordStatus{Name: k.rec.Domain, Type: k.rec.Type, Provider: rec.Provider,
				Desired: k.rec.desired(k.source.Load()), Phase: PhaseObserved},
			Summary: k.rec.Domain + " has not been looked at yet",
		})
	}
	m.status = watch.New(m.snapshot(), func(a, b Status) bool { return reflect.DeepEqual(a, b) })
	return m, nil
}

// newKeeper makes the keeper of one record.
func (m *Manager) newKeeper(i int, rec RecordConfig, addresses Addresses, p parts) (*keeper, error) {
	rec, err := rec.checked(i, addresses)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(m.keepers, func(k *keeper) bool { return k.rec.key() == rec.key() }) {
		return nil, fmt.Errorf("the %s record of %s is given twice", rec.Type, rec.Domain)
	}
	writer, err := p.provider(rec)
	if err != nil {
		return nil, err
	}
	if m.accounts[rec.accountKey()] == nil {
		m.accounts[rec.accountKey()] = newAccount()
	}
	k := &keeper{
		index: i, rec: rec, provider: writer, authority: p.authority, source: rec.source(addresses),
		account: m.accounts[rec.accountKey()], encrypted: m.cfg.Encrypted,
		timeout: m.cfg.Timeout, recheck: m.cfg.Recheck,
		log:     m.cfg.Log.With("record", rec.Domain, "type", rec.Type, "provider", rec.Provider),
		publish: m.publish, phase: PhaseObserved,
	}
	if m.cfg.Rand != nil { // a Rand serves one goroutine only
		k.rand = rand.New(rand.NewPCG(m.cfg.Rand.Uint64(), m.cfg.Rand.Uint64()))
	}
	k.loop = loop.New(loop.Config{Name: "ddns " + rec.Domain + " " + rec.Type, Step: k.step, Rand: k.rand})
	return k, nil
}

// Run keeps the records until ctx ends, deletes those that are to be deleted on
// exit, in a few seconds at most, and then returns nil once every goroutine of
// its own has ended. Call it once.
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
	for i, k := range m.keepers {
		k.store, k.mem = state, state.load(i, time.Now())
		k.account.hold(k.mem.NotBefore)
	}
	var wg sync.WaitGroup
	for _, k := range m.keepers {
		last := k.rec.desired(k.source.Load()) // before the keeper reads it, so that no change is missed
		wg.Go(func() { _ = k.loop.Run(ctx) })  // it returns nil only
		wg.Go(func() { k.follow(ctx, last) })
	}
	wg.Wait()
	m.takeAway(ctx)
	return nil
}

// Kick has every record looked at now, at all its servers. It never writes
// more than is due.
func (m *Manager) Kick() {
	for _, k := range m.keepers {
		k.kicked.Store(true)
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
