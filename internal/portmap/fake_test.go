package portmap_test

// A router for loops in a bubble: a table, and a function in place of each
// action that a test wants to go differently.

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	broker = netip.MustParseAddrPort("192.168.1.10:8883")
	mqtt   = portmap.Forward{Service: "mqtt", Protocol: fact.TCP, ExternalPort: 8883, Internal: broker}
)

// gateway is a portmap.Gateway with a table. The functions, where set, are
// called in place of the table; they are set before the keeper runs or while
// the bubble is idle.
type gateway struct {
	mu       sync.Mutex // see order
	table    map[uint16]fact.Mapping
	ends     map[uint16]time.Time
	identity string

	onAdd      func(m fact.Mapping) error
	onGet      func(port uint16) (fact.Mapping, error)
	onExternal func() (fact.Observation, error)

	begin time.Time
	adds  []added
	gets  []time.Duration
	dels  []uint16
}

type added struct {
	at time.Duration
	fact.Mapping
}

func newGateway() *gateway {
	return &gateway{table: map[uint16]fact.Mapping{}, ends: map[uint16]time.Time{}, identity: "uuid:1", begin: time.Now()}
}

func (g *gateway) Add(_ context.Context, m fact.Mapping) error {
	g.order()
	g.adds = append(g.adds, added{time.Since(g.begin), m})
	if g.onAdd != nil {
		return g.onAdd(m)
	}
	g.put(m)
	return nil
}

func (g *gateway) put(m fact.Mapping) {
	g.table[m.ExternalPort] = m
	g.ends[m.ExternalPort] = time.Now().Add(m.Lease)
}

func (g *gateway) Get(_ context.Context, _ fact.Protocol, port uint16) (fact.Mapping, error) {
	g.order()
	g.gets = append(g.gets, time.Since(g.begin))
	if g.onGet != nil {
		return g.onGet(port)
	}
	return g.read(port)
}

func (g *gateway) read(port uint16) (fact.Mapping, error) {
	m, ok := g.table[port]
	if !ok {
		return fact.Mapping{}, fact.ErrNoMapping
	}
	if m.Lease > 0 {
		if m.Lease = time.Until(g.ends[port]).Truncate(time.Second); m.Lease <= 0 {
			delete(g.table, port)
			return fact.Mapping{}, fact.ErrNoMapping
		}
	}
	return m, nil
}

func (g *gateway) Delete(_ context.Context, _ fact.Protocol, port uint16) error {
	g.order()
	g.dels = append(g.dels, port)
	delete(g.table, port)
	return nil
}

func (g *gateway) Describe() string { return "Example Homegate at 192.168.1.1" }
func (g *gateway) Identity() string { return g.identity }

func (g *gateway) ExternalAddress(context.Context) (fact.Observation, error) {
	if g.onExternal != nil {
		return g.onExternal()
	}
	return fact.KnownAddr(netip.MustParseAddr("11.22.33.44"), "igd", time.Now()), nil
}

func (g *gateway) addTimes() []time.Duration {
	var times []time.Duration
	for _, a := range g.adds {
		times = append(times, a.at)
	}
	return times
}

func fault(code int) error {
	return &fact.GatewayFault{Action: "AddPortMapping", Code: code, Text: "told to"}
}

// entry is a mapping of port 8883.
func entry(internal, description string, lease time.Duration) fact.Mapping {
	return fact.Mapping{Protocol: fact.TCP, ExternalPort: 8883, Internal: netip.MustParseAddrPort(internal),
		Description: description, Lease: lease, Enabled: true}
}

// keep runs a keeper of the mqtt forward in a bubble: prepare before it starts,
// during while it runs, after once it has stopped. Any of them may be nil.
func keep(t *testing.T, prepare func(*gateway, *portmap.Config), during func(*gateway, *portmap.Keeper), after func(*gateway, *portmap.Keeper)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		cfg := portmap.Config{Enabled: true, Forwards: []portmap.Forward{mqtt}, Rand: rand.New(rand.NewPCG(1, 2))}
		if prepare != nil {
			prepare(g, &cfg)
		}
		k := portmap.New(cfg, g)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()
		synctest.Wait()
		if during != nil {
			during(g, k)
		}
		g.order()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
		if after != nil {
			after(g, k)
		}
	})
}

// order makes what the test has written come before what the keeper reads next,
// and the other way round: in a bubble, time passing orders nothing.
func (g *gateway) order() {
	g.mu.Lock()
	defer g.mu.Unlock()
}

// sleep lets d pass and the keeper settle.
func (g *gateway) sleep(d time.Duration) {
	g.order()
	time.Sleep(d)
	synctest.Wait()
}

func forward(k *portmap.Keeper) portmap.ForwardStatus { return k.Status().Load().Forwards[0] }

func wantState(t *testing.T, k *portmap.Keeper, state portmap.State, verdict fact.Verdict) portmap.ForwardStatus {
	t.Helper()
	f, link := forward(k), k.Status().Load().Link
	if f.State != state || link.Verdict != verdict {
		t.Fatalf("state %s, link %s, want %s and %s: %+v", f.State, link.Verdict, state, verdict, f)
	}
	if (verdict == fact.VerdictFail || verdict == fact.VerdictWarn) && (link.Summary == "" || link.Action == "") {
		t.Errorf("a link that is not good says nothing: %+v", link)
	}
	return f
}
