package router_test

// Other hosts that answer as routers, and a router in no network of ours.

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
	"github.com/edgeguard/edgeguard/internal/router/ssdp"
)

// neighbour starts a router at another address that nobody may talk to, and
// returns where it is searched.
func neighbour(t *testing.T, addr, server string) (*igdtest.Router, []netip.AddrPort) {
	t.Helper()
	n := igdtest.StartAt(t, netip.MustParseAddr(addr))
	n.Behave(func(b *igdtest.Behaviour) {
		b.Server = server
		b.Description = func(_ http.ResponseWriter, req *http.Request) { t.Errorf("%s was fetched from %s", req.URL, addr) }
	})
	return n, n.SSDP()
}

func TestOtherRoutersAreListedAndNotSpokenTo(t *testing.T) {
	fake := igdtest.Start(t)
	old, oldAt := neighbour(t, "127.0.0.254", "Old\x1b[2J Box/1.0 "+strings.Repeat("x", 100))
	_, extAt := neighbour(t, "127.0.0.7", "")
	media, mediaAt := neighbour(t, "127.0.0.8", "")
	media.Behave(func(b *igdtest.Behaviour) {
		b.Reply = strings.NewReplacer("InternetGatewayDevice", "MediaServer", "WANIPConnection", "ContentDirectory", "WANPPPConnection", "ContentDirectory").Replace
	})
	r := newRouter(fake, func(c *router.Config) {
		c.SSDP = append(append(append(c.SSDP, oldAt...), extAt...), mediaAt...)
	})
	want := []router.Other{{Address: netip.MustParseAddr("127.0.0.7")}, {Address: netip.MustParseAddr("127.0.0.254"), Server: "Old[2J Box/1.0 " + strings.Repeat("x", 46) + "…"}}
	if _, err := r.ExternalAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	window := time.Second
	survey := func() []router.Other {
		t.Helper()
		if err := r.Survey(t.Context(), window); err != nil {
			t.Fatal(err)
		}
		s := r.Status().Load()
		if !s.Found || s.Address != igdtest.Address || s.Generation != 1 || s.Bridged {
			t.Errorf("status %+v", s)
		}
		return s.Others
	}
	if got := survey(); !reflect.DeepEqual(got, want) {
		t.Errorf("others %+v, want %+v", got, want)
	}
	window = 200 * time.Millisecond
	// Silence for some searches, or another name each time, changes nothing.
	_, changed := r.Status().Get()
	old.Behave(func(b *igdtest.Behaviour) { b.Silent = true })
	survey()
	old.Behave(func(b *igdtest.Behaviour) { b.Silent, b.Server = false, "New Box" })
	window = time.Second
	survey()
	window = 200 * time.Millisecond
	old.Behave(func(b *igdtest.Behaviour) { b.Silent = true })
	for range 3 {
		survey()
	}
	select {
	case <-changed:
		t.Errorf("the status flaps: %+v", r.Status().Load().Others)
	default:
	}
	if got := survey(); !reflect.DeepEqual(got, want[:1]) {
		t.Errorf("after a long silence: %+v", got)
	}
}

func TestOthersAreBounded(t *testing.T) {
	fake := igdtest.Start(t)
	at := fake.SSDP()
	for i := range 12 {
		_, more := neighbour(t, netip.AddrFrom4([4]byte{127, 0, 1, byte(200 - i)}).String(), "Box")
		at = append(at, more...)
	}
	r := newRouter(fake, func(c *router.Config) { c.SSDP = at })
	for range 2 {
		if err := r.Survey(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	others := r.Status().Load().Others
	if len(others) != 8 {
		t.Fatalf("%d others", len(others))
	}
	for i := 1; i < len(others); i++ {
		if !others[i-1].Address.Less(others[i].Address) {
			t.Errorf("not in order: %v", others)
		}
	}
}

// Where ours does not answer, the error says who does.
func TestNoRouterButOthers(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) { b.Silent = true })
	_, at := neighbour(t, "127.0.0.254", "Linux UPnP/1.1")
	r := newRouter(fake, func(c *router.Config) { c.SSDP = append(c.SSDP, at...) })
	_, err := r.ExternalAddress(t.Context())
	const want = `127.0.0.2; 127.0.0.254 (Linux UPnP/1.1) answers as a router, but is not the default gateway; if it is the one, set router = "127.0.0.254" under [lan]`
	if !errors.Is(err, fact.ErrNoRouter) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	if s := r.Status().Load(); s.Found || s.Err != err.Error() || len(s.Others) != 1 {
		t.Errorf("status %+v", s)
	}
	for n, want := range map[int]string{
		0: "",
		2: `127.0.1.1 and 127.0.1.2 (Box) answer as routers, but are not the default gateway; if one of them is the one, set its address under [lan], as in router = "127.0.1.1"`,
		3: `127.0.1.1, 127.0.1.2 (Box) and 127.0.1.3 (Box) answer as routers,`,
		5: `127.0.1.1, 127.0.1.2 (Box), 127.0.1.3 (Box) and 2 more answer as routers,`,
	} {
		var others []router.Other
		for i := range n {
			others = append(others, router.Other{Address: netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)}), Server: []string{"", "Box"}[min(i, 1)]})
		}
		if got := router.Advice(others); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%d: %s", n, got)
		}
	}
}

