package status

// What is said of devices that are led past this server: every fault that is
// told, its sentence and what to do, in one place.

import (
	"cmp"
	"net/netip"
	"strings"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

// handedFault is one way in which the LAN leads devices past us. The texts hold
// places: {who} hands out, as a subject; {where} to change it; {dns} is what is
// handed out beside or in place of us; {us} is our address; {so} is what comes
// of it, which depends on the router's loopback.
type handedFault struct {
	summary, action string
}

// in puts words into the sentence, and into what to do.
func (f handedFault) in(w words) (summary, action string) {
	return tidy.Sentence(w.in(f.summary)), tidy.Sentence(w.in(f.action))
}

// so is what comes of another server's being asked, unless the router loops the
// public address back, and where it does.
const (
	soDepends = "so phones at home that depend on the local answer do not get it"
	soLooped  = "so they miss the short cut of the local answer; they reach the service all the same, as the router loops the public address back"
)

// The faults, from the one that is told first. "The DNS server of the DHCP" is
// what routers' pages call it.
var (
	dhcpElsewhere = handedFault{
		"{who} tells devices to ask {dns} for names, not this server, {so}.",
		"Set the DNS server of the DHCP in {where} to {us}, and no other; devices take it over when they next connect.",
	}
	dhcpDiffers = handedFault{
		"More than one DHCP server answers, and {who} tells devices to ask {dns} for names, not this server; which one a device believes is a matter of luck, {so}.",
		"Switch off the DHCP in {where}, or set its DNS server to {us}.",
	}
	dhcpBeside = handedFault{
		"{who} tells devices to ask {dns} beside this server; devices ask either, and not the second only when the first fails, {so} each time.",
		"Take {dns} out of the DNS servers of the DHCP in {where}, so that {us} is the only one.",
	}
	dhcpNone = handedFault{
		"{who} tells devices of no DNS server, and so not of this one, {so}.",
		"Set the DNS server of the DHCP in {where} to {us}, and no other; devices take it over when they next connect.",
	}
	rdnssElsewhere = handedFault{
		"{who} tells devices by IPv6 (RDNSS) to ask {dns} for names, not this server; phones with IPv6 go by that whatever DHCP says, {so}.",
		"Switch off the DNS server in the IPv6 router advertisements (RDNSS) of {where}, or set it to an IPv6 address of this host that does not change.",
	}
	rdnssBeside = handedFault{
		"{who} tells devices by IPv6 (RDNSS) to ask {dns} beside this server; devices ask either, {so} each time.",
		"Take {dns} out of the DNS servers in the IPv6 router advertisements (RDNSS) of {where}.",
	}
	// nobodyAsks is told where we are handed out and nobody asks.
	nobodyAsks = handedFault{
		"DHCP tells devices to ask this DNS server, but none has within the last hour, so none is known to get the local answer.",
		"Connect a device to the network anew and look again: devices learn of a DNS server when they connect. One whose DNS server is set by hand, or that uses a private DNS or a VPN, asks another.",
	}
)

// The lines of evidence.
const (
	lineDHCP       = "the DHCP server {who} hands out {dns} for DNS"
	lineOurs       = ", which is this server"
	lineForwards   = "the router asks this server, so devices that ask the router get the local answer, too; they cannot be told apart here"
	lineNobody     = "no DHCP server answered"
	lineBoxed      = "no DHCP server answered; in a container without the host's network they are not heard"
	lineRDNSS      = "the IPv6 router {who} tells of {dns} for DNS (RDNSS)"
	lineDHCPv6     = "the IPv6 router {who} has devices ask DHCPv6 for their DNS servers, which is not looked at"
	lineThrough    = "devices reach a service through the router ({who}) and not directly: these devices do not use our DNS"
	linePrivateDNS = "{who} has looked for {dns} and asks nothing else: its private DNS seems to be set to that host name, so it does not use our DNS (on Android: set private DNS to automatic)"
)

// words are what stands in the places.
type words struct {
	who, where, dns, us string
	looped              bool
}

// in puts the words into a text.
func (w words) in(text string) string {
	so := soDepends
	if w.looped {
		so = soLooped
	}
	return strings.NewReplacer("{who}", w.who, "{where}", w.where, "{dns}", w.dns, "{us}", w.us, "{so}", so).Replace(text)
}

// addressed names addresses for people.
func addressed(list []netip.Addr) string {
	var texts []string
	for _, a := range list {
		texts = append(texts, a.String())
	}
	return cmp.Or(strings.Join(texts, ", "), "nothing")
}
