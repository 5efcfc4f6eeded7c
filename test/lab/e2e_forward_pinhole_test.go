//go:build linux

package lab_test

// The whole daemon in a home with IPv6: the pinhole to the address of the AAAA
// record, and who gets through it.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
	"github.com/miekg/dns"
)

// sixHouse is a house whose name has an A and an AAAA record at the primary, and
// its broker on the NAS both addresses.
type sixHouse struct {
	*house
	primary *lab.Primary
	own     netip.Addr // the NAS's, by IPv6
	text    string     // the daemon's config
}

// newSixHouse is one with a router of these lines.
func newSixHouse(t *testing.T, lines ...string) *sixHouse {
	t.Helper()
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.GiveIPv6(t)
	// miniupnpd looks for its IPv6 address once, when it starts.
	h.Announce(t, lab.HomePrefix, time.Hour, time.Hour)
	own := h.NAS.StableAddress6(t, lab.HomePrefix)
	h.StartRouter(t, lines...)
	inet := h.StartInternet(t)
	h.StartEcho6(t)
	p := h.StartPrimary(t)
	return &sixHouse{
		house:   &house{Home: h, inet: inet, broker: h.StartBrokerOnAll(t, h.NAS, h.CA.Issue(t, lab.PrimaryName)), name: lab.PrimaryName},
		primary: p, own: own,
		text: h.EdgeguardConfig(t, lab.EdgeguardOptions{DDNS: p.Section(t, lab.PrimaryServer, p.Secret, "A", "AAAA")}),
	}
}

// in is a check: the street reaches the broker by IPv6 at the address that the
// public DNS says, and it is the one that is wanted.
func (h *sixHouse) in(want netip.Addr) func() error {
	return func() error {
		answer, err := h.WAN.Ask(lab.InternetAddr, h.name, dns.TypeAAAA)
		if err != nil {
			return err
		}
		var at []netip.Addr
		for _, rr := range answer.Answer {
			if aaaa, ok := rr.(*dns.AAAA); ok {
				addr, _ := netip.AddrFromSlice(aaaa.AAAA)
				at = append(at, addr)
			}
		}
		if len(at) != 1 || at[0] != want {
			return fmt.Errorf("the public DNS says %v, not %s", at, want)
		}
		return h.reaches(want)
	}
}

// reaches tries to get from the street to the broker at an address, and wants
// its certificate.
func (h *sixHouse) reaches(at netip.Addr) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	raw, err := h.WAN.Dial(ctx, "tcp", netip.AddrPortFrom(at, lab.BrokerPort).String())
	if err != nil {
		return err
	}
	defer raw.Close()
	roots := x509.NewCertPool()
	roots.AddCert(h.CA.Cert)
	return tls.Client(raw, &tls.Config{RootCAs: roots, ServerName: h.name}).HandshakeContext(ctx)
}

// holes are the router's rules that let IPv6 through to an address, which nft
// prints as a number where miniupnpd gives it as raw bits.
func (h *sixHouse) holes(t *testing.T, at netip.Addr) map[string]string {
	t.Helper()
	_, rules := h.RouterRules(t)
	list := make(map[string]string)
	for handle, rule := range rules {
		if strings.Contains(rule, "ip6 daddr "+at.String()) || strings.Contains(rule, fmt.Sprintf("%x", at.AsSlice())) {
			list[handle] = rule
		}
	}
	return list
}

// ipv4 is a check: the street reaches the broker by IPv4. A client that tries
// IPv6 first would wait for it.
func (h *sixHouse) ipv4() error { return h.reaches(h.WANAddress()) }

// shut wants the street to be kept out, and no rule for the address.
func (h *sixHouse) shut(t *testing.T, at netip.Addr) error {
	t.Helper()
	if err := h.reaches(at); err == nil {
		return fmt.Errorf("the street gets through to %s", at)
	}
	if rules := h.holes(t, at); len(rules) != 0 {
		return fmt.Errorf("the router's rules for %s: %v", at, rules)
	}
	return nil
}

// opened are the router's numbers of the pinholes that the daemon remembers.
func opened(t *testing.T, d *lab.Daemon) (ids []uint16) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.StateDir, "pinholes.json"))
	var file struct {
		Pinholes []struct {
			ID uint16 `json:"id"`
		} `json:"pinholes"`
	}
	if err := errors.Join(err, json.Unmarshal(text, &file)); err != nil {
		t.Fatalf("reading what the daemon remembers: %v", err)
	}
	for _, p := range file.Pinholes {
		ids = append(ids, p.ID)
	}
	return ids
}

