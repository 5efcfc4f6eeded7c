package router_test

// Pinholes: the calls, and the way over IPv6 that some routers want.

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

var (
	// elsewhere is a pinhole to another host than this one, and own to this one.
	elsewhere = fact.Pinhole{Protocol: fact.TCP, Internal: netip.MustParseAddrPort("[2a0e:77:1::10]:8883"), Lease: time.Hour}
	own       = fact.Pinhole{Protocol: fact.UDP, Internal: netip.MustParseAddrPort("[::1]:8883"), Lease: time.Hour}
)

// withFirewall starts a router with a firewall.
func withFirewall(t *testing.T) (*igdtest.Router, *igdtest.Firewall) {
	t.Helper()
	fake, wall := igdtest.Start(t), new(igdtest.Firewall)
	fake.Behave(func(b *igdtest.Behaviour) { b.Firewall = wall })
	return fake, wall
}

// at6 is a Gateway6 for routers on loopback.
func at6(c *router.Config) {
	c.Gateway6 = func() (netip.Addr, error) { return igdtest.Address6, nil }
}

func TestPinholeIsOpenedUpdatedCheckedAndClosed(t *testing.T) {
	fake, wall := withFirewall(t)
	r, ctx := newRouter(fake), t.Context()
	if enabled, inbound, err := r.FirewallStatus(ctx); !enabled || !inbound || err != nil {
		t.Fatalf("FirewallStatus = %t, %t, %v", enabled, inbound, err)
	}
	id, err := r.AddPinhole(ctx, elsewhere)
	if err != nil || !reflect.DeepEqual(wall.Pinholes(), map[uint16]fact.Pinhole{id: elsewhere}) {
		t.Fatalf("AddPinhole = %d, %v, table %v", id, err, wall.Pinholes())
	}
	if again, err := r.AddPinhole(ctx, elsewhere); again != id || err != nil {
		t.Errorf("AddPinhole again = %d, %v, want %d", again, err, id)
	}
	longer := elsewhere
	longer.Lease = 2 * time.Hour
	if err := r.UpdatePinhole(ctx, id, longer); err != nil || wall.Pinholes()[id] != longer {
		t.Errorf("UpdatePinhole: %v, table %v", err, wall.Pinholes())
	}
	for _, idle := range []bool{false, true} {
		fake.Behave(func(b *igdtest.Behaviour) { wall.Idle = idle })
		if working, err := r.CheckPinhole(ctx, id, elsewhere); !working || err != nil {
			t.Errorf("idle %t: CheckPinhole = %t, %v", idle, working, err)
		}
	}
	if _, err := r.CheckPinhole(ctx, id+1, elsewhere); !refusedWith(err, 704) {
		t.Errorf("CheckPinhole of nothing: %v", err)
	}
	fake.Behave(func(b *igdtest.Behaviour) { wall.Idle = false })
	if packets, err := r.PinholePackets(ctx, id, elsewhere); packets != 7 || err != nil {
		t.Errorf("PinholePackets = %d, %v", packets, err)
	}
	for range 2 { // the second is not there
		if err := r.DeletePinhole(ctx, id, elsewhere); err != nil || len(wall.Pinholes()) != 0 {
			t.Errorf("DeletePinhole: %v, table %v", err, wall.Pinholes())
		}
	}
	for name, p := range map[string]fact.Pinhole{
		"IPv4":     {Protocol: fact.TCP, Internal: netip.MustParseAddrPort("192.168.1.10:8883"), Lease: time.Hour},
		"mapped":   {Protocol: fact.TCP, Internal: netip.MustParseAddrPort("[::ffff:192.168.1.10]:8883"), Lease: time.Hour},
		"a zone":   {Protocol: fact.TCP, Internal: netip.MustParseAddrPort("[fe80::1%eth0]:8883"), Lease: time.Hour},
		"port 0":   {Protocol: fact.TCP, Internal: netip.MustParseAddrPort("[2a0e::1]:0"), Lease: time.Hour},
		"no end":   {Protocol: fact.TCP, Internal: elsewhere.Internal},
		"too long": {Protocol: fact.TCP, Internal: elsewhere.Internal, Lease: 25 * time.Hour},
		"SCTP":     {Protocol: "SCTP", Internal: elsewhere.Internal, Lease: time.Hour},
	} {
		if id, err := r.AddPinhole(ctx, p); err == nil {
			t.Errorf("%s: AddPinhole = %d", name, id)
		}
	}
	if len(wall.Pinholes()) != 0 {
		t.Errorf("table %v", wall.Pinholes())
	}
}

