//go:build linux

package lab_test

// The lab's own tests: does the home stand, does it fall, and is it a home?

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// rootDesc is where the router describes itself, for upnpc to skip its search.
const rootDesc = "http://192.168.77.1:5555/rootDesc.xml"

// withRouter returns a home with a router that runs.
func withRouter(t *testing.T) *lab.Home {
	t.Helper()
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartRouter(t)
	return h
}

// forward asks the router, from the NAS, to forward a port to the NAS.
func forward(t *testing.T, h *lab.Home) {
	t.Helper()
	h.NAS.Run(t, "upnpc", "-m", "eth0", "-e", "test", "-a", lab.NASAddr.String(), "8883", "8883", "TCP", "600")
}

// reach tries to open a TCP connection from a host.
func reach(from *lab.Host, addr netip.Addr) error {
	conn, err := from.Dial(context.Background(), "tcp", netip.AddrPortFrom(addr, lab.BrokerPort).String())
	if err != nil {
		return err
	}
	return conn.Close()
}

func TestHomeStands(t *testing.T) {
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	for _, pair := range []struct {
		from, to *lab.Host
	}{{h.NAS, h.Pi}, {h.Phone, h.NAS}, {h.Pi, h.Router}, {h.Phone, h.WAN}, {h.Router, h.WAN}} {
		l, err := pair.to.Listen("tcp", netip.AddrPortFrom(pair.to.Addr, lab.BrokerPort).String())
		if err != nil {
			t.Fatalf("listening in %s: %v", pair.to.Name, err)
		}
		if err := reach(pair.from, pair.to.Addr); err != nil {
			t.Errorf("%s does not reach %s: %v", pair.from.Name, pair.to.Name, err)
		}
		l.Close()
	}
	for host, want := range map[*lab.Host]string{h.Phone: "192.168.77.10", h.WAN: "11.22.33.1"} {
		if got := host.Run(t, "cat", "/etc/resolv.conf"); !strings.Contains(got, "nameserver "+want+"\n") {
			t.Errorf("the resolver of %s is %q, not %s", host.Name, got, want)
		}
	}
}

