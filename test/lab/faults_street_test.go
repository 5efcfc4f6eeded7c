//go:build linux

package lab_test

// Breaking what lies towards the street: address, record, forward.

import (
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/test/lab"
)

// claims has the router tell an address as its own that it is not: the value of
// that name, or an address.
func claims(what string) func(*testing.T, *faulty) func() {
	return func(_ *testing.T, h *faulty) func() {
		addr := h.values[what]
		if addr == "" {
			addr = what
			h.values["other"] = addr
		}
		h.claiming.Claim(netip.MustParseAddr(addr))
		return func() { h.claiming.Claim(netip.Addr{}) }
	}
}

// claimingHome has a router whose word about its address is ours to choose.
func claimingHome(t *testing.T) *faulty {
	t.Helper()
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	claiming := h.StartPrivateRouter(t)
	home := &house{Home: h, inet: h.StartInternet(t), broker: h.StartBroker(t, h.NAS, h.CA.Issue(t, lab.DuckDNSName)), name: lab.DuckDNSName}
	f := wellHome(t, home, h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"}))
	f.claiming = claiming
	return f
}

// cloudHome has its record at Cloudflare.
func cloudHome(t *testing.T) *faulty {
	t.Helper()
	h := newHome(t, lab.CloudflareName)
	return wellHome(t, h, h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "cloudflare"}))
}