func refusedWith(err error, code int) bool {
	fault := (*fact.GatewayFault)(nil)
	return errors.As(err, &fault) && fault.Code == code
}

func TestPinholeRefusals(t *testing.T) {
	fake, wall := withFirewall(t)
	r, ctx := newRouter(fake), t.Context()
	for _, code := range []int{501, 606, 701, 702, 703, 705, 708} {
		fake.Behave(func(b *igdtest.Behaviour) { b.Faults["AddPinhole"] = code })
		if _, err := r.AddPinhole(ctx, elsewhere); !refusedWith(err, code) {
			t.Errorf("%d: %v", code, err)
		}
	}
	wall.Off, wall.Closed = true, true
	if enabled, inbound, err := r.FirewallStatus(ctx); enabled || inbound || err != nil {
		t.Errorf("FirewallStatus = %t, %t, %v", enabled, inbound, err)
	}
	fake.Behave(func(b *igdtest.Behaviour) { b.Firewall = nil })
	fake.Restart()
	if _, _, err := r.FirewallStatus(ctx); !errors.Is(err, fact.ErrNoFirewall) {
		t.Errorf("without the service: %v", err)
	}
	if _, err := r.AddPinhole(ctx, elsewhere); !errors.Is(err, fact.ErrNoFirewall) {
		t.Errorf("without the service: %v", err)
	}
}

// callers lists who asked for the pinholes' actions, over IPv4 or IPv6.
func callers(fake *igdtest.Router) string {
	var list []string
	for _, c := range fake.Calls() {
		family := "4"
		if c.From.Is6() {
			family = "6"
		}
		list = append(list, c.Action+family)
	}
	return strings.Join(list, " ")
}

func TestPinholeIsAskedForOverIPv6WhereTheRouterWantsThat(t *testing.T) {
	fake, wall := withFirewall(t)
	wall.OwnOnly = true
	fake.ServeIPv6(true)
	r, ctx := newRouter(fake, at6), t.Context()
	id, err := r.AddPinhole(ctx, own)
	if err != nil || wall.Pinholes()[id] != own {
		t.Fatalf("AddPinhole = %d, %v, table %v", id, err, wall.Pinholes())
	}
	if working, err := r.CheckPinhole(ctx, id, own); !working || err != nil {
		t.Errorf("CheckPinhole = %t, %v", working, err)
	}
	if _, err := r.AddPinhole(ctx, elsewhere); !refusedWith(err, 606) || strings.Contains(err.Error(), "IPv6") {
		t.Errorf("another host's pinhole: %v", err)
	}
	if got, want := callers(fake), "AddPinhole4 AddPinhole6 CheckPinholeWorking6 AddPinhole4"; got != want {
		t.Errorf("calls %s, want %s", got, want)
	}

	// A restart on another port, in both families.
	wall.Forget()
	fake.Restart()
	fake.ServeIPv6(true)
	if _, err := r.CheckPinhole(ctx, id, own); !refusedWith(err, 704) {
		t.Errorf("after a restart CheckPinhole = %v", err)
	}
	if id, err = r.AddPinhole(ctx, own); err != nil || wall.Pinholes()[id] != own {
		t.Errorf("after a restart AddPinhole = %d, %v, table %v", id, err, wall.Pinholes())
	}
	if g := r.Status().Load().Generation; g != 2 {
		t.Errorf("generation %d, want 2", g)
	}
	if err := r.DeletePinhole(ctx, id, own); err != nil || len(wall.Pinholes()) != 0 {
		t.Errorf("DeletePinhole: %v, table %v", err, wall.Pinholes())
	}
}

// reply6 answers searches with a LOCATION.
func reply6(location string) func(string) string {
	return func(search string) string {
		if !strings.Contains(search, "WANIPv6FirewallControl:1") {
			return ""
		}
		return "HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:service:WANIPv6FirewallControl:1\r\nLOCATION: " + location + "\r\n\r\n"
	}
}