// A namespace's links end in the lab, and the machine's own addresses are out
// of its reach.
func TestHomeIsIsolated(t *testing.T) {
	lab.Require(t)
	before, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	h := lab.New(t, lab.Options{})
	after, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	if len(after) > len(before) {
		t.Errorf("the machine's own network has new interfaces: %v, before %v", after, before)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range addrs {
		ip, _, err := net.ParseCIDR(addr.String())
		if err != nil || ip.To4() == nil || ip.IsLoopback() {
			continue
		}
		// wan is where every route in the lab ends.
		if out, err := h.WAN.Try(lab.Patience, "ip", "route", "get", ip.String()); err == nil {
			t.Errorf("wan has a route to the machine's address %s: %s", ip, out)
		}
	}
	if out := h.WAN.Run(t, "ip", "route", "show", "default"); strings.TrimSpace(out) != "" {
		t.Errorf("wan has a default route: %s", out)
	}
}

// Sockets of this process in a namespace stay there, whichever goroutine uses
// them, and the process itself stays where it was.
func TestSocketsStayInTheirNamespace(t *testing.T) {
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	addr := netip.AddrPortFrom(lab.InternetAddr, 5300).String()
	packets, err := h.WAN.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	client, err := h.Phone.Dial(context.Background(), "udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	packets.SetReadDeadline(time.Now().Add(lab.Patience))
	buf := make([]byte, 16)
	n, from, err := packets.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "hello" {
		t.Fatalf("wan read %q, %v", buf[:n], err)
	}
	if got := netip.MustParseAddrPort(from.String()).Addr(); got != lab.WANAddr {
		t.Errorf("the phone's packet came from %v, not from the router's address", got)
	}
	if l, err := net.Listen("tcp", addr); err == nil {
		l.Close()
		t.Error("the test process itself can listen on the lab's address: a thread was left in a namespace")
	}
}

func TestRouterMaps(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := withRouter(t)
	h.StartBroker(t, h.NAS, h.CA.Issue(t, "myhome.duckdns.org"))
	if got := h.Mappings(t); len(got) != 0 {
		t.Fatalf("a fresh router forwards %v", got)
	}
	if err := reach(h.WAN, lab.WANAddr); err == nil {
		t.Fatal("wan reaches the broker through a router that forwards nothing")
	}
	forward(t, h)
	want := lab.Mapping{Protocol: "tcp", External: 8883, Internal: netip.MustParseAddrPort("192.168.77.10:8883")}
	if got := h.Mappings(t); len(got) != 1 || got[0] != want {
		t.Fatalf("the router forwards %v, not %v", got, want)
	}
	if err := reach(h.WAN, lab.WANAddr); err != nil {
		t.Fatalf("wan does not reach the broker: %v", err)
	}
	if err := reach(h.Phone, lab.WANAddr); err == nil {
		t.Error("the phone reaches the broker by the WAN address: the router has NAT loopback")
	}
	h.NAS.Run(t, "upnpc", "-u", rootDesc, "-d", "8883", "TCP")
	if got := h.Mappings(t); len(got) != 0 {
		t.Errorf("after the delete the router forwards %v", got)
	}
}

func TestRouterForgets(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := withRouter(t)
	forward(t, h)
	h.RestartRouter(t, lab.Crash)
	if got := h.Mappings(t); len(got) != 0 {
		t.Fatalf("after a crash the router forwards %v", got)
	}
	forward(t, h)
	h.RestartRouter(t, lab.Clean)
	if got := h.Mappings(t); len(got) != 1 {
		t.Errorf("after a clean restart the rules in the kernel are %v; one should have stayed", got)
	}
}

func TestWANAddressChanges(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := withRouter(t)
	h.StartBroker(t, h.NAS, h.CA.Issue(t, "myhome.duckdns.org"))
	forward(t, h)
	for _, text := range []string{"11.22.33.77", "12.34.56.78", "11.22.33.44"} {
		addr := netip.MustParseAddr(text)
		old := h.WANAddress()
		h.SetWANAddress(t, addr)
		lab.Eventually(t, lab.Patience, func() error {
			out, err := h.NAS.Try(lab.Patience, "upnpc", "-u", rootDesc, "-s")
			if err == nil && !strings.Contains(out, "ExternalIPAddress = "+text) {
				err = fmt.Errorf("the router's word: %s", out)
			}
			return err
		})
		if err := reach(h.WAN, addr); err != nil {
			t.Errorf("wan does not reach the broker at %v: %v", addr, err)
		}
		if err := reach(h.WAN, old); err == nil {
			t.Errorf("wan still reaches the broker at %v", old)
		}
	}
}

func TestPublicDNS(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	d := h.StartPublicDNS(t, "myown.example")
	for name, want := range map[string]netip.Addr{
		"www.duckdns.org":       lab.ProvidersAddr,
		"api.cloudflare.com":    lab.ProvidersAddr,
		"ns1.example.net":       lab.InternetAddr,
		"nowhere.example.org":   {},
		"no.such.name.anywhere": {},
	} {
		if err := h.NAS.WantA(lab.InternetAddr, name, want)(); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"myhome.duckdns.org", "a.myown.example"} {
		for _, addrs := range [][]netip.Addr{{lab.WANAddr}, {lab.InternetAddr}, nil} {
			if err := d.SetA(name, addrs...); err != nil {
				t.Fatal(err)
			}
			got, err := h.WAN.LookupA(lab.InternetAddr, name)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(addrs) {
				t.Errorf("%s is %v, %v; it was set to %v", name, got, err, addrs)
			}
		}
	}
	if out := h.WAN.Run(t, "getent", "ahostsv4", "www.example.com"); !strings.HasPrefix(out, lab.ElsewhereAddr.String()) {
		t.Errorf("the C library in wan found %q", out)
	}
}

func TestBrokerServesClients(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	d := h.StartPublicDNS(t)
	const name = "pi.example.org"
	if err := d.SetA(name, lab.PiAddr); err != nil {
		t.Fatal(err)
	}
	b := h.StartBroker(t, h.Pi, h.CA.Issue(t, name))
	sub := h.Subscribe(t, h.NAS, name, h.CA)
	if err := h.Publish(h.NAS, name, h.CA); err != nil {
		t.Fatal(err)
	}
	sub.WaitLog(t, lab.Patience, "hello from nas")
	if err := h.Publish(h.NAS, name, h.Stranger); err == nil {
		t.Error("a client that trusts another authority was content with the certificate")
	}
	b.SetCertificate(t, h.Stranger.Issue(t, name))
	if err := h.Publish(h.NAS, name, h.CA); err == nil {
		t.Error("a client was content with the stranger's certificate")
	}
	if err := h.Publish(h.NAS, name, h.Stranger); err != nil {
		t.Error(err)
	}
	if sub.Ended() {
		t.Error("the new certificate ended an old connection")
	}
}
