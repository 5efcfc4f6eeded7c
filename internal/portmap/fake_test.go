package portmap_test

// A router for loops in a bubble: a table, and a function in place of each
// action that a test wants to go differently.

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"os"
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
	table    map[key]fact.Mapping
	ends     map[key]time.Time
	identity string
	name     string // for Describe

	onAdd      func(m fact.Mapping) error
	onGet      func(k key) (fact.Mapping, error)
	onDelete   func(k key) error
	onExternal func() (fact.Observation, error)
	onMap      func(q fact.Request) (fact.Grant, error)
	onUnmap    func(q fact.Request) error

	local netip.Addr // this host; the broker is another one unless a test says so
	begin time.Time
	adds  []added
	gets  []time.Duration
	dels  []uint16
	maps  []asked
	back  []fact.Request
}

type asked struct {
	at time.Duration
	fact.Request
}

// key is what an entry is found by: the same port of TCP and of UDP are two.
type key struct {
	protocol fact.Protocol
	port     uint16
}

// tcp8883 is the entry that most tests are about.
var tcp8883 = key{fact.TCP, 8883}

type added struct {
	at time.Duration
	fact.Mapping
}

func newGateway() *gateway {
	return &gateway{table: map[key]fact.Mapping{}, ends: map[key]time.Time{}, identity: "uuid:1", name: "Example Homegate at 192.168.1.1", local: netip.MustParseAddr("192.168.1.2"), begin: time.Now()}
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
	k := key{m.Protocol, m.ExternalPort}
	g.table[k] = m
	g.ends[k] = time.Now().Add(m.Lease)
}

func (g *gateway) Get(_ context.Context, p fact.Protocol, port uint16) (fact.Mapping, error) {
	g.order()
	g.gets = append(g.gets, time.Since(g.begin))
	if g.onGet != nil {
		return g.onGet(key{p, port})
	}
	return g.read(key{p, port})
}

func (g *gateway) read(k key) (fact.Mapping, error) {
	m, ok := g.table[k]
	if !ok {
		return fact.Mapping{}, fact.ErrNoMapping
	}
	if m.Lease > 0 {
		if m.Lease = time.Until(g.ends[k]).Truncate(time.Second); m.Lease <= 0 {
			delete(g.table, k)
			return fact.Mapping{}, fact.ErrNoMapping
		}
	}
	return m, nil
}

func (g *gateway) Delete(_ context.Context, p fact.Protocol, port uint16) error {
	g.order()
	g.dels = append(g.dels, port)
	if g.onDelete != nil {
		return g.onDelete(key{p, port})
	}
	delete(g.table, key{p, port})
	return nil
}

// Map says that the router speaks UPnP-IGD only, unless a test wants otherwise.
func (g *gateway) Map(_ context.Context, q fact.Request) (fact.Grant, error) {
	g.order()
	g.maps = append(g.maps, asked{time.Since(g.begin), q})
	if g.onMap != nil {
		return g.onMap(q)
	}
	return fact.Grant{}, fact.ErrNotSpoken
}

func (g *gateway) Unmap(_ context.Context, q fact.Request) error {
	g.order()
	g.back = append(g.back, q)
	if g.onUnmap != nil {
		return g.onUnmap(q)
	}
	return fact.ErrNotSpoken
}

func (g *gateway) Local() netip.Addr {
	g.order()
	return g.local
}

func (g *gateway) Describe() string {
	g.order()
	return g.name
}

func (g *gateway) Identity() string {
	g.order()
	return g.identity
}

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
	keepOn(t, func(g *gateway, _ *portmap.Config) portmap.Gateway { return g }, prepare, during, after)
}

// keepOn is keep on the gateway that on makes of the usual one.
func keepOn(t *testing.T, on func(*gateway, *portmap.Config) portmap.Gateway, prepare func(*gateway, *portmap.Config), during func(*gateway, *portmap.Keeper), after func(*gateway, *portmap.Keeper)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		cfg := portmap.Config{Enabled: true, Forwards: []portmap.Forward{mqtt}, Rand: rand.New(rand.NewPCG(1, 2))}
		if prepare != nil {
			prepare(g, &cfg)
		}
		k := portmap.New(cfg, on(g, &cfg))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- k.Run(ctx) }()
		defer synctest.Wait() // also where the test fails half way
		defer cancel()
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

// kill keeps the state file as it is now, as a power cut would; revive puts it
// back once the keeper has stopped and tidied up.
func kill(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file+".killed", text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func revive(t *testing.T, file string) {
	t.Helper()
	if err := os.Rename(file+".killed", file); err != nil {
		t.Fatal(err)
	}
}
