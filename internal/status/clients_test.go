package status_test

// The link clients: what the LAN hands out and who asks, in one verdict.

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/lan/dhcp"
	"github.com/edgeguard/edgeguard/internal/lan/handed"
	"github.com/edgeguard/edgeguard/internal/lan/radv"
	"github.com/edgeguard/edgeguard/internal/status"
)

func addrs(list ...string) (made []netip.Addr) {
	for _, a := range list {
		made = append(made, netip.MustParseAddr(a))
	}
	return made
}

// sofa is a home in which one device asks, and nothing is known of the LAN but
// our place in it.
func sofa() status.Inputs {
	return status.Inputs{
		DNS: dnsserver.Status{
			Clients:     []dnsserver.ClientSeen{{Address: netip.MustParseAddr("192.168.1.20"), LastAt: noon, Queries: 3}},
			ClientsLink: fact.Link{Verdict: fact.VerdictPass, Summary: "1 device asked.", Evidence: []string{"so it was"}},
		},
		Handed: handed.Status{
			Local: netip.MustParseAddr("192.168.1.10"), Router: netip.MustParseAddr("192.168.1.1"), Own: addrs("192.168.1.10", "fd00::10", "fe80::10"),
		},
	}
}

func dhcpFrom(server string, dns ...string) dhcp.Server {
	return dhcp.Server{Address: netip.MustParseAddr(server), DNS: addrs(dns...)}
}

func announced(router string, other bool, dns ...string) radv.Advertisement {
	return radv.Advertisement{Router: netip.MustParseAddr(router), DNS: addrs(dns...), Other: other}
}

