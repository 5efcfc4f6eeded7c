package ddns_test

// A home in a synctest bubble: a provider and an authority that the test holds
// in its hand, and a manager between them.

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/watch"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	name  = "myhome.duckdns.org"
	token = "a7c4d0ad-114e-40ef-ba1d-d217904a50f2"
)

var (
	addrA = netip.MustParseAddr("11.22.33.44")
	addrB = netip.MustParseAddr("11.22.33.55")
)

// writer and asker are structs of funcs.
type writer struct {
	OnSet    func(ctx context.Context, domain string, addr netip.Addr) (netip.Addr, error)
	OnDelete func(ctx context.Context, domain string, addr netip.Addr) error
}

func (p writer) Set(ctx context.Context, domain string, addr netip.Addr) (netip.Addr, error) {
	return p.OnSet(ctx, domain, addr)
}

func (p writer) Delete(ctx context.Context, domain string, addr netip.Addr) error {
	return p.OnDelete(ctx, domain, addr)
}

type asker struct {
	OnAsk     func(ctx context.Context, q authority.Question) (authority.Answer, error)
	OnRecurse func(ctx context.Context, q authority.Question) (authority.Reply, error)
}

func (a asker) Ask(ctx context.Context, q authority.Question) (authority.Answer, error) {
	return a.OnAsk(ctx, q)
}

func (a asker) Recurse(ctx context.Context, q authority.Question) (authority.Reply, error) {
	return a.OnRecurse(ctx, q)
}

// write is one call of the provider.
type write struct {
	At     time.Duration // since the home was made
	Domain string
	Addr   netip.Addr
}

// home is the lab of the bubble tests. Set its funcs before start.
type home struct {
	t       *testing.T
	cfg     ddns.Config
	address *watch.Value[fact.Observation]
	v6      *watch.Value[fact.Observation]
	log     bytes.Buffer
	begin   time.Time
	stop    func()

	// set answers a write after it was noted; nil takes it and publishes it
	// after spread.
	set     func(domain string, addr netip.Addr) (netip.Addr, error)
	spread  time.Duration
	slow    time.Duration // how long the authoritative servers take
	proxied atomic.Bool   // what the provider says of its proxy
	manager *ddns.Manager
	delete  func(domain string, addr netip.Addr) error // nil takes it

	mu       sync.Mutex
	records  map[string][]netip.Addr // by name and type, what the authoritative servers show
	silent   bool
	hijacked bool
	resolver *authority.Reply // what a resolver says; nil for nothing
	lagging  netip.Addr       // what a second authoritative server shows; zero for none
	writes   []write
	deletes  []write
	looks    []time.Duration
	asked    []authority.Question
}

// newHome makes a home with the given records, DuckDNS's unless changed.
func newHome(t *testing.T, domains ...string) *home {
	h := &home{t: t, begin: time.Now(), records: map[string][]netip.Addr{}, stop: func() {}}
	h.address = watch.New(known(addrA), func(a, b fact.Observation) bool { return a == b })
	h.v6 = watch.New(fact.Observation{}, func(a, b fact.Observation) bool { return a == b })
	for _, d := range domains {
		h.cfg.Records = append(h.cfg.Records, record("duckdns", d, token))
	}
	h.cfg.Log = slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.cfg.Rand = rand.New(rand.NewPCG(1, 2))
	return h
}

func known(addr netip.Addr) fact.Observation { return fact.KnownAddr(addr, "test", time.Now()) }

// start runs a manager; h.stop ends it and waits.
func (h *home) start() {
	h.t.Helper()
	m := h.make()
	h.manager = m
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	var once sync.Once
	h.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				h.t.Errorf("Run = %v", err)
			}
		})
	}
	synctest.Wait()
}

func (h *home) addresses() ddns.Addresses { return ddns.Addresses{V4: h.address, V6: h.v6} }

