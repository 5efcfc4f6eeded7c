//go:build linux

package lab_test

// A hostile device in the LAN that says it is the router: it answers first, it
// lends itself the router's address, and it sends whoever believes it to
// places where nobody should go.

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
	"github.com/miekg/dns"
)

const (
	// inside is a port of the NAS's own loopback, and metadata where a cloud's
	// secrets would be.
	insideURL   = "http://127.0.0.1:8099/inside"
	metadataURL = "http://169.254.169.254/latest/meta-data"
)

// evilAddr is the hostile host in the LAN.
var evilAddr = netip.MustParseAddr("192.168.77.66")

// harm counts what must never leave the daemon: anything to the hostile host
// or to the metadata service, and connections to a port of its own loopback.
type harm []*lab.Counter

func watchHarm(t *testing.T, h *lab.Home) harm {
	t.Helper()
	return harm{
		h.NAS.Count(t, "output", "to_hostile", "ip daddr "+evilAddr.String()+" tcp flags & (syn | ack) == syn"),
		h.NAS.Count(t, "output", "to_hostile_udp", "ip daddr "+evilAddr.String()+" meta l4proto udp"),
		h.NAS.Count(t, "output", "to_metadata", "ip daddr 169.254.0.0/16"),
		h.NAS.Count(t, "output", "to_inside", "ip daddr 127.0.0.0/8 tcp dport 8099"),
	}
}

func (c harm) none(t *testing.T) {
	t.Helper()
	for i, what := range []string{"connections to the hostile host", "datagrams to the hostile host", "packets to the metadata service", "connections to a port of the host's own"} {
		if got := c[i].Packets(t); got != 0 {
			t.Errorf("%d %s", got, what)
		}
	}
}

// Each kind of harm is done once, in a home of its own: counters that count
// nothing would prove nothing.
func TestHarmIsCounted(t *testing.T) {
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	evil := h.AddHost(t, "evil", evilAddr)
	x := h.StartHostile(t, evil)
	c := watchHarm(t, h)
	x.Answer(lab.SSDPAnswer{Location: x.URL("/device.xml")})
	if _, err := fetch(h.NAS, nil, "GET", x.URL("/device.xml"), ""); err != nil || x.Callers() != 1 || len(x.Requests()) != 1 {
		t.Errorf("the hostile device has %d callers and %v, %v", x.Callers(), x.Requests(), err)
	}
	x.Serve(x.RedirectTo(insideURL))
	fetch(h.NAS, nil, "GET", x.URL("/"), "")
	x.Serve(x.RedirectTo(metadataURL))
	fetch(h.NAS, nil, "GET", x.URL("/"), "")
	h.NAS.Try(lab.Patience, "upnpc", "-m", "eth0", "-s")
	h.NAS.Ask(evilAddr, "a.example", dns.TypeA)
	for i, counter := range c {
		if counter.Packets(t) == 0 {
			t.Errorf("harm %d is not counted", i)
		}
	}
	if x.Searches() == 0 {
		t.Error("the hostile device hears no search")
	}
}

// evilHome is a home with a router and, beside it, a hostile device.
func evilHome(t *testing.T) (*port, *lab.Hostile, harm) {
	t.Helper()
	p := newPort(t)
	x := p.StartHostile(t, p.AddHost(t, "evil", evilAddr))
	return p, x, watchHarm(t, p.Home)
}

// However it lies on its own, nobody ever goes there: its answers are not the
// gateway's.
func TestHostileDeviceThatAnswersFirst(t *testing.T) {
	t.Parallel() // it waits more than it works
	p, x, harm := evilHome(t)
	x.Answer(
		lab.SSDPAnswer{Location: x.URL("/device.xml"), BootID: "1"},
		lab.SSDPAnswer{Location: rootDesc, BootID: "1", Headers: "goupnp-local-address: 192.168.77.66\r\n"},
		lab.SSDPAnswer{Location: insideURL},
		lab.SSDPAnswer{Location: metadataURL},
	)
	d := p.start(t, "")
	p.forwarded(t, d, lab.BrokerPort)
	heard := x.Searches()
	if heard == 0 {
		t.Error("no search was heard: this proves nothing")
	}
	// Once more, now that the router is known and starts anew.
	p.RestartRouter(t, lab.Crash)
	p.forwarded(t, d, lab.BrokerPort)
	if x.Searches() == heard {
		t.Error("no search was heard after the restart: this proves nothing")
	}
	if got := x.Requests(); len(got) != 0 || x.Callers() != 0 {
		t.Errorf("it was asked: %v", got)
	}
	harm.none(t)
}

