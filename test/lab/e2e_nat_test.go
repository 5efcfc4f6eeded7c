//go:build linux

package lab_test

// Homes whose router has no public address of its own: nothing that a DDNS
// record could say would lead to them, and the status says why and what to do.

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// natHomes are the two kinds, and what the status calls them.
var natHomes = []struct {
	name   string
	behind lab.NAT
	nat    string
	words  []string // one of them, of what a person can do
}{
	{"two routers", lab.DoubleNAT, "double", []string{"bridge", "modem", "forward", "DMZ", "exposed"}},
	{"carrier", lab.CarrierNAT, "cgnat", []string{"provider", "IPv6", "public address"}},
}

// secondEcho is another name of the echo service, of another domain.
const secondEcho = "echo.example.com"

// natHouse is a home behind a NAT, with everything but a router service.
func natHouse(t *testing.T, behind lab.NAT) *house {
	t.Helper()
	lab.Require(t)
	h := lab.New(t, lab.Options{Behind: behind})
	public := h.StartPublicDNS(t)
	inet := &lab.Internet{DNS: public, Providers: h.StartProviders(t), Echo: h.StartEcho(t, secondEcho)}
	return &house{Home: h, inet: inet, broker: h.StartBroker(t, h.NAS, h.CA.Issue(t, lab.DuckDNSName)), name: lab.DuckDNSName}
}

func TestNATHomesReachTheInternet(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, home := range natHomes {
		t.Run(home.name, func(t *testing.T) {
			t.Parallel()
			h := natHouse(t, home.behind)
			got, err := fetch(h.NAS, h.CA, "GET", lab.EchoURL, "")
			if err != nil || strings.TrimSpace(got) != lab.WANAddr.String() {
				t.Errorf("the world sees %q, %v", got, err)
			}
			h.SetWANAddress(t, newAddr)
			got, err = fetch(h.NAS, h.CA, "GET", lab.EchoURL, "")
			if err != nil || strings.TrimSpace(got) != newAddr.String() {
				t.Errorf("after a change the world sees %q, %v", got, err)
			}
		})
	}
}

func TestNATIsDiagnosedAndNothingPublished(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, home := range natHomes {
		t.Run(home.name, func(t *testing.T) {
			t.Parallel()
			h := natHouse(t, home.behind)
			h.StartPlainRouter(t)
			d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
			lab.Eventually(t, lab.Patience, wantNAT(d, home.nat))
			lab.Eventually(t, lab.Patience, d.WantLink("wan", "fail"))
			if err := saysOne(d, "wan", h.RouterWAN().String())(); err != nil {
				t.Errorf("the router's address is not named: %v", err)
			}
			if err := saysOne(d, "wan", home.words...)(); err != nil {
				t.Errorf("nobody is told what to do: %v", err)
			}
			h.nothingPublished(t)
		})
	}
}

// miniupnpd says only that it has no address, which no person can tell from a
// dead line; what is in front of it has to be found out otherwise.
func TestNATBehindARouterThatSaysNothingPublishesNothing(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, home := range natHomes {
		t.Run(home.name, func(t *testing.T) {
			t.Parallel()
			h := natHouse(t, home.behind)
			h.StartRouter(t)
			if home.behind == lab.DoubleNAT {
				h.StartOuterRouter(t)
			}
			text := replaceLine(t, h.EdgeguardConfig(t, lab.EdgeguardOptions{Provider: "duckdns"}),
				"sources = ", fmt.Sprintf("sources = [\"igd\", %q, \"https://%s/\"]", lab.EchoURL, secondEcho))
			d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: text})
			lab.Eventually(t, lab.Patience, func() error {
				if h.inet.Echo.ServedAs(secondEcho) == 0 || h.inet.Echo.ServedAs(lab.EchoName) == 0 {
					return fmt.Errorf("the echo services have not been asked")
				}
				return saysOne(d, "wan", lab.WANAddr.String())()
			})
			if err := d.WantLink("wan", "pass")(); err == nil {
				t.Error("the wan link passes though the router has no public address")
			}
			h.nothingPublished(t)
		})
	}
}

// nothingPublished wants the provider not to have been written to.
func (h *house) nothingPublished(t *testing.T) {
	t.Helper()
	if got := len(h.inet.DuckDNS.Requests()); got > 0 {
		t.Errorf("the provider was called %d times, with an address that leads nowhere", got)
	}
	if err := h.WAN.WantA(lab.InternetAddr, h.name, netip.Addr{})(); err != nil {
		t.Error(err)
	}
}

// wantNAT wants the status to tell which NAT the home is behind.
func wantNAT(d *lab.Daemon, want string) func() error {
	return func() error {
		s, err := d.Status()
		if err != nil {
			return err
		}
		var told struct {
			WAN struct {
				NAT *string `json:"nat"`
			} `json:"wan"`
		}
		if err := json.Unmarshal(s.Raw, &told); err != nil {
			return err
		}
		if got := deref(told.WAN.NAT); got != want {
			return fmt.Errorf("the status tells of %s NAT, want %s; the wan link says %q", got, want, s.Link("wan").Summary)
		}
		return nil
	}
}