// openHome has a router that lets every host change every forward, and a second
// broker, on the Pi.
func openHome(t *testing.T) *faulty {
	t.Helper()
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartRouter(t, openRouter)
	cert := h.CA.Issue(t, lab.DuckDNSName)
	home := &house{Home: h, inet: h.StartInternet(t), broker: h.StartBroker(t, h.NAS, cert), name: lab.DuckDNSName}
	h.StartBroker(t, h.Pi, cert)
	h.StartChecker(t)
	return wellHome(t, home, h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"}))
}

// openRouter is what makes openHome's router so.
const openRouter = "secure_mode=no"

// moved has the home move to another public address while the provider answers
// its API in this way.
func moved(how http.HandlerFunc) func(*testing.T, *faulty) func() {
	return func(_ *testing.T, h *faulty) func() {
		h.inet.DuckDNS.Misbehave(how)
		h.move()
		return func() { h.inet.DuckDNS.Misbehave(nil) }
	}
}

// move gives the home the next public address.
func (f *faulty) move() {
	f.t.Helper()
	f.moves++
	addr := netip.MustParseAddr(fmt.Sprintf("11.22.33.%d", 100+f.moves))
	f.SetWANAddress(f.t, addr)
	f.values["before"], f.values["wan"] = f.values["wan"], addr.String()
}

// reconfigure puts another config in force, made of the one at the start, and
// returns what puts the first one back.
func reconfigure(change func(text string) string) func(*testing.T, *faulty) func() {
	return func(_ *testing.T, h *faulty) func() {
		h.t.Helper()
		text, err := os.ReadFile(h.d.ConfigFile)
		if err != nil {
			h.t.Fatal(err)
		}
		h.d.Reload(h.t, change(string(text)))
		return func() { h.d.Reload(h.t, string(text)) }
	}
}

// more adds lines at the end of the config.
func more(lines string) func(*testing.T, *faulty) func() {
	return reconfigure(func(text string) string { return text + "\n" + lines + "\n" })
}

// inService adds lines to the first [[service]].
func inService(lines string) func(*testing.T, *faulty) func() {
	return reconfigure(func(text string) string {
		return strings.Replace(text, "[[service]]\n", "[[service]]\n"+lines+"\n", 1)
	})
}

// wrongly puts a mistake into the config, and then has the home move, as a
// record that is right needs no write.
func wrongly(change func(text string) string) func(*testing.T, *faulty) func() {
	return func(t *testing.T, h *faulty) func() {
		back := reconfigure(change)(t, h)
		h.move()
		return back
	}
}

// wrongToken puts this token into the config.
func wrongToken(token string) func(*testing.T, *faulty) func() {
	return func(t *testing.T, h *faulty) func() {
		h.t.Helper()
		file := filepath.Join(h.t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			h.t.Fatal(err)
		}
		return wrongly(func(text string) string {
			return regexp.MustCompile(`(?m)^token_file = .*$`).ReplaceAllString(text, fmt.Sprintf("token_file = %q", file))
		})(t, h)
	}
}

// restart has the daemon begin anew, with what it remembers.
func (f *faulty) restart() {
	f.t.Helper()
	f.d.Stop(f.t)
	f.d.Start(f.t)
	f.asked()
}

// restarted has the router's service stop and come back with other settings.
func restarted(base string, lines ...string) func(*testing.T, *faulty) func() {
	return func(_ *testing.T, h *faulty) func() {
		h.StopRouter(h.t, lab.Crash)
		h.StartRouter(h.t, lines...)
		return func() {
			h.StopRouter(h.t, lab.Crash)
			h.StartRouter(h.t, base)
		}
	}
}

// blocked has the provider drop calls to the broker's port on their way in.
func blocked(_ *testing.T, h *faulty) func() {
	h.Router.Run(h.t, "nft", "insert", "rule", "inet", "filter", "forward", "iifname", "wan0", "tcp", "dport", fmt.Sprint(lab.BrokerPort), "drop")
	back := more(fmt.Sprintf("[outside]\ncheck_url = %q\nexpect = \"port is open\"", lab.CheckerURL))(h.t, h)
	return func() {
		h.Router.Run(h.t, "sh", "-c", "nft delete rule inet filter forward handle $(nft -a list chain inet filter forward | sed -n 's/.*dport 8883 drop.*handle //p')")
		back()
	}
}

// elsewhere has the service on the Pi, behind a router that forwards only to
// the host that asks, and no relay.
func elsewhere(t *testing.T, h *faulty) func() {
	strict := restarted(openRouter, "secure_mode=yes")(t, h)
	back := reconfigure(func(text string) string {
		return strings.Replace(text, fmt.Sprintf("%q", h.values["broker"]), fmt.Sprintf("%q", netip.AddrPortFrom(lab.PiAddr, lab.BrokerPort)), 1) + "\n[portmap]\nrelay = \"off\"\n"
	})(t, h)
	return func() {
		strict()
		back()
	}
}

// taken has the Pi take the port over.
func taken(_ *testing.T, h *faulty) func() {
	// In one go, as ours would be back before it.
	h.Pi.Run(h.t, "sh", "-c", fmt.Sprintf("upnpc -u %[1]s -d 8883 TCP && upnpc -u %[1]s -e console -a %[2]s 8883 8883 TCP", rootDesc, lab.PiAddr))
	return func() {
		h.Pi.Run(h.t, "upnpc", "-u", rootDesc, "-d", "8883", "TCP")
		h.restart() // which looks at once, and not within five minutes
	}
}

// edited has somebody else write the record again and again.
func edited(_ *testing.T, h *faulty) func() {
	h.t.Helper()
	h.values["other"] = lab.LiarAnswer.String()
	// The first time it is put right.
	h.inet.DuckDNS.Set(h.name, lab.LiarAnswer)
	h.restart()
	lab.Eventually(h.t, 3*lab.Patience, h.WAN.WantA(lab.InternetAddr, h.name, h.WANAddress()))
	lab.Eventually(h.t, lab.Patience, h.well)
	h.inet.DuckDNS.Set(h.name, lab.LiarAnswer)
	h.restart()
	return func() {
		h.inet.DuckDNS.Set(h.name, h.WANAddress())
		h.restart()
	}
}

// proxied has somebody switch Cloudflare's proxy on or off.
func (f *faulty) proxied(on bool) {
	f.t.Helper()
	for _, r := range f.inet.Cloudflare.Records(f.name, "A") {
		r.Proxied = on
		f.inet.Cloudflare.Put(r)
	}
	f.restart()
}

var _ = addBreakings(map[string]breaking{
	"wan-double-nat": {group: "wan-claimed", home: claimingHome, do: claims("behind")},
	"wan-cgnat":      {group: "wan-claimed", home: claimingHome, do: claims("shared")},
	"wan-ds-lite":    {group: "wan-claimed", home: claimingHome, do: claims("tunnel")},
	"wan-disagree":   {group: "wan-claimed", home: claimingHome, do: claims("11.22.44.66")},
	"wan-no-address": {do: func(_ *testing.T, h *faulty) func() {
		h.LoseWANAddress(h.t)
		return func() { h.RegainWANAddress(h.t) }
	}},
	"wan-outside-silent": {do: func(_ *testing.T, h *faulty) func() {
		h.inet.Echo.SetOff(true)
		h.move()
		return func() { h.inet.Echo.SetOff(false) }
	}},
	"wan-outside-odd": {do: func(_ *testing.T, h *faulty) func() {
		h.inet.Echo.SetLie(netip.MustParseAddr(h.values["behind"]))
		h.move()
		return func() { h.inet.Echo.SetLie(netip.Addr{}) }
	}},
	// Those of a home share what may be written within a minute and a half.
	"ddns-provider-down":   {do: moved(ddnstest.Answer(http.StatusBadGateway, "down"))},
	"ddns-provider-silent": {group: "ddns-silent", do: moved(ddnstest.Hang)},
	"ddns-token-wrong":     {group: "ddns-silent", do: wrongToken("7d0b1e5a-0000-0000-0000-5ec2e7feed01")},
	"ddns-edited":          {do: edited},
	"ddns-token-withdrawn": {group: "ddns-cloudflare", home: cloudHome, do: wrongToken(strings.Repeat("w", 40))},
	"ddns-zone-of-nobody": {group: "ddns-cloudflare", home: cloudHome, do: wrongly(func(text string) string {
		return strings.Replace(text, "[[ddns]]\n", "[[ddns]]\nzone = \"org\"\n", 1)
	})},
	"ddns-proxied": {group: "ddns-cloudflare", home: cloudHome, do: func(_ *testing.T, h *faulty) func() {
		h.proxied(true)
		return func() { h.proxied(false) }
	}},
	"ddns-port-53-hijacked": {group: "wan", do: func(t *testing.T, h *faulty) func() {
		h.hijacked(h.t, false)
		h.restart()
		return func() {
			h.FreeDNS(h.t)
			h.restart()
		}
	}},
	"forward-taken": {home: openHome, group: "forward", do: taken},
	"forward-router-gone": {group: "forward", do: func(_ *testing.T, h *faulty) func() {
		h.StopRouter(h.t, lab.Crash)
		return func() { h.StartRouter(h.t, openRouter) }
	}},
	"forward-denied":    {group: "forward", do: restarted(openRouter, openRouter, "deny 8883 0.0.0.0/0 0-65535")},
	"forward-elsewhere": {group: "forward", do: elsewhere},
	"forward-manual":    {group: "forward", do: more("[portmap]\nmethods = [\"manual\"]")},
	"forward-odd-port":  {group: "forward", do: inService("external_port = 8884")},
	"forward-blocked":   {group: "forward", do: blocked},
})