// With the gateway's address as its source the answer is the gateway's for all
// that UDP can tell. Then its LOCATION can only name the gateway, and the worst
// is a description that the gateway does not have.
func TestHostileDeviceThatAnswersAsTheGateway(t *testing.T) {
	t.Parallel() // it waits more than it works
	gateway := func(location string) lab.SSDPAnswer {
		return lab.SSDPAnswer{From: lab.RouterAddr, Location: location, BootID: "1"}
	}
	for _, c := range []struct {
		name    string
		answers []lab.SSDPAnswer
	}{
		{"a location of its own", []lab.SSDPAnswer{gateway("http://192.168.77.66:5555/device.xml")}},
		{"loopback", []lab.SSDPAnswer{gateway(insideURL)}},
		{"another path of the router's", []lab.SSDPAnswer{gateway("http://192.168.77.1:5555/no-such-page")}},
		{"a port that is closed", []lab.SSDPAnswer{gateway("http://192.168.77.1:22/rootDesc.xml")}},
		{"another internal client", []lab.SSDPAnswer{{From: lab.RouterAddr, Location: rootDesc, BootID: "1", Headers: "goupnp-local-address: 192.168.77.66\r\n"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			p, x, harm := evilHome(t)
			x.Answer(c.answers...)
			d := p.start(t, "")
			p.forwarded(t, d, lab.BrokerPort)
			if x.Searches() == 0 {
				t.Error("no search was heard: this proves nothing")
			}
			p.RestartRouter(t, lab.Crash)
			p.forwarded(t, d, lab.BrokerPort)
			harm.none(t)
			if got := x.Callers(); got != 0 {
				t.Errorf("%d connections to it", got)
			}
		})
	}
}

// The gateway itself is hostile, as where a device has taken the router's
// address for good (DHCP, ARP): it is spoken to, and leads nowhere.
func TestHostileGateway(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	x := h.StartHostile(t, h.Router)
	p := portOf(t, h, h.NAS)
	harm := watchHarm(t, h)
	x.Answer(lab.SSDPAnswer{Location: x.URL("/device.xml"), BootID: "1", Headers: "goupnp-local-address: 192.168.77.66\r\n"})
	text := replaceLine(t, p.config(t, ""), "level = ", `level = "info"`)
	d := p.StartEdgeguard(t, lab.EdgeguardOptions{Config: text})
	for _, c := range []struct {
		name  string
		how   func() // of serving
		state string
		words []string // one of them in the forward's words
	}{
		{"redirect to loopback", func() { x.Serve(x.RedirectTo(insideURL)) }, "manual", []string{"redirect"}},
		{"redirect to metadata", func() { x.Serve(x.RedirectTo(metadataURL)) }, "manual", []string{"redirect"}},
		{"control URL on loopback", func() { x.Serve(x.Lie(insideURL)) }, "manual", []string{"not at the gateway"}},
		{"control URL on another host", func() { x.Serve(x.Lie("http://192.168.77.66:5555/control")) }, "manual", []string{"not at the gateway"}},
		{"control URL that is a name", func() { x.Serve(x.Lie("http://localhost:8099/control")) }, "manual", []string{"IPv4 address"}},
		{"calls redirected to loopback", func() { x.Serve(x.RedirectCalls(insideURL)) }, "failed", []string{"HTTP 307", "redirect"}},
		{"calls redirected to metadata", func() { x.Serve(x.RedirectCalls(metadataURL)) }, "failed", []string{"HTTP 307", "redirect"}},
		{"endless", func() { x.Serve(x.Endless()) }, "manual", []string{"KiB"}},
		{"slow", func() { x.Serve(x.Slow()) }, "manual", []string{"within", "longer"}},
		{"deep", func() { x.Serve(x.Deep()) }, "manual", []string{"nested"}},
		{"yes to everything", func() { x.Serve(x.Lie("/control")) }, "unconfirmed", []string{"does not list"}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			d.Kill()
			c.how()
			asked := len(x.Requests())
			d.Start(t)
			began := time.Now()
			lab.Eventually(t, lab.Patience, d.WantForward(c.state))
			f, err := d.Forward()
			if err != nil || !containsAny(f.LastError, c.words...) {
				t.Errorf("the forward says nothing of %q: %q, %v", c.words, f.LastError, err)
			}
			if err := d.WantLink("forward", "pass")(); err == nil {
				t.Error("the forward link passes")
			}
			t.Logf("%s after %v, %d requests: %s", f.State, time.Since(began).Round(100*time.Millisecond), len(x.Requests())-asked, f.LastError)
			if got := rss(t, d); got > 128<<10 {
				t.Errorf("the daemon has %d KiB resident", got)
			}
		})
	}
	harm.none(t)
	for _, r := range x.Requests() {
		if strings.Contains(r, " for ") && !strings.HasSuffix(r, " for "+lab.NASAddr.String()) {
			t.Errorf("another internal client was asked for: %s", r)
		}
	}
	if !containsAny(strings.Join(x.Requests(), "\n"), "AddPortMapping for "+lab.NASAddr.String()) {
		t.Errorf("no mapping was ever asked for, so the internal client proves nothing: %v", x.Requests())
	}
}
