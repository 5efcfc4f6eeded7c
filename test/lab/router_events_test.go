//go:build linux

package lab_test

// The router's events, from a real miniupnpd: what wakes whom, and when.

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

func TestRouterEventsTellOfANewAddress(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := withRouter(t)
	l := listen(t, h)
	l.ready(t)
	for i, text := range []string{"11.22.33.91", "11.22.33.92", "11.22.33.93"} {
		began := time.Now()
		h.SetWANAddress(t, netip.MustParseAddr(text))
		changed := time.Now()
		got := l.await(t, began, "address", text)
		t.Logf("change %d: %v from the first command to the new address, %v from the last", i,
			got.at.Sub(began).Round(time.Millisecond), got.at.Sub(changed).Round(time.Millisecond))
		l.firsts(t, began)
	}
	// Each way has told of it. What came within 50 ms is one hint, so the log
	// knows more than the hints do.
	l.WaitLog(t, lab.Patience, `msg="the router announced itself" kind=natpmp`)
	l.WaitLog(t, lab.Patience, `msg="the router announced itself" kind=pcp`)
	l.end(t)
}

func TestRouterEventsTellOfARestart(t *testing.T) {
	t.Parallel() // it waits more than it works
	for name, how := range map[string]lab.Restart{"clean": lab.Clean, "crash": lab.Crash} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := withRouter(t)
			l := listen(t, h)
			l.ready(t)
			// A restart is told by the second in which the router started.
			lab.Eventually(t, lab.Patience, func() error {
				all := l.said(time.Time{}, "status")
				found := all[slices.IndexFunc(all, func(s line) bool { return s.words[2] == "true" })].at
				if life := time.Since(found); life < 4*time.Second {
					return fmt.Errorf("the router was found %v ago", life)
				}
				return nil
			})
			before := l.generation()
			began := time.Now()
			h.RestartRouter(t, how)
			up := time.Now()
			lab.Eventually(t, lab.Patience, func() error {
				for _, s := range l.said(began, "status") {
					if n, _ := strconv.Atoi(s.words[1]); n > before && s.words[2] == "true" {
						t.Logf("generation %d after %v, %v after it was up again", n, s.at.Sub(began).Round(time.Millisecond), s.at.Sub(up).Round(time.Millisecond))
						return nil
					}
				}
				return errors.New("no new generation")
			})
			l.firsts(t, began)
			// The subscription stands again, and tells.
			lab.Eventually(t, lab.Patience, func() error {
				last := l.said(began, "status")
				if n := len(last); n == 0 || !slices.Contains(last[n-1].words, "gena=on") {
					return errors.New("no subscription")
				}
				return nil
			})
			changed := time.Now()
			h.SetWANAddress(t, netip.MustParseAddr("11.22.33.95"))
			l.await(t, changed, "hint", "gena")
			l.await(t, changed, "address", "11.22.33.95")
			l.firsts(t, changed)
			l.end(t)
		})
	}
}

func TestRouterEventsThatAreBlocked(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := withRouter(t)
	// A firewall on the NAS that lets in answers and nothing else.
	h.NAS.Run(t, "nft", "add table inet wall; add chain inet wall in { type filter hook input priority 0; policy drop; }; "+
		"add rule inet wall in ct state established,related accept; add rule inet wall in iifname lo accept")
	l := listen(t, h)
	l.listens(t)
	began := time.Now()
	h.SetWANAddress(t, netip.MustParseAddr("11.22.33.91"))
	lab.Eventually(t, lab.Patience, func() error {
		asked := time.Now()
		l.askAll(t, asked)
		if got := l.said(asked, "asked", "igd", "11.22.33.91"); got == nil {
			return errors.New("the router does not tell the new address")
		}
		return nil
	})
	if hints := l.said(time.Time{}, "hint"); hints != nil {
		t.Errorf("events came through the wall: %v", hints)
	}
	// It goes on, and hears again what it is let.
	h.NAS.Run(t, "nft", "delete table inet wall")
	h.SetWANAddress(t, netip.MustParseAddr("11.22.33.92"))
	l.await(t, began, "address", "11.22.33.92")
	l.firsts(t, began)
	l.end(t)
}

