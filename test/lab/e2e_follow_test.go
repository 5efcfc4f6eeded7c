//go:build linux

package lab_test

// Services that are found by a host name, by multicast DNS or by their MAC
// address, followed to another address; liars; and services elsewhere.

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// leases are the addresses that the device with the broker gets.
var leases = []netip.Addr{netip.MustParseAddr("192.168.77.61"), netip.MustParseAddr("192.168.77.62")}

// moving is a home whose broker is on the Pi, which moves.
type moving struct {
	*lab.Home
	d *lab.Daemon
}

// startMoving starts a home and a daemon that finds the broker by the lines of
// its [[service]].
func startMoving(t *testing.T, prepare func(h *lab.Home) (place string)) *moving {
	t.Helper()
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartRouter(t, "secure_mode=no")
	h.StartBrokerOnAll(t, h.Pi, h.CA.Issue(t, lab.DuckDNSName))
	place := prepare(h)
	text := h.EdgeguardConfig(t, lab.EdgeguardOptions{Names: []string{lab.DuckDNSName}})
	text = replaceLine(t, text, "address = ", place)
	text = replaceLine(t, text, "sources = ", `sources = ["igd"]`)
	m := &moving{Home: h, d: h.StartEdgeguard(t, lab.EdgeguardOptions{Config: text})}
	lab.Eventually(t, lab.Patience, m.at(t, lab.PiAddr))
	return m
}

// at wants the DNS answer, the forward and the broker link at addr.
func (m *moving) at(t *testing.T, addr netip.Addr) func() error {
	return func() error {
		if err := m.Phone.WantA(lab.NASAddr, lab.DuckDNSName, addr)(); err != nil {
			return err
		}
		if err := m.forwarded(t, addr); err != nil {
			return err
		}
		s, err := m.d.Status()
		if err != nil {
			return err
		}
		if l := s.Link("broker"); l.Status != "pass" || !strings.Contains(l.Summary, addr.String()) {
			return fmt.Errorf("the broker link is %+v", l)
		}
		return m.d.WantLink("forward", "pass")()
	}
}

// forwarded wants the router's kernel to have one forward of 8883, to addr.
func (m *moving) forwarded(t *testing.T, addr netip.Addr) error {
	list := m.Mappings(t)
	if len(list) != 1 || list[0].External != lab.BrokerPort || list[0].Internal != netip.AddrPortFrom(addr, lab.BrokerPort) {
		return fmt.Errorf("the router forwards %v", list)
	}
	return nil
}

// follows moves the broker and wants it followed; say tells whoever knows.
func (m *moving) follows(t *testing.T, to netip.Addr, say func(to netip.Addr)) {
	t.Helper()
	m.Pi.Move(t, to)
	moved := time.Now()
	say(to)
	lab.Eventually(t, 2*lab.Patience, m.Phone.WantA(lab.NASAddr, lab.DuckDNSName, to))
	answered := time.Since(moved)
	lab.Eventually(t, 2*lab.Patience, func() error { return m.forwarded(t, to) })
	forwarded := time.Since(moved)
	lab.Eventually(t, 2*lab.Patience, m.at(t, to))
	t.Logf("moved to %s: DNS answer after %v, forward after %v, broker link after %v", to, answered.Round(time.Millisecond), forwarded.Round(time.Millisecond), time.Since(moved).Round(time.Millisecond))
}

// The device says nothing to anybody: it is missed, and found by asking for all.
func TestFollowByMACAddress(t *testing.T) {
	t.Parallel()
	m := startMoving(t, func(h *lab.Home) string {
		return fmt.Sprintf("address = \":8883\"\nmac = %q", h.Pi.MAC(t))
	})
	for _, to := range leases {
		m.follows(t, to, func(netip.Addr) {})
	}
	// What is known outlives a restart, also while the device is off.
	m.Pi.Run(t, "ip", "link", "set", "eth0", "down")
	m.d.Stop(t)
	m.d.Start(t)
	lab.Eventually(t, lab.Patience, m.Phone.WantA(lab.NASAddr, lab.DuckDNSName, leases[1]))
	lab.Eventually(t, lab.Patience, func() error { return m.forwarded(t, leases[1]) })
	lab.Eventually(t, lab.Patience, m.d.WantLink("broker", "fail"))
}

