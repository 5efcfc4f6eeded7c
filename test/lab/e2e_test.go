//go:build linux

package lab_test

// The main job, end to end: from "nothing works" to "works from the sofa and
// from the street", and through everything that happens to a home afterwards.

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// newAddr is where the provider moves the home overnight.
var newAddr = netip.MustParseAddr("11.22.33.55")

// house is a home in which everything is in place but edgeguard.
type house struct {
	*lab.Home
	inet   *lab.Internet
	broker *lab.Broker
	name   string // on the certificate and in the public DNS
}

// newHome builds a home whose broker on the NAS has a certificate for name.
func newHome(t *testing.T, name string) *house {
	t.Helper()
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartRouter(t)
	return &house{
		Home:   h,
		inet:   h.StartInternet(t),
		broker: h.StartBroker(t, h.NAS, h.CA.Issue(t, name)),
		name:   name,
	}
}

// works is the check that counts: a client gets its message to the broker by
// name, certificate verified, from the sofa and from the street.
func (h *house) works() error {
	for _, from := range []*lab.Host{h.Phone, h.WAN} {
		if err := h.Publish(from, h.name, h.CA); err != nil {
			return fmt.Errorf("from %s: %w", from.Name, err)
		}
	}
	return nil
}

// forwards wants exactly this many forwards of 8883 to the NAS, as the
// router's kernel has them.
func (h *house) forwards(t *testing.T, want int) func() error {
	return func() error {
		count := 0
		for _, m := range h.Mappings(t) {
			if m.External == lab.BrokerPort && m.Internal == netip.AddrPortFrom(lab.NASAddr, lab.BrokerPort) {
				count++
			}
		}
		if count != want {
			return fmt.Errorf("the router has %d forwards to the broker, want %d: %v", count, want, h.Mappings(t))
		}
		return nil
	}
}

func TestColdStart(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, provider := range []struct{ name, domain string }{
		{"duckdns", lab.DuckDNSName},
		{"cloudflare", lab.CloudflareName},
	} {
		t.Run(provider.name, func(t *testing.T) {
			h := newHome(t, provider.domain)
			for _, from := range []*lab.Host{h.Phone, h.WAN} {
				if err := h.Publish(from, h.name, h.CA); err == nil {
					t.Fatalf("the client in %s succeeds before edgeguard runs: this lab proves nothing", from.Name)
				}
			}
			d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: provider.name})
			lab.Eventually(t, lab.Patience, h.works)
			for _, link := range []string{"wan", "ddns", "forward", "broker", "certificate", "hairpin", "dns", "clients"} {
				lab.Eventually(t, lab.Patience, d.WantLink(link, "pass"))
			}
			if s, err := d.Status(); err != nil || s.Status != "pass" {
				t.Errorf("with every link whole the status is %q, %v", s.Status, err)
			}
		})
	}
}

func TestWANAddressChangeIsFollowed(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, h.works)

	h.SetWANAddress(t, newAddr)
	lab.Eventually(t, 2*lab.Patience, h.WAN.WantA(lab.InternetAddr, h.name, newAddr))
	lab.Eventually(t, 2*lab.Patience, h.works)
	lab.Eventually(t, lab.Patience, d.WantLink("ddns", "pass"))
	if got := h.inet.DuckDNS.Addr(h.name); got != newAddr {
		t.Errorf("the provider's record is %v, want %v", got, newAddr)
	}
}

func TestNothingIsPublishedUntilTwoAgree(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	h.inet.Echo.SetLie(netip.MustParseAddr("11.22.33.99"))
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, func() error {
		if h.inet.Echo.Served() == 0 {
			return fmt.Errorf("the echo service has not been asked")
		}
		s, err := d.Status()
		if err == nil && !bytes.Contains(s.Raw, []byte("11.22.33.99")) {
			err = fmt.Errorf("the status does not say what the echo service said")
		}
		return err
	})
	if got := h.inet.DuckDNS.Addr(h.name); got.IsValid() {
		t.Errorf("%v was published though router and echo service disagree", got)
	}
	h.inet.Echo.SetLie(netip.Addr{})
	lab.Eventually(t, 2*lab.Patience, h.WAN.WantA(lab.InternetAddr, h.name, lab.WANAddr))
}

func TestRouterForgetsItsTableAndTheForwardComesBack(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, h.works)

	h.RestartRouter(t, lab.Crash)
	lab.Eventually(t, 2*lab.Patience, h.forwards(t, 1))
	lab.Eventually(t, 2*lab.Patience, h.works)
}

func TestCleanStopTakesTheForwardOff(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	// A neighbour's forward, and one typed in by hand, are none of ours.
	h.Pi.Run(t, "upnpc", "-m", "eth0", "-e", "neighbour", "-a", lab.PiAddr.String(), "9000", "9000", "TCP")
	h.NAS.Run(t, "upnpc", "-m", "eth0", "-e", "by hand", "-a", lab.NASAddr.String(), "9001", "9001", "TCP")
	before := h.Mappings(t)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, h.forwards(t, 1))

	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	if after := h.Mappings(t); !slices.Equal(after, before) {
		t.Errorf("the router's table is %v after the stop, want %v as before the start", after, before)
	}
}

func TestAnotherHostsForwardIsNeverTouched(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	h.Pi.Run(t, "upnpc", "-m", "eth0", "-e", "neighbour", "-a", lab.PiAddr.String(), "8883", "8883", "TCP")
	before := h.Mappings(t)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, d.WantLink("forward", "fail"))
	s, err := d.Status()
	if err != nil {
		t.Fatal(err)
	}
	if said := s.Link("forward").Summary; !bytes.Contains([]byte(said), []byte(lab.PiAddr.String())) {
		t.Errorf("the summary %q does not name the holder %s", said, lab.PiAddr)
	}
	d.Stop(t)
	if after := h.Mappings(t); !slices.Equal(after, before) {
		t.Errorf("the router's table is %v, want %v untouched", after, before)
	}
}

func TestKillAndRestartDuplicatesAndLosesNothing(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, h.works)
	lab.Eventually(t, lab.Patience, d.WantLink("ddns", "pass"))
	writes := len(h.inet.DuckDNS.Requests())

	d.Kill()
	if err := h.forwards(t, 1)(); err != nil {
		t.Errorf("after kill -9: %v", err)
	}
	d.Start(t)
	for _, link := range []string{"wan", "ddns", "forward", "broker", "certificate", "dns"} {
		lab.Eventually(t, lab.Patience, d.WantLink(link, "pass"))
	}
	lab.Eventually(t, lab.Patience, h.works)
	if err := h.forwards(t, 1)(); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	if again := len(h.inet.DuckDNS.Requests()); again != writes {
		t.Errorf("the provider was written to %d times after the restart though nothing had changed", again-writes)
	}
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if err := h.forwards(t, 0)(); err != nil {
		t.Errorf("the forward of an earlier life was not recognised at the stop: %v", err)
	}
}
