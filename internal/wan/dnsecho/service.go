// Package dnsecho asks DNS servers that answer with the address from which they
// were asked. They are asked at literal addresses and not through a resolver,
// whose own address they would give. A network that intercepts port 53 answers
// in their place; what can be told from its answers is an error in words, and
// the rest is for those who hold several sources against each other.
package dnsecho

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// Service is one service that tells the asker's address. It is immutable.
type Service struct {
	// name is what stands behind "dns:" in the config.
	name string
	// question is asked with type4 for an IPv4 address and type6 for IPv6.
	question     string
	class        uint16
	type4, type6 uint16
	// recurse is the RD bit: a server that only serves is not asked to recurse.
	recurse bool
	// authoritative is whether a true answer has the AA bit; the resolver of
	// somebody in between does not set it.
	authoritative     bool
	servers, servers6 []netip.AddrPort
}

func at(addrs ...string) []netip.AddrPort {
	list := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		list[i] = netip.AddrPortFrom(netip.MustParseAddr(a), 53)
	}
	return list
}

var services = []Service{
	{
		name: "cloudflare", question: "whoami.cloudflare.", class: dns.ClassCHAOS, type4: dns.TypeTXT, type6: dns.TypeTXT, recurse: true,
		servers: at("1.1.1.1", "1.0.0.1"), servers6: at("2606:4700:4700::1111", "2606:4700:4700::1001"),
	},
	{
		name: "google", question: "o-o.myaddr.l.google.com.", class: dns.ClassINET, type4: dns.TypeTXT, type6: dns.TypeTXT, authoritative: true,
		servers: at("216.239.32.10", "216.239.34.10"), servers6: at("2001:4860:4802:32::a", "2001:4860:4802:34::a"),
	},
	{
		name: "opendns", question: "myip.opendns.com.", class: dns.ClassINET, type4: dns.TypeA, type6: dns.TypeAAAA, recurse: true,
		servers: at("208.67.222.222", "208.67.220.220"), servers6: at("2620:119:35::35", "2620:119:53::53"),
	},
}

// Names are the services there are, in alphabetic order.
func Names() []string {
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.name
	}
	return names
}

// Find returns the service called name.
func Find(name string) (Service, bool) {
	i := slices.IndexFunc(services, func(s Service) bool { return s.name == name })
	if i < 0 {
		return Service{}, false
	}
	return services[i], true
}