// The device speaks up, as DHCP clients do that look for their router.
func TestFollowByMACAddressThatSpeaks(t *testing.T) {
	t.Parallel()
	m := startMoving(t, func(h *lab.Home) string {
		return fmt.Sprintf("address = \":8883\"\nmac = %q", h.Pi.MAC(t))
	})
	for _, to := range leases {
		m.follows(t, to, func(netip.Addr) { m.Pi.Try(time.Second, "ping", "-c", "1", "-W", "1", lab.PhoneAddr.String()) })
	}
}

func TestFollowByHostName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hosts := filepath.Join(dir, "hosts")
	write := func(addr netip.Addr) {
		if err := os.WriteFile(hosts, fmt.Appendf(nil, "%s broker.lan\n", addr), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(lab.PiAddr)
	var router *lab.Process
	m := startMoving(t, func(h *lab.Home) string {
		router = h.Router.StartDnsmasq(t, lab.RouterAddr, "--addn-hosts="+hosts, "--local=/lan/")
		return `address = "broker.lan:8883"`
	})
	for _, to := range leases {
		m.follows(t, to, func(to netip.Addr) {
			write(to)
			if err := router.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestFollowByMulticastDNS(t *testing.T) {
	t.Parallel()
	var r *lab.Responder
	m := startMoving(t, func(h *lab.Home) string {
		r = h.Pi.StartResponder(t, "broker.local", lab.PiAddr)
		return `address = "broker.local:8883"`
	})
	m.follows(t, leases[0], func(to netip.Addr) { r.Announce(t, to) })
	m.follows(t, leases[1], r.Set) // nothing is announced: it is missed
}

// A device that says that it is the broker gets neither the forward nor the
// name, also when the broker is off.
func TestFollowIsNotLedToAStranger(t *testing.T) {
	t.Parallel()
	var r *lab.Responder
	m := startMoving(t, func(h *lab.Home) string {
		r = h.Phone.StartResponder(t, "broker.local", lab.PiAddr)
		return `address = "broker.local:8883"`
	})
	m.StartBroker(t, m.Phone, m.Stranger.Issue(t, lab.DuckDNSName))
	stays := func(when string) {
		t.Helper()
		if err := m.Phone.WantA(lab.NASAddr, lab.DuckDNSName, lab.PiAddr)(); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		if err := m.forwarded(t, lab.PiAddr); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	r.Announce(t, lab.PhoneAddr)
	lab.Eventually(t, lab.Patience, func() error {
		if !strings.Contains(m.d.Log(), "another key answers than that of the service") {
			return fmt.Errorf("the stranger has not been looked at")
		}
		return nil
	})
	stays("while the broker runs")
	m.Pi.Run(t, "ip", "link", "set", "eth0", "down")
	lab.Eventually(t, 2*lab.Patience, func() error {
		s, err := m.d.Status()
		if l := s.Link("broker"); err != nil || l.Status != "fail" || !strings.Contains(l.Summary, "another key answers") {
			return fmt.Errorf("the broker link is %+v, %v", l, err)
		}
		return nil
	})
	stays("with the broker off")
}

// A home whose only service is a broker in the cloud, of a company with its own
// authority: nothing is forwarded, nothing overridden, and nothing is wrong; the
// phone gets the company's authority.
func TestRemoteService(t *testing.T) {
	t.Parallel()
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartRouter(t)
	h.StartInternet(t)
	const cloud = "www.example.com" // of the lab's internet
	h.StartBrokerOnAll(t, h.WAN, h.Stranger.Issue(t, cloud))
	text := h.EdgeguardConfig(t, lab.EdgeguardOptions{})
	text = replaceLine(t, text, "address = ", fmt.Sprintf("address = \"%s:8883\"\nremote = true\nca_file = %q", cloud, h.Stranger.File))
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: text})
	for _, link := range []string{"wan", "ddns", "forward", "broker", "certificate", "hairpin", "clients"} {
		lab.Eventually(t, lab.Patience, d.WantLink(link, "pass"))
	}
	if list := h.Mappings(t); len(list) != 0 {
		t.Errorf("the router forwards %v", list)
	}
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, cloud, lab.ElsewhereAddr))
	phone := &ownHome{Home: h, t: t, d: d}
	for _, file := range []string{"1.crt", "1.mobileconfig"} {
		if err := h.Publish(h.Phone, cloud, &lab.CA{File: phone.fetchRoot(file)}); err != nil {
			t.Errorf("with /ca/%s: %v", file, err)
		}
	}
	showStatus(t, d)
}