func TestPinholeFollowsTheRecord(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newSixHouse(t)
	if err := h.reaches(h.own); err == nil {
		t.Fatal("the router lets IPv6 in without a pinhole: this lab proves nothing")
	}
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: h.text})
	lab.Eventually(t, 2*lab.Patience, h.in(h.own))
	lab.Eventually(t, lab.Patience, h.works)
	lab.Eventually(t, lab.Patience, d.WantForwardOf("mqtt", "ipv6", "active"))
	lab.Eventually(t, lab.Patience, d.WantLink("forward", "pass"))
	f, err := d.ForwardOf("mqtt", "ipv6")
	if err != nil || f.Internal != netip.AddrPortFrom(h.own, lab.BrokerPort) || f.Method != "igd" || time.Until(f.LeaseExpiresAt) < 50*time.Minute {
		t.Errorf("the pinhole is %+v, %v", f, err)
	}
	showStatus(t, d)
	rules := h.holes(t, h.own)
	if len(rules) != 1 {
		t.Fatalf("the router's rules: %v", rules)
	}

	ids := opened(t, d)

	// A power cut of the NAS: the next life finds the pinhole, and goes on with it.
	d.Kill()
	d.Start(t)
	lab.Eventually(t, lab.Patience, d.WantForwardOf("mqtt", "ipv6", "active"))
	// miniupnpd puts another rule in the place of one that it extends.
	if now := h.holes(t, h.own); len(now) != 1 {
		t.Errorf("after kill -9 the router's rules are %v, before %v", now, rules)
	}
	if now := opened(t, d); !slices.Equal(now, ids) {
		t.Errorf("after kill -9 the pinholes' numbers are %v, before %v", now, ids)
	}

	// A config that changes something else.
	d.Reload(t, h.text+"\n[portmap]\nlease_seconds = 1800\n")
	lab.Eventually(t, lab.Patience, d.WantForwardOf("mqtt", "ipv6", "active"))
	// The start may extend it once more at any time, which changes the rule and
	// not the pinhole.
	if now := h.holes(t, h.own); len(now) != 1 {
		t.Errorf("after a reload the router's rules are %v, before %v", now, rules)
	}
	if now := opened(t, d); !slices.Equal(now, ids) {
		t.Errorf("after a reload the pinholes' numbers are %v, before %v", now, ids)
	}
	if n := strings.Count(h.RouterLog(), "#DeletePinhole"); n != 0 {
		t.Errorf("the router was asked %d times to close it", n)
	}

	// Another prefix overnight.
	h.Announce(t, lab.NewPrefix, time.Hour, time.Hour)
	h.Announce(t, lab.HomePrefix, time.Hour, 0)
	moved := h.NAS.StableAddress6(t, lab.NewPrefix)
	lab.Eventually(t, 2*lab.Patience, h.primary.Want(h.name, dns.TypeAAAA, moved))
	lab.Eventually(t, lab.Patience, func() error { return h.reaches(moved) })
	lab.Eventually(t, lab.Patience, func() error { return h.shut(t, h.own) })
	if now := h.holes(t, moved); len(now) != 1 {
		t.Errorf("the router's rules for the new prefix: %v", now)
	}

	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if err := h.shut(t, moved); err != nil {
		t.Error(err)
	}
}

// What the router refuses, or does not know, is a warning in words: IPv4 does
// not depend on it.
func TestPinholeThatTheRouterDoesNotOpen(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, c := range []struct {
		name, state string
		lines       []string
		words       []string
	}{
		{"refused", "failed", []string{"ipv6_disable=yes", "enable_natpmp=no"}, []string{"IPv4 does not depend on it", "error 606", "though it is for this host"}},
		{"no firewall service", "none", []string{"enable_upnp=no", "ipv6_disable=yes"}, []string{"IPv4 does not depend on it", "neither by UPnP nor by PCP"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			h := newSixHouse(t, c.lines...)
			d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: h.text})
			lab.Eventually(t, 2*lab.Patience, d.WantForwardOf("mqtt", "ipv6", c.state))
			lab.Eventually(t, lab.Patience, d.WantForwardOf("mqtt", "ipv4", "active"))
			lab.Eventually(t, lab.Patience, d.WantLink("forward", "warn"))
			s, err := d.Status()
			link := s.Link("forward")
			for _, word := range c.words {
				if err != nil || !strings.Contains(link.Summary, word) {
					t.Errorf("the link does not speak of %q: %+v, %v", word, link, err)
				}
			}
			if !strings.Contains(link.Action, h.own.String()) || !strings.Contains(link.Action, "8883") {
				t.Errorf("nobody is told what to open: %q", link.Action)
			}
			showStatus(t, d)
			lab.Eventually(t, 2*lab.Patience, h.ipv4)
			if err := h.shut(t, h.own); err != nil {
				t.Error(err)
			}
			// Who does without IPv6 from outside is not warned of it.
			d.Reload(t, h.text+"\n[portmap]\nipv6 = false\n")
			lab.Eventually(t, lab.Patience, d.WantLink("forward", "pass"))
			if _, err := d.ForwardOf("mqtt", "ipv6"); err == nil {
				t.Error("there is a pinhole to look after all the same")
			}
		})
	}
}

// Switched off, nothing is opened, and what was open is closed.
func TestPinholesSwitchedOff(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newSixHouse(t)
	off := h.text + "\n[portmap]\nipv6 = false\n"
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: off})
	lab.Eventually(t, 2*lab.Patience, h.ipv4)
	lab.Eventually(t, lab.Patience, func() error { // the record says it, and nobody opens anything
		if err := h.in(h.own)(); err == nil || strings.Contains(err.Error(), "public DNS") {
			return fmt.Errorf("the record, or the way in: %v", err)
		}
		return d.WantLink("forward", "pass")()
	})
	if n := strings.Count(h.RouterLog(), "#AddPinhole"); n != 0 {
		t.Errorf("the router was asked for %d pinholes", n)
	}
	d.Reload(t, h.text)
	lab.Eventually(t, lab.Patience, h.in(h.own))
	d.Reload(t, off)
	lab.Eventually(t, lab.Patience, func() error { return h.shut(t, h.own) })
	lab.Eventually(t, lab.Patience, h.ipv4)
}