// The router is on another port over IPv6, and names a global address there.
func TestPinholeOverIPv6FindsTheRouterBySearch(t *testing.T) {
	fake, wall := withFirewall(t)
	wall.OwnOnly = true
	port := fake.ServeIPv6(false)
	r := newRouter(fake, at6)
	r.Search6Port(igdtest.AnswerSearches6(t, reply6(fmt.Sprintf("http://[2a0e:77:1::1]:%d/rootDesc.xml", port))))
	if id, err := r.AddPinhole(t.Context(), own); err != nil || wall.Pinholes()[id] != own {
		t.Errorf("AddPinhole = %d, %v, table %v", id, err, wall.Pinholes())
	}
}

// Nothing that answers over IPv6 is asked for a pinhole unless it is the router
// that was found over IPv4.
func TestPinholeOverIPv6GivesNothingToALiar(t *testing.T) {
	describe := func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<root xmlns="urn:schemas-upnp-org:device-1-0"><device><UDN>uuid:liar</UDN><serviceList><service><serviceType>`+igdtest.FirewallControl+
			`</serviceType><SCPDURL>/s</SCPDURL><controlURL>/ctl/firewall</controlURL><eventSubURL>/e</eventSubURL></service></serviceList></device></root>`)
	}
	liar := igdtest.Start(t) // for its listener alone
	port := liar.ServeIPv6(false)
	liar.Behave(func(b *igdtest.Behaviour) {
		b.Firewall, b.Description = new(igdtest.Firewall), describe
	})
	for name, location := range map[string]string{
		"another UDN":        fmt.Sprintf("http://[::1]:%d/rootDesc.xml", port),
		"another host's":     fmt.Sprintf("http://[2a0e:77:1::66]:%d/rootDesc.xml", port),
		"IPv4":               bystander(t) + "/rootDesc.xml",
		"https":              fmt.Sprintf("https://[::1]:%d/rootDesc.xml", port),
		"a name":             fmt.Sprintf("http://localhost:%d/rootDesc.xml", port),
		"port 0":             "http://[::1]:0/rootDesc.xml",
		"credentials":        fmt.Sprintf("http://a@[::1]:%d/rootDesc.xml", port),
		"no LOCATION at all": "",
	} {
		t.Run(name, func(t *testing.T) {
			fake, wall := withFirewall(t)
			wall.OwnOnly = true
			r := newRouter(fake, at6)
			r.Search6Port(igdtest.AnswerSearches6(t, reply6(location)))
			if _, err := r.AddPinhole(t.Context(), own); !refusedWith(err, 606) || !strings.Contains(err.Error(), "IPv6") {
				t.Errorf("AddPinhole = %v, want the refusal over IPv4 and why not over IPv6", err)
			}
			if calls := liar.Calls(); len(calls) != 0 {
				t.Errorf("the liar was called: %v", calls)
			}
		})
	}
}

func TestPinholeStaysOnIPv4WithoutAnIPv6Router(t *testing.T) {
	fake, wall := withFirewall(t)
	wall.OwnOnly = true
	for name, gateway := range map[string]func() (netip.Addr, error){
		"none":       func() (netip.Addr, error) { return netip.Addr{}, errors.New("no route") },
		"global":     func() (netip.Addr, error) { return netip.MustParseAddr("2a0e::1"), nil },
		"no zone":    func() (netip.Addr, error) { return netip.MustParseAddr("fe80::1"), nil },
		"IPv4":       func() (netip.Addr, error) { return netip.MustParseAddr("127.0.0.2"), nil },
		"multicast":  func() (netip.Addr, error) { return netip.MustParseAddr("ff02::1%lo"), nil },
		"not at all": nil,
	} {
		r := newRouter(fake, func(c *router.Config) { c.Gateway6 = gateway })
		if _, err := r.AddPinhole(t.Context(), own); !refusedWith(err, 606) {
			t.Errorf("%s: AddPinhole = %v", name, err)
		}
	}
	if got := callers(fake); strings.Contains(got, "6") {
		t.Errorf("calls %s", got)
	}
}