// askAll has every protocol asked, and returns when the answers are there.
func (l listener) askAll(t *testing.T, since time.Time) {
	t.Helper()
	// Not its wrapper's: ip netns exec and env become the program themselves.
	if err := l.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	l.await(t, since, "asked", "all")
}

func TestRouterTellsItsAddressByEveryProtocol(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := withRouter(t)
	l := listen(t, h)
	l.ready(t)
	for _, text := range []string{"11.22.33.44", "11.22.33.91"} {
		h.SetWANAddress(t, netip.MustParseAddr(text))
		lab.Eventually(t, lab.Patience, func() error {
			asked := time.Now()
			l.askAll(t, asked)
			for _, protocol := range []string{"igd", "natpmp", "pcp"} {
				got := l.said(asked, "asked", protocol, text)
				if got == nil {
					return fmt.Errorf("%s: %v", protocol, l.said(asked, "asked", protocol))
				}
				t.Logf("%s tells %s in %s µs", protocol, text, got[0].words[3])
			}
			return nil
		})
		// Nothing is left of the mapping that PCP made.
		if left := h.Mappings(t); len(left) != 0 {
			t.Errorf("mappings are left: %v", left)
		}
	}
	// Its own mappings are no news: no hint comes of them, or there would be
	// no end to it.
	lab.Eventually(t, lab.Patience, func() error { // until the last change has been told
		if hints := l.said(time.Time{}, "hint"); time.Since(hints[len(hints)-1].at) < 3*time.Second {
			return errors.New("hints come still")
		}
		return nil
	})
	quiet := time.Now()
	l.askAll(t, quiet)
	lab.Eventually(t, lab.Patience, func() error {
		if !strings.Contains(l.Log(), "it may be of that") {
			return errors.New("the router has not told of the mapping")
		}
		return nil
	})
	if hints := l.said(quiet, "hint"); hints != nil {
		t.Errorf("hints came of its own mappings: %v", hints)
	}
	// Without a private network in front there is no second router.
	if got := l.said(time.Time{}, "second", "true"); got != nil {
		t.Errorf("a second router was found: %v", got)
	}
	l.end(t)
}

func TestSecondRouterIsFoundThroughTheFirst(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := withRouter(t)
	// The provider's box: a private network on the router's WAN side, and
	// UPnP in it.
	h.WAN.Run(t, "ip", "addr", "add", "172.16.5.1/24", "dev", "home0")
	h.WAN.Run(t, "ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
	h.WAN.Run(t, "ip", "addr", "add", "11.99.0.1/24", "dev", "up0")
	h.WAN.Run(t, "ip", "link", "set", "up0", "up")
	h.WAN.Run(t, "ip", "link", "set", "up1", "up")
	h.Router.Run(t, "ip", "addr", "add", "172.16.5.2/24", "dev", "wan0")
	h.WAN.Run(t, "nft", "add table inet filter; add chain inet filter miniupnpd; add chain inet filter prerouting_miniupnpd; add chain inet filter postrouting_miniupnpd")
	conf := filepath.Join(t.TempDir(), "second.conf")
	if err := os.WriteFile(conf, []byte(`ext_ifname=up0
listening_ip=172.16.5.1/24
port=5556
enable_upnp=yes
uuid=00000000-0000-4000-8000-00000000ed77
friendly_name=Second box
manufacturer_name=Example Telecom
model_name=Homebox 2
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
`), 0o644); err != nil {
		t.Fatal(err)
	}
	second := h.WAN.Start(t, "the second miniupnpd", "miniupnpd", "-d", "-f", conf, "-P", filepath.Join(t.TempDir(), "pid"))
	second.WaitLog(t, lab.Patience, "HTTP listening on port")
	l := listen(t, h)
	l.ready(t)
	asked := time.Now()
	l.askAll(t, asked)
	found := l.said(asked, "second", "true")
	if found == nil {
		t.Fatalf("not found: %v", l.said(asked, "second"))
	}
	name := strings.Join(found[0].words[2:len(found[0].words)-1], " ")
	t.Logf("found %s", name)
	if !strings.HasSuffix(name, ` at 172.16.5.1"`) || !strings.Contains(name, "Example") {
		t.Errorf("it is called %s", name)
	}
	if strings.Contains(second.Log(), "SOAPAction") {
		t.Error("it was called")
	}
	l.end(t)
}
