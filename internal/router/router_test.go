package router_test

// A router that behaves: the actions, and the manners of the conversation.

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wanted is a mapping as portmap would ask for it.
var wanted = fact.Mapping{
	Protocol: fact.TCP, ExternalPort: 8883, Internal: netip.MustParseAddrPort("192.168.1.10:8883"),
	Description: "edgeguard mqtt", Lease: time.Hour, Enabled: true,
}

// newRouter returns a Router that knows where to search for fake.
func newRouter(fake *igdtest.Router, change ...func(*router.Config)) *router.Router {
	cfg := router.Config{Gateway: fake.Gateway, SSDP: fake.SSDP(), AllowLoopback: true, Spacing: time.Millisecond}
	for _, c := range change {
		c(&cfg)
	}
	r := router.New(cfg)
	r.ShortenWindow(300 * time.Millisecond)
	return r
}

func TestAddGetDelete(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	ctx := t.Context()
	if _, err := r.Get(ctx, fact.TCP, 8883); !errors.Is(err, fact.ErrNoMapping) {
		t.Fatalf("Get of nothing: %v", err)
	}
	if err := r.Delete(ctx, fact.TCP, 8883); err != nil {
		t.Fatalf("Delete of nothing: %v", err)
	}
	lower := wanted
	lower.Protocol = "tcp" // must go out as TCP: some routers refuse lower case
	if err := r.Add(ctx, lower); err != nil {
		t.Fatal(err)
	}
	got, err := r.Get(ctx, fact.TCP, 8883)
	if err != nil || got != wanted {
		t.Fatalf("read back %+v, %v, want %+v", got, err, wanted)
	}
	if err := r.Delete(ctx, fact.TCP, 8883); err != nil || len(fake.Table()) != 0 {
		t.Errorf("Delete: %v, table %v", err, fake.Table())
	}
	if err := r.Add(ctx, fact.Mapping{Protocol: fact.TCP, ExternalPort: 8883}); err == nil {
		t.Error("a mapping to nowhere was asked for")
	}
}

func TestStatusAndNames(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Manufacturer, b.Model = "Ex\tample  GmbH", "Homegate&#x202e; "+strings.Repeat("3", 100)
		b.ReplyHeaders = []string{"goupnp-local-address: 192.168.1.66"}
	})
	r := newRouter(fake)
	if r.Describe() != "" || r.Identity() != "" || !reflect.DeepEqual(r.Status().Load(), router.Status{}) {
		t.Errorf("before anything was asked: %q, %q, %+v", r.Describe(), r.Identity(), r.Status().Load())
	}
	if _, err := r.ExternalAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := r.Status().Load()
	if !s.Found || s.Address != igdtest.Address || s.Generation != 1 || s.FoundAt.IsZero() || s.Err != "" {
		t.Errorf("status %+v", s)
	}
	if s.Local != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("our own address is %v: a header decided it", s.Local)
	}
	if s.Manufacturer != "Ex ample GmbH" || s.Model != "Homegate "+strings.Repeat("3", 52)+"…" {
		t.Errorf("names %q, %q", s.Manufacturer, s.Model)
	}
	if want := "Ex Homegate 333"; !strings.HasPrefix(r.Describe(), want) || !strings.HasSuffix(r.Describe(), " at 127.0.0.2") {
		t.Errorf("Describe() = %q", r.Describe())
	}
	if r.Identity() != "uuid:00000000-1111-2222-3333-444444444444" {
		t.Errorf("Identity() = %q", r.Identity())
	}
}

func TestExternalAddress(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	for said, want := range map[string]string{
		"11.22.33.44": "11.22.33.44", "100.64.3.4": "100.64.3.4", "192.168.7.1": "192.168.7.1",
		"": "none", "0.0.0.0": "none", "\xb1\x02*\x80": "unknown", "11.22.33.444": "unknown",
	} {
		fake.Behave(func(b *igdtest.Behaviour) { b.WAN = said })
		got, err := r.ExternalAddress(t.Context())
		if got.String() != want || got.Source != "igd" || (err != nil) != (want == "unknown") {
			t.Errorf("the router says %q: %#v, %v, want %s", said, got, err, want)
		}
	}
	if g := r.Status().Load().Generation; g != 1 {
		t.Errorf("generation %d: garbage is no reason to search again", g)
	}
}

