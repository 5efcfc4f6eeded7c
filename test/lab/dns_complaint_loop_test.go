//go:build linux

package lab_test

// What users of other servers complained of about the way that questions take:
// round in circles, or past the server.

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/test/lab"
)

// hassio-addons/app-adguard-home#501, AdguardTeam/AdGuardHome#6693 and
// ProxmoxVE#8356 tell of questions that went round between the server and the
// router, or a container's resolver; docker-pi-hole#342 of a host whose
// resolv.conf lists the server that runs on it.
func TestComplaintAdGuardHome6693QuestionsGoRound(t *testing.T) {
	t.Parallel() // it waits more than it works
	// The daemon never reads resolv.conf, so one that lists the daemon itself,
	// on an address where it does not even listen, does not keep it from its
	// providers, nor from upstreams that it knows by name.
	t.Run("resolv.conf lists us", func(t *testing.T) {
		h := newHome(t, lab.DuckDNSName)
		h.StartUnbound(t)
		h.NAS.SetResolver(t, lab.Loopback)
		config := h.EdgeguardConfig(t, lab.EdgeguardOptions{Provider: "duckdns"})
		plain := fmt.Sprintf("upstreams = [%q]\n", lab.InternetAddr)
		if !strings.Contains(config, plain) {
			t.Fatalf("the lab's config has another form than expected:\n%s", config)
		}
		config = strings.Replace(config, plain, upstreamLines("tls://"+lab.UnboundName), 1)
		d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: config})
		lab.Eventually(t, lab.Patience, h.works)
		lab.Eventually(t, lab.Patience, d.WantLink("ddns", "pass"))
	})
	t.Run("we are our own upstream", func(t *testing.T) {
		lab.Require(t)
		h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
		d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: h.dnsConfig(t, fmt.Sprintf("upstreams = [%q]\n", lab.NASAddr))})
		if code := d.Wait(t, lab.Patience); code != 2 || !strings.Contains(d.Log(), "loop") {
			t.Errorf("exit code %d, and it says\n%s", code, d.Log())
		}
	})
	// The router asks us, and we are told to ask the router. Nobody can refuse
	// that at the start: the router may have been set to do so yesterday.
	t.Run("the router asks us back", func(t *testing.T) {
		lab.Require(t)
		h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
		h.StartPublicDNS(t)
		router := h.StartRouterDNS(t, lab.NASAddr)
		d := h.start(t, fmt.Sprintf("upstreams = [%q]\n", lab.RouterAddr))
		const asked = 5
		var asking sync.WaitGroup
		for i := range asked {
			asking.Go(func() {
				answer, err := h.Phone.Exchange(question(fmt.Sprintf("round%d.example.com", i), dns.TypeA), "udp", lab.NASAddr, askLimit)
				if err != nil || answer.Rcode != dns.RcodeServerFailure {
					t.Errorf("a question that goes round: %v\n%v", err, answer)
				}
			})
		}
		for range 50 {
			if err := wantFrom(h, h.name, lab.NASAddr); err != nil {
				t.Error(err)
			}
		}
		asking.Wait()
		if !strings.Contains(strings.ToLower(router.Log()), "round0.example.com") { // 0x20
			t.Error("the router was not asked: this proves nothing")
		}
		// Each question went round once or a few times, and not for as long as
		// anybody waited.
		if n := queries(t, d)["total"]; n > 50+1+40*asked {
			t.Errorf("%d questions from outside became %d", asked, n)
		}
	})
}