func TestLinkClients(t *testing.T) {
	type in = *status.Inputs
	nobody := func(i in) {
		i.DNS.Clients = nil
		i.DNS.ClientsLink = fact.Link{Summary: "Nobody asked.", Action: "Enter us."}
	}
	routerAsks := func(i in) {
		i.DNS.Clients = append(i.DNS.Clients, dnsserver.ClientSeen{Address: netip.MustParseAddr("192.168.1.1"), LastAt: noon, Queries: 200})
	}
	const depend = "so phones at home that depend on the local answer do not get it"
	for name, c := range map[string]struct {
		set      func(i in)
		verdict  fact.Verdict
		summary  string
		action   string
		evidence []string
	}{
		"nothing known": {func(i in) { i.Handed = handed.Status{} }, fact.VerdictPass, "1 device asked.", "", []string{"so it was"}},
		"not answered":  {func(in) {}, fact.VerdictPass, "1 device asked.", "", []string{"so it was"}},
		"us": {func(i in) { i.Handed.DHCP = []dhcp.Server{dhcpFrom("192.168.1.1", "192.168.1.10")} }, fact.VerdictPass, "1 device asked.", "",
			[]string{"so it was", "the DHCP server 192.168.1.1 hands out 192.168.1.10 for DNS, which is this server"}},
		"us, and nobody asks": {func(i in) { nobody(i); i.Handed.DHCP = []dhcp.Server{dhcpFrom("192.168.1.1", "192.168.1.10")} }, fact.VerdictUnknown,
			"DHCP tells devices to ask this DNS server, but none has within the last hour, so none is known to get the local answer.", "Connect a device to the network anew",
			[]string{"the DHCP server 192.168.1.1 hands out 192.168.1.10 for DNS, which is this server"}},
		"nobody asks and nothing is known": {nobody, fact.VerdictUnknown, "Nobody asked.", "Enter us.", nil},
		"the router": {func(i in) { i.Handed.DHCP = []dhcp.Server{dhcpFrom("192.168.1.1", "192.168.1.1")} }, fact.VerdictWarn,
			"The router's DHCP (192.168.1.1) tells devices to ask 192.168.1.1 for names, not this server, " + depend + ".",
			"Set the DNS server of the DHCP in the router to 192.168.1.10, and no other", []string{"1 device asked.", "so it was", "the DHCP server 192.168.1.1 hands out 192.168.1.1 for DNS"}},
		"the router, and nobody asks": {func(i in) { nobody(i); i.Handed.DHCP = []dhcp.Server{dhcpFrom("192.168.1.1", "192.168.1.1")} }, fact.VerdictWarn,
			"The router's DHCP (192.168.1.1) tells devices to ask 192.168.1.1 for names, not this server, " + depend + ".",
			"Set the DNS server of the DHCP in the router", []string{"Nobody asked.", "the DHCP server 192.168.1.1 hands out 192.168.1.1 for DNS"}},
		"the router loops back": {func(i in) {
			i.Handed.DHCP = []dhcp.Server{dhcpFrom("192.168.1.1", "192.168.1.1")}
			i.Hairpin.Loopback = hairpin.LoopbackYes
		}, fact.VerdictPass, "The router's DHCP (192.168.1.1) tells devices to ask 192.168.1.1 for names, not this server, so they miss the short cut of the local answer; they reach the service all the same, as the router loops the public address back.",
			"Set the DNS server of the DHCP in the router", nil},
		"the router, which asks us": {func(i in) { routerAsks(i); i.Handed.DHCP = []dhcp.Server{dhcpFrom("192.168.1.1", "192.168.1.1")} }, fact.VerdictPass, "1 device asked.", "",
			[]string{"so it was", "the DHCP server 192.168.1.1 hands out 192.168.1.1 for DNS", "the router asks this server, so devices that ask the router get the local answer, too; they cannot be told apart here"}},
		"the router, which asks us, and another": {func(i in) {
			routerAsks(i)
			i.Handed.DHCP = []dhcp.Server{dhcpFrom("192.168.1.1", "192.168.1.1", "9.9.9.9")}
		}, fact.VerdictWarn,
			"The router's DHCP (192.168.1.1) tells devices to ask 9.9.9.9 beside this server; devices ask either, and not the second only when the first fails, " + depend + " each time.",
			"Take 9.9.9.9 out of the DNS servers of the DHCP in the router, so that 192.168.1.10 is the only one.", nil},
		"in a container, by the config": {func(i in) {
			i.Handed.Local, i.LAN.Address = netip.MustParseAddr("172.17.0.2"), netip.MustParseAddr("192.168.1.77")
			i.Handed.DHCP = []dhcp.Server{dhcpFrom("192.168.1.5")}
		}, fact.VerdictWarn, "The DHCP server 192.168.1.5 tells devices of no DNS server, and so not of this one, " + depend + ".",
			"Set the DNS server of the DHCP in 192.168.1.5 to 192.168.1.77, and no other", []string{"1 device asked.", "so it was", "the DHCP server 192.168.1.5 hands out nothing for DNS"}},
		"two that differ": {func(i in) {
			i.Handed.DHCP = []dhcp.Server{dhcpFrom("192.168.1.1", "192.168.1.10"), dhcpFrom("192.168.1.5", "1.1.1.1")}
		}, fact.VerdictWarn, "More than one DHCP server answers, and the DHCP server 192.168.1.5 tells devices to ask 1.1.1.1 for names, not this server; which one a device believes is a matter of luck, " + depend + ".",
			"Switch off the DHCP in 192.168.1.5, or set its DNS server to 192.168.1.10.", nil},
		"nobody answers": {func(i in) { i.Handed.DHCP = []dhcp.Server{} }, fact.VerdictPass, "1 device asked.", "", []string{"so it was", "no DHCP server answered"}},
		"nobody answers in a container": {func(i in) { i.Handed.DHCP, i.Handed.Boxed = []dhcp.Server{}, true }, fact.VerdictPass, "1 device asked.", "",
			[]string{"so it was", "no DHCP server answered; in a container without the host's network they are not heard"}},
		"not to be asked": {func(i in) { i.Handed.DHCPError, i.Handed.RoutersError = "no permission", "none here" }, fact.VerdictPass, "1 device asked.", "",
			[]string{"so it was", "no permission", "none here"}},
		"IPv6 alone": {func(i in) {
			i.Handed.DHCP = []dhcp.Server{dhcpFrom("192.168.1.1", "192.168.1.10")}
			i.Handed.Routers = []radv.Advertisement{announced("fe80::1", true, "fd00::1")}
		}, fact.VerdictWarn, "The IPv6 router fe80::1 tells devices by IPv6 (RDNSS) to ask fd00::1 for names, not this server; phones with IPv6 go by that whatever DHCP says, " + depend + ".",
			"Switch off the DNS server in the IPv6 router advertisements (RDNSS) of that router", []string{"1 device asked.", "so it was", "the DHCP server 192.168.1.1 hands out 192.168.1.10 for DNS, which is this server",
				"the IPv6 router fe80::1 tells of fd00::1 for DNS (RDNSS)", "the IPv6 router fe80::1 has devices ask DHCPv6 for their DNS servers, which is not looked at"}},
		"IPv6 too": {func(i in) {
			i.Handed.DHCP = []dhcp.Server{dhcpFrom("192.168.1.1", "192.168.1.1")}
			i.Handed.Routers = []radv.Advertisement{announced("fe80::1", false, "fd00::10", "fd00::1")}
		}, fact.VerdictWarn, "The router's DHCP (192.168.1.1) tells devices to ask 192.168.1.1 for names, not this server, " + depend + ".",
			"Set the DNS server", []string{"1 device asked.", "so it was", "the DHCP server 192.168.1.1 hands out 192.168.1.1 for DNS", "the IPv6 router fe80::1 tells of fd00::10, fd00::1 for DNS (RDNSS)",
				"The IPv6 router fe80::1 tells devices by IPv6 (RDNSS) to ask fd00::1 beside this server; devices ask either, " + depend + " each time."}},
		"IPv6 is us, or the router that asks us": {func(i in) {
			routerAsks(i)
			i.Handed.Routers = []radv.Advertisement{announced("fe80::1", false, "fd00::10", "fe80::10"), announced("fe80::211:22ff:fe33:4455", false, "fd00::211:22ff:fe33:4455")}
		}, fact.VerdictPass, "1 device asked.", "", []string{"so it was", "the IPv6 router fe80::1 tells of fd00::10, fe80::10 for DNS (RDNSS), which is this server",
			"the IPv6 router fe80::211:22ff:fe33:4455 tells of fd00::211:22ff:fe33:4455 for DNS (RDNSS)"}},
		"devices elsewhere": {func(i in) {
			i.Handed.ThroughRouter = addrs("192.168.1.1")
			i.DNS.Private = []dnsserver.PrivateClient{{Address: netip.MustParseAddr("192.168.1.30"), Server: "dns.google", At: noon}}
		}, fact.VerdictPass, "1 device asked.", "", []string{"so it was", "devices reach a service through the router (192.168.1.1) and not directly: these devices do not use our DNS",
			"192.168.1.30 has looked for dns.google and asks nothing else: its private DNS seems to be set to that host name, so it does not use our DNS (on Android: set private DNS to automatic)"}},
	} {
		t.Run(name, func(t *testing.T) {
			i := sofa()
			c.set(&i)
			own := slices.Clone(i.DNS.ClientsLink.Evidence)
			chain := status.NewBuilder(noSecrets).Build(i, noon).Chain
			l := chain[slices.IndexFunc(chain, func(l status.Link) bool { return l.ID == "clients" })]
			action := ""
			if l.Action != nil {
				action = *l.Action
			}
			if l.Status != c.verdict || l.Summary != c.summary || !strings.HasPrefix(action, c.action) || (action == "") != (c.action == "") {
				t.Errorf("%v: %s\n%s\nwant %v: %s\n%s", l.Status, l.Summary, action, c.verdict, c.summary, c.action)
			}
			if (c.evidence != nil || c.verdict == fact.VerdictPass && c.action == "") && !slices.Equal(l.Evidence, c.evidence) {
				t.Errorf("the evidence is %q\nwant %q", l.Evidence, c.evidence)
			}
			if strings.Contains(l.Summary+action+strings.Join(l.Evidence, ""), "{") {
				t.Errorf("a place is not filled: %+v", l)
			}
			if led := strings.Contains(l.Summary, ", not this server") || strings.Contains(l.Summary, "beside this server") || strings.Contains(l.Summary, "and so not of this one"); status.Misled(i) != led {
				t.Errorf("that devices are led past us is %t, and it says: %s", !led, l.Summary)
			}
			if !slices.Equal(i.DNS.ClientsLink.Evidence, own) {
				t.Error("the DNS server's own link was changed")
			}
		})
	}
}

