package snippet

// The DNS servers in routers.

import (
	"fmt"
	"strings"
)

func routerKinds() []kind {
	return []kind{
		{"openwrt", "OpenWrt", "a shell on the router (ssh)", writeOpenWrt},
		{"mikrotik", "MikroTik RouterOS", "a terminal of the router (ssh or WinBox)", writeMikroTik},
		{"unifi", "UniFi Network", "the DNS records of the gateway, in the Network application", writeUniFi},
		{"fritzbox", "FRITZ!Box", "Home Network, Network, Network Settings, DNS Rebind Protection: one host name a line", writeFritzBox},
	}
}

func writeOpenWrt(in Input) (string, []string) {
	list := in.exact()
	notes := in.wildNote("the names of OpenWrt's page hold none; `edgeguard snippets dnsmasq` has the lines for a file of dnsmasq")
	if len(list) == 0 {
		return "", notes
	}
	var b strings.Builder
	for _, n := range list {
		for _, a := range n.addrs() {
			fmt.Fprintf(&b, "uci add dhcp domain\nuci set dhcp.@domain[-1].name='%s'\nuci set dhcp.@domain[-1].ip='%s'\n", n.Name, a)
		}
		fmt.Fprintf(&b, "uci add_list dhcp.@dnsmasq[0].server='/%s/'\nuci add_list dhcp.@dnsmasq[0].server='/*.%s/#'\n", n.Name, n.Name)
	}
	b.WriteString("uci commit dhcp\n/etc/init.d/dnsmasq restart\n")
	return b.String(), append([]string{"The lines with server keep the kinds of address that are not listed from being asked of the world, and need OpenWrt 22.03 or later."}, notes...)
}

func writeMikroTik(in Input) (string, []string) {
	var b strings.Builder
	for _, n := range in.exact() {
		for _, a := range n.addrs() {
			fmt.Fprintf(&b, "/ip dns static add name=%s type=%s address=%s ttl=1m comment=edgeguard\n", n.Name, recordType(a), a)
		}
	}
	notes := append(in.leak("RouterOS"), in.wildNote("match-subdomain takes the name itself along")...)
	return b.String(), append([]string{"Devices must ask the router: `/ip dns set allow-remote-requests=yes`, and the firewall must keep the internet from asking it. Needs RouterOS 6.47 or later (type=)."}, notes...)
}

func writeUniFi(in Input) (string, []string) {
	var b strings.Builder
	for _, n := range in.exact() {
		for _, a := range n.addrs() {
			kind := "Host (A)"
			if a.Is6() {
				kind = "Host (AAAA)"
			}
			fmt.Fprintf(&b, "%-12s %s  %s\n", kind, n.Name, a)
		}
	}
	notes := append([]string{
		"Where the page is depends on the version (Settings, then Routing, DNS in some and Policy Table in others): not confirmed for all. Needs a gateway of UniFi's.",
	}, in.leak("The gateway may be one that")...)
	return b.String(), append(notes, in.wildNote("what such a record covers there is not confirmed")...)
}

func writeFritzBox(in Input) (string, []string) {
	var b strings.Builder
	seen := map[string]bool{}
	for _, n := range in.Names {
		if zone, _ := n.zone(); !seen[zone] {
			seen[zone] = true
			fmt.Fprintln(&b, zone)
		}
	}
	notes := []string{
		"A FRITZ!Box cannot hold addresses for names that are not its own (fritz.box). These lines only let it pass on local addresses that another DNS server gives for the names; without them its protection against DNS rebinding withholds them.",
		"It loops its public address back into the home by itself, so that the name works at home through it even so.",
	}
	if in.DNS.IsValid() {
		notes = append(notes, fmt.Sprintf("To have devices ask edgeguard: Home Network, Network, Network Settings, IPv4 Settings, Local DNS server: %s. With IPv6 on, the DNSv6 server beside it must be edgeguard's as well.", in.DNS))
	}
	return b.String(), notes
}