// pi-hole/pi-hole#1512 and #1879 (the router announces itself by IPv6),
// tailscale/tailscale#18298 (a VPN), netbirdio/android-client#266 (private
// DNS): devices ask somebody else, and nobody tells the owner why the name
// does not work at home. No server can keep a device from that. This one says
// that nobody asks it and what to do, and gives those that choose by
// themselves every reason to stay.
func TestComplaintPiHole1512DevicesBypassTheServer(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	public := h.StartPublicDNS(t)
	// What a device that is to leave us would find.
	if err := public.Insert("use-application-dns.net. 300 IN A 11.22.33.3"); err != nil {
		t.Fatal(err)
	}
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: h.dnsConfig(t, "")})
	lab.Eventually(t, lab.Patience, h.NAS.WantA(lab.NASAddr, h.name, lab.NASAddr)) // the NAS itself is no device
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.InternetAddr, "www.example.com", lab.ElsewhereAddr))
	s, err := d.Status()
	if err != nil {
		t.Fatal(err)
	}
	if link := s.Link("clients"); link.Status == "pass" || !strings.Contains(link.Action, lab.NASAddr.String()) {
		t.Errorf("the phone asks somebody else, and the status says %+v", link)
	}

	for _, name := range []string{"use-application-dns.net", "uSe-ApplicatioN-dNs.NET"} {
		answer, err := h.Phone.Ask(lab.NASAddr, name, dns.TypeA)
		if err != nil || answer.Rcode != dns.RcodeNameError {
			t.Errorf("Firefox asks for %s before it takes a resolver of its own: %v\n%v", name, err, answer)
		}
	}
	for _, name := range []string{"_dns.resolver.arpa", "_DNS.Resolver.ARPA"} {
		answer, err := h.Phone.Ask(lab.NASAddr, name, dns.TypeSVCB)
		if err != nil || answer.Rcode != dns.RcodeSuccess || len(answer.Answer) != 0 {
			t.Errorf("a device that looks for an encrypted resolver by %s: %v\n%v", name, err, answer)
		}
	}
	lab.Eventually(t, lab.Patience, d.WantLink("clients", "pass"))
}

// Conditional forwarding: the router knows the house's own devices, and only it.
func TestRouterIsAskedForTheHouse(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := answering(t, fmt.Sprintf(`
[[dns.forward]]
zone = %q
upstreams = [%q]

[[dns.forward]]
zone = %q
upstreams = [%q]
`, lab.RouterZone, lab.RouterAddr, lab.RouterReverseZone, lab.RouterAddr))
	router := h.StartRouterDNS(t, lab.InternetAddr)
	for _, name := range []string{lab.PrinterName, "PRINTER.lan", "scanner.lan"} {
		lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, name, lab.PrinterAddr))
	}
	reverse, err := dns.ReverseAddr(lab.PrinterAddr.String())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := h.Phone.Ask(lab.NASAddr, reverse, dns.TypePTR)
	if err != nil || len(answer.Answer) != 1 || answer.Answer[0].(*dns.PTR).Ptr != lab.PrinterName+"." {
		t.Errorf("PTR of the printer: %v\n%v", err, answer)
	}
	// Our own PTR goes before the router's, and the world's names never get
	// to the router.
	own, _ := dns.ReverseAddr(lab.NASAddr.String())
	answer, err = h.Phone.Ask(lab.NASAddr, own, dns.TypePTR)
	if err != nil || len(answer.Answer) != 1 || answer.Answer[0].(*dns.PTR).Ptr != h.name+"." {
		t.Errorf("PTR of the NAS: %v\n%v", err, answer)
	}
	if err := h.Phone.WantA(lab.NASAddr, "www.example.com", lab.ElsewhereAddr)(); err != nil {
		t.Error(err)
	}
	if strings.Contains(strings.ToLower(router.Log()), "www.example.com") {
		t.Error("the router was asked for a name of the world")
	}
	if answer, err := h.Phone.Ask(lab.NASAddr, "no-such-device.lan", dns.TypeA); err != nil || answer.Rcode != dns.RcodeNameError {
		t.Errorf("a device that is not there: %v\n%v", err, answer)
	}
	// The line may be dead; the house's names are the router's.
	h.CutWAN(t)
	if err := h.Phone.WantA(lab.NASAddr, "printer.LAN", lab.PrinterAddr)(); err != nil {
		t.Errorf("without a line: %v", err)
	}
	if got, err := h.Phone.Getent(lab.PrinterName); err != nil || len(got) != 1 || got[0] != netip.MustParseAddr("192.168.77.30") {
		t.Errorf("glibc says that the printer is %v, %v", got, err)
	}
}