func TestLANOfTheSnapshot(t *testing.T) {
	if s := status.NewBuilder(noSecrets).Build(status.Inputs{}, noon); s.LAN != nil {
		t.Errorf("before anybody has looked the LAN is %+v", s.LAN)
	}
	s := status.NewBuilder(noSecrets).Build(sofa(), noon)
	if s.LAN == nil || s.LAN.DHCP != nil || s.LAN.Advertisements != nil || s.LAN.ThroughRouter != nil || s.LAN.PrivateDNS == nil || s.LAN.LastError != nil {
		t.Errorf("of nothing it says %+v", s.LAN)
	}
	i := sofa()
	i.Handed.DHCP = []dhcp.Server{dhcpFrom("192.168.1.1", "192.168.1.10", "9.9.9.9"), dhcpFrom("192.168.1.2"), dhcpFrom("192.168.1.3", "192.168.1.10")}
	i.Handed.Routers = []radv.Advertisement{announced("fe80::1", true), announced("fe80::2", false, "fd00::2")}
	i.Handed.DHCPError, i.Handed.RoutersError = "one", "two"
	l := status.NewBuilder(noSecrets).Build(i, noon).LAN
	if l.DHCP[0].Ours || l.DHCP[1].Ours || l.DHCP[1].DNS == nil || !l.DHCP[2].Ours || !l.Advertisements[0].Ours || l.Advertisements[1].Ours || *l.LastError != "one; two" {
		t.Errorf("it says %+v", l)
	}
}