func TestFaults(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	for _, code := range []int{402, 501, 606, 718, 725, 728, 729} {
		fake.Behave(func(b *igdtest.Behaviour) { b.Faults["AddPortMapping"] = code })
		var fault *fact.GatewayFault
		if err := r.Add(t.Context(), wanted); !errors.As(err, &fault) || fault.Code != code || fault.Action != "AddPortMapping" || fault.Text != "told to" {
			t.Errorf("told to refuse with %d: %v", code, err)
		}
	}
	for _, code := range []int{714, 713, 501} {
		fake.Behave(func(b *igdtest.Behaviour) { b.Faults["GetSpecificPortMappingEntry"] = code })
		if _, err := r.Get(t.Context(), fact.TCP, 8883); !errors.Is(err, fact.ErrNoMapping) {
			t.Errorf("Get with %d: %v", code, err)
		}
	}
	fake.Behave(func(b *igdtest.Behaviour) { b.Faults["GetSpecificPortMappingEntry"] = 606 })
	if _, err := r.Get(t.Context(), fact.TCP, 8883); err == nil || errors.Is(err, fact.ErrNoMapping) {
		t.Errorf("Get that is not permitted: %v", err)
	}
	if g := r.Status().Load().Generation; g != 1 {
		t.Errorf("generation %d: a refusal is no reason to search again", g)
	}
}

func TestFallsBackToVersion1AndStaysThere(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) { b.OnlyVersion1 = true })
	r := newRouter(fake)
	for range 2 {
		if err := r.Add(t.Context(), wanted); err != nil {
			t.Fatal(err)
		}
	}
	var services []string
	for _, c := range fake.Calls() {
		services = append(services, c.Service)
	}
	if want := []string{igdtest.WANIP2, igdtest.WANIP1, igdtest.WANIP1}; strings.Join(services, " ") != strings.Join(want, " ") {
		t.Errorf("asked %q, want %q", services, want)
	}
}

func TestTakesTheServiceThatIsConnected(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Services = []igdtest.Service{
			{Type: igdtest.WANIP1, Status: "Disconnected", WAN: "0.0.0.0"},
			{Type: igdtest.WANIP1, Status: "Unconfigured", WAN: "10.0.0.1"},
			{Type: igdtest.WANPPP, Status: "Connected", WAN: "11.22.33.55"},
		}
	})
	got, err := newRouter(fake).ExternalAddress(t.Context())
	if err != nil || got.String() != "11.22.33.55" {
		t.Errorf("got %v, %v, want the PPP connection's address", got, err)
	}
}

func TestOneCallAtATimeWithSpaceBetween(t *testing.T) {
	fake := igdtest.Start(t)
	const spacing = 20 * time.Millisecond
	r := newRouter(fake, func(c *router.Config) { c.Spacing = spacing })
	var callers sync.WaitGroup
	for range 5 {
		callers.Go(func() {
			if _, err := r.ExternalAddress(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	calls := fake.Calls()
	if len(calls) != 5 {
		t.Fatalf("%d calls, want 5", len(calls))
	}
	for i := 1; i < len(calls); i++ {
		// Ended is taken before the answer reaches us, so the gap seen there
		// is never shorter than the one that was kept.
		if gap := calls[i].Began.Sub(calls[i-1].Ended); gap < spacing {
			t.Errorf("calls %d and %d are %v apart, want at least %v", i-1, i, gap, spacing)
		}
	}
}

func TestWaitingForTheRouterHonoursTheContext(t *testing.T) {
	fake := igdtest.Start(t)
	held := make(chan struct{})
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Control = igdtest.Always(igdtest.Slow, "AddPortMapping")
	})
	r := newRouter(fake)
	if _, err := r.ExternalAddress(t.Context()); err != nil { // find it first
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(held)
		if err := r.Add(ctx, wanted); !errors.Is(err, context.Canceled) {
			t.Errorf("the held call: %v", err)
		}
	}()
	waiting, giveUp := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer giveUp()
	if err := r.Add(waiting, wanted); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the waiting call: %v", err)
	}
	cancel()
	<-held
	if s := r.Status().Load(); !s.Found || s.Generation != 1 {
		t.Errorf("a caller that gave up cost us the router: %+v", s)
	}
}