// Another gateway has other neighbours.
func TestNeighboursOfAnotherGateway(t *testing.T) {
	fake := igdtest.Start(t)
	second, at := neighbour(t, "127.0.0.254", "Box")
	gateway := igdtest.Address
	r := newRouter(fake, func(c *router.Config) {
		c.SSDP = append(c.SSDP, at...)
		c.Gateway = func() (netip.Addr, error) { return gateway, nil }
	})
	if err := r.Survey(t.Context(), time.Second); err != nil || len(r.Status().Load().Others) != 1 {
		t.Fatalf("%+v, %v", r.Status().Load().Others, err)
	}
	gateway = netip.MustParseAddr("127.0.0.254")
	second.Behave(func(b *igdtest.Behaviour) { b.Description = nil })
	if _, err := r.ExternalAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Survey(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if s := r.Status().Load(); s.Address != gateway || len(s.Others) != 1 || s.Others[0].Address != igdtest.Address {
		t.Errorf("status %+v", s)
	}
}

func TestRunLooksForNeighbours(t *testing.T) {
	fake := igdtest.Start(t)
	_, at := neighbour(t, "127.0.0.254", "Box")
	r := newRouter(fake, func(c *router.Config) { c.SSDP = append(c.SSDP, at...) })
	r.SurveyAfter(time.Second)
	run(t, r)
	until(t, r, "with a neighbour", func(s router.Status) bool { return s.Found && len(s.Others) == 1 })
}

// A search goes out by every way there is, and by unicast alone where the
// gateway is in none of our networks.
func TestPlan(t *testing.T) {
	const up = net.FlagUp | net.FlagMulticast | net.FlagRunning
	lan := ssdp.Link{Name: "eth0", Index: 2, Flags: up, Nets: []netip.Prefix{netip.MustParsePrefix("192.168.1.10/24")}}
	docker := ssdp.Link{Name: "docker0", Index: 3, Flags: up, Nets: []netip.Prefix{netip.MustParsePrefix("172.17.0.1/16")}}
	tunnel := ssdp.Link{Name: "wg0", Index: 4, Flags: up | net.FlagPointToPoint, Nets: lan.Nets}
	gateway := netip.MustParseAddr("192.168.1.1")
	unicast := netip.AddrPortFrom(gateway, ssdp.Port)
	for name, c := range map[string]struct {
		links   []ssdp.Link
		err     error
		to      []netip.AddrPort
		on      int
		bridged bool
	}{
		"host network": {links: []ssdp.Link{docker, lan}, to: []netip.AddrPort{unicast}, on: 2},
		"a bridge":     {links: []ssdp.Link{docker}, to: []netip.AddrPort{unicast}, bridged: true},
		"a tunnel":     {links: []ssdp.Link{tunnel}, to: []netip.AddrPort{unicast, ssdp.Multicast}},
		"not known":    {err: errors.New("no"), to: []netip.AddrPort{unicast, ssdp.Multicast}},
	} {
		r := router.New(router.Config{Gateway: func() (netip.Addr, error) { return gateway, nil }})
		r.Links(func() ([]ssdp.Link, error) { return c.links, c.err })
		got := r.Plan(gateway, netip.MustParseAddr("192.168.1.10"))
		if !reflect.DeepEqual(got.To, c.to) || len(got.On) != c.on || r.IsBridged() != c.bridged {
			t.Errorf("%s: to %v on %v, bridged %t", name, got.To, got.On, r.IsBridged())
		}
		if c.on > 0 && (got.On[0] != ssdp.Interface{Name: "eth0", Index: 2, Addr: netip.MustParseAddr("192.168.1.10")}) {
			t.Errorf("%s: first on %v", name, got.On[0])
		}
	}
}

// Run says it of what the router tells all hosts, too.
func TestBridgedHearsNoAnnouncements(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	r.Links(func() ([]ssdp.Link, error) {
		return []ssdp.Link{{Name: "eth0", Index: 2, Flags: net.FlagUp, Nets: []netip.Prefix{netip.MustParsePrefix("172.17.0.2/16")}}}, nil
	})
	run(t, r)
	until(t, r, "subscribed and deaf", func(s router.Status) bool {
		why := "not in a network of this host's"
		return subscribed(s) && !s.Events.SSDP.On && !s.Events.Announcements.On &&
			strings.Contains(s.Events.SSDP.Why, why) && strings.Contains(s.Events.Announcements.Why, why)
	})
}

// The status of a router behind a bridge says so, found or not.
func TestBridged(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	r.Links(func() ([]ssdp.Link, error) {
		return []ssdp.Link{{Name: "eth0", Index: 2, Flags: net.FlagUp, Nets: []netip.Prefix{netip.MustParsePrefix("172.17.0.2/16")}}}, nil
	})
	// What is on the way translates our own address, so the router sees another.
	if own := r.Local(); own.IsValid() {
		t.Errorf("before the search it is taken to see %v", own)
	}
	if _, err := r.ExternalAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := r.Status().Load(); !s.Found || !s.Bridged {
		t.Errorf("status %+v", s)
	}
	if own := r.Local(); own.IsValid() {
		t.Errorf("it is taken to see %v", own)
	}
	fake.Behave(func(b *igdtest.Behaviour) { b.Silent = true })
	fake.Stop()
	if _, err := r.ExternalAddress(context.Background()); err == nil {
		t.Fatal("no error")
	}
	if s := r.Status().Load(); s.Found || !s.Bridged || s.Err == "" {
		t.Errorf("status %+v", s)
	}
}
