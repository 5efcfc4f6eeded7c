package pinhole_test

// A router for loops in a bubble: a table of pinholes, and a function in place
// of each action that a test wants to go differently.

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	home  = netip.MustParseAddr("2a0e:77:1::10")
	moved = netip.MustParseAddr("2a0e:77:2::10")
)

func at(addr netip.Addr) netip.AddrPort { return netip.AddrPortFrom(addr, 8883) }

// firewall is a pinhole.Firewall with a table, and the service's address. The
// functions are set before the keeper runs or while the bubble is idle.
type firewall struct {
	mu       sync.Mutex // guards everything
	table    map[uint16]fact.Pinhole
	ends     map[uint16]time.Time
	last     uint16
	identity string
	router   string
	address  netip.Addr // of the service; invalid means that it is not known

	onStatus func() (enabled, inbound bool, err error)
	onAdd    func(p fact.Pinhole) error
	onUpdate func(id uint16) error
	onCheck  func(id uint16) (bool, error)
	onDelete func(id uint16) error
	onMap    func(q fact.Request) (fact.Grant, error)
	onUnmap  func(q fact.Request) error

	begin time.Time
	calls []call
}

// call is what was asked of the router, such as "add 1", and when.
type call struct {
	what string
	at   time.Duration
}

func newFirewall() *firewall {
	return &firewall{table: map[uint16]fact.Pinhole{}, ends: map[uint16]time.Time{}, identity: "uuid:1",
		router: "Example Homegate at 192.168.1.1", address: home, begin: time.Now()}
}

func (f *firewall) note(format string, args ...any) {
	f.calls = append(f.calls, call{fmt.Sprintf(format, args...), time.Since(f.begin)})
}

// said lists what was asked since the last time, and forgets it.
func (f *firewall) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []string
	for _, c := range f.calls {
		list = append(list, c.what)
	}
	f.calls = nil
	return strings.Join(list, ", ")
}

// expire drops what has ended.
func (f *firewall) expire() {
	maps.DeleteFunc(f.table, func(id uint16, _ fact.Pinhole) bool { return !time.Now().Before(f.ends[id]) })
}

func (f *firewall) FirewallStatus(context.Context) (enabled, inbound bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("status")
	if f.onStatus != nil {
		return f.onStatus()
	}
	return true, true, nil
}

func (f *firewall) AddPinhole(_ context.Context, p fact.Pinhole) (uint16, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("add")
	if f.onAdd != nil {
		if err := f.onAdd(p); err != nil {
			return 0, err
		}
	}
	f.expire()
	for id, there := range f.table {
		if there.Internal == p.Internal && there.Protocol == p.Protocol {
			f.table[id], f.ends[id] = p, time.Now().Add(p.Lease)
			return id, nil
		}
	}
	f.last++
	f.table[f.last], f.ends[f.last] = p, time.Now().Add(p.Lease)
	return f.last, nil
}

func (f *firewall) UpdatePinhole(_ context.Context, id uint16, p fact.Pinhole) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("update %d", id)
	if f.onUpdate != nil {
		return f.onUpdate(id)
	}
	f.expire()
	if _, ok := f.table[id]; !ok {
		return fault(704)
	}
	f.ends[id] = time.Now().Add(p.Lease)
	return nil
}

func (f *firewall) CheckPinhole(_ context.Context, id uint16, _ fact.Pinhole) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("check %d", id)
	if f.onCheck != nil {
		return f.onCheck(id)
	}
	f.expire()
	if _, ok := f.table[id]; !ok {
		return false, fault(704)
	}
	return true, nil
}

func (f *firewall) DeletePinhole(_ context.Context, id uint16, _ fact.Pinhole) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("delete %d", id)
	if f.onDelete != nil {
		return f.onDelete(id)
	}
	delete(f.table, id)
	return nil
}

func (f *firewall) Map(_ context.Context, q fact.Request) (fact.Grant, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("map")
	if f.onMap == nil {
		return fact.Grant{}, fact.ErrNotSpoken
	}
	return f.onMap(q)
}

func (f *firewall) Unmap(_ context.Context, q fact.Request) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("unmap")
	if f.onUnmap == nil {
		return fact.ErrNotSpoken
	}
	return f.onUnmap(q)
}

func (f *firewall) Describe() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.router
}

func (f *firewall) Identity() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.identity
}

// set changes the router or the service's address between two looks.
func (f *firewall) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// open lists the addresses in the table.
func (f *firewall) open() map[netip.AddrPort]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expire()
	list := map[netip.AddrPort]bool{}
	for _, p := range f.table {
		list[p.Internal] = true
	}
	return list
}

func fault(code int) error {
	return &fact.GatewayFault{Action: "AddPinhole", Code: code, Text: "told to"}
}

// config is a config for the mqtt service behind f.
func config(f *firewall) pinhole.Config {
	return pinhole.Config{Rand: rand.New(rand.NewPCG(1, 2)), Pinholes: []pinhole.Pinhole{{
		Service: "mqtt", Protocol: fact.TCP, Port: 8883,
		Address: func() (netip.Addr, bool) {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.address, f.address.IsValid()
		}}}}
}

// keep runs a keeper in a bubble: prepare before it starts, during while it
// runs, after once it has stopped. Any of them may be nil.
func keep(t *testing.T, prepare func(*firewall, *pinhole.Config), during func(*firewall, *pinhole.Keeper), after func(*firewall)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFirewall()
		cfg := config(f)
		if prepare != nil {
			prepare(f, &cfg)
		}
		runIn(t, f, cfg, during)
		if after != nil {
			after(f)
		}
	})
}

// runIn runs a keeper in the bubble that it is called in.
func runIn(t *testing.T, f *firewall, cfg pinhole.Config, during func(*firewall, *pinhole.Keeper)) {
	t.Helper()
	k := pinhole.New(cfg, f)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- k.Run(ctx) }()
	synctest.Wait()
	if during != nil {
		during(f, k)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// sleep lets d pass and the keeper settle.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func want(t *testing.T, k *pinhole.Keeper, state pinhole.State) pinhole.PinholeStatus {
	t.Helper()
	p := k.Status().Load().Pinholes[0]
	if p.State != state {
		t.Fatalf("state %s, want %s: %+v", p.State, state, p)
	}
	if (p.State == pinhole.StateFailed || p.State == pinhole.StateNone || p.State == pinhole.StateUnconfirmed) && (p.LastError == "" || p.Action == "") {
		t.Errorf("a pinhole that is missing says nothing: %+v", p)
	}
	return p
}

func wantSaid(t *testing.T, f *firewall, what string) {
	t.Helper()
	if got := f.said(); got != what {
		t.Errorf("asked for: %s\nwant:      %s", got, what)
	}
}

func stateFile(t *testing.T) string { return filepath.Join(t.TempDir(), "pinholes.json") }