// make makes a manager that does not run.
func (h *home) make() *ddns.Manager {
	h.t.Helper()
	m, err := ddns.NewWith(h.cfg, h.addresses(), asker{h.ask, h.recurse}, func(rec ddns.RecordConfig) (provider.Provider, error) {
		w := writer{h.write, h.remove}
		if rec.Provider == "cloudflare" {
			return proxying{w, &h.proxied}, nil
		}
		return w, nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

// proxying is a provider with a proxy.
type proxying struct {
	writer
	on *atomic.Bool
}

func (p proxying) Proxied() bool { return p.on.Load() }

func (h *home) remove(ctx context.Context, domain string, addr netip.Addr) error {
	h.mu.Lock()
	h.deletes = append(h.deletes, write{time.Since(h.begin), domain, addr})
	remove := h.delete
	h.mu.Unlock()
	if _, ok := ctx.Deadline(); !ok || ctx.Err() != nil {
		h.t.Errorf("a deletion has no deadline, or no time: %v", ctx.Err())
	}
	if remove != nil {
		return remove(domain, addr)
	}
	return nil // the servers show it for a while yet
}

func (h *home) write(ctx context.Context, domain string, addr netip.Addr) (netip.Addr, error) {
	h.mu.Lock()
	h.writes = append(h.writes, write{time.Since(h.begin), domain, addr})
	set := h.set
	h.mu.Unlock()
	if _, ok := ctx.Deadline(); !ok {
		h.t.Error("a write has no deadline")
	}
	if set != nil {
		return set(domain, addr)
	}
	if h.spread == 0 {
		h.show(domain, addr)
	} else {
		time.AfterFunc(h.spread, func() { h.show(domain, addr) })
	}
	return addr, nil
}

func (h *home) recurse(context.Context, authority.Question) (authority.Reply, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.resolver == nil {
		return authority.Reply{}, errors.New("no resolver answered")
	}
	return *h.resolver, nil
}

func (h *home) ask(ctx context.Context, q authority.Question) (authority.Answer, error) {
	h.mu.Lock()
	h.looks = append(h.looks, time.Since(h.begin))
	h.asked = append(h.asked, q)
	slow := h.slow
	h.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return authority.Answer{}, ctx.Err()
		}
	}
	return h.say(q)
}

// say is what the authoritative servers say, or what is said in their place.
func (h *home) say(q authority.Question) (authority.Answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hijacked {
		return authority.Answer{Zone: "duckdns.org", Intercepted: "a liar answers"}, authority.ErrIntercepted
	}
	if h.silent {
		return authority.Answer{}, errors.New("no name server answered")
	}
	answer := said(h.records[key(q.Name, q.Type)]...)
	if h.lagging.IsValid() {
		answer.Replies = append(answer.Replies, said(h.lagging).Replies...)
		answer.State, answer.Addrs, answer.Split = fact.Unknown, nil, true
	}
	return answer, nil
}

// said is what one authoritative server says.
func said(addrs ...netip.Addr) authority.Answer {
	r := authority.Reply{Server: "ns1.example", State: fact.None}
	if len(addrs) > 0 {
		r.State, r.Addrs = fact.Known, addrs
	}
	return authority.Answer{Zone: "duckdns.org", State: r.State, Addrs: r.Addrs, Replies: []authority.Reply{r}}
}

// key is a record's key in home.records.
func key(domain, kind string) string { return domain + " " + kind }

// show makes the authoritative servers show addrs, which are of one family;
// none means that there is no A record.
func (h *home) show(domain string, addrs ...netip.Addr) {
	kind := "A"
	if len(addrs) > 0 && addrs[0].Is6() {
		kind = "AAAA"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.records[key(domain, kind)] = addrs
}

// written, deleted, looked and questions are what has happened so far.
func (h *home) written() []write {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.writes)
}

func (h *home) deleted() []write {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.deletes)
}

func (h *home) looked() []time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.looks)
}

func (h *home) questions() []authority.Question {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.asked)
}

func (h *home) setSlow(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.slow = d
}

func (h *home) refuseDelete(remove func(domain string, addr netip.Addr) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.delete = remove
}

func (h *home) setHijacked(hijacked bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hijacked = hijacked
}

func (h *home) setSilent(silent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.silent = silent
}

func (h *home) setLagging(addr netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lagging = addr
}

func (h *home) answer(set func(domain string, addr netip.Addr) (netip.Addr, error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.set = set
}

// wait lets d pass.
func (h *home) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// wantWrites checks the values written so far.
func (h *home) wantWrites(want ...netip.Addr) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.writes) != len(want) {
		h.t.Fatalf("writes are %v, want %v", h.writes, want)
	}
	for i := range want {
		if h.writes[i].Addr != want[i] {
			h.t.Fatalf("writes are %v, want %v", h.writes, want)
		}
	}
}

// record is the status of the first record.
func (h *home) record() ddns.RecordStatus { return h.manager.Status().Load().Records[0] }

func (h *home) wantPhase(want ddns.Phase) {
	h.t.Helper()
	if got := h.record(); got.Phase != want {
		h.t.Fatalf("phase is %q (%+v), want %q", got.Phase, got, want)
	}
}

func (h *home) wantVerdict(want fact.Verdict) fact.Link {
	h.t.Helper()
	l := h.manager.Status().Load().Link
	if l.Verdict != want || l.Summary == "" {
		h.t.Fatalf("link is %+v, want %v", l, want)
	}
	return l
}

// bubble runs f in a bubble with a home that is stopped afterwards.
func bubble(t *testing.T, f func(t *testing.T, h *home), domains ...string) {
	t.Helper()
	if len(domains) == 0 {
		domains = []string{name}
	}
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, domains...)
		defer func() { h.stop() }()
		f(t, h)
	})
}
