package wan

// The public IPv6 address in words.

import (
	"fmt"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// describe6 puts a finding about IPv6 into words, beside what is published.
func describe6(f Finding, published fact.Observation) fact.Link {
	if f.Cause == Agreed && published.State == fact.Known && published.Addr == f.Addr {
		return fact.Link{
			Verdict: fact.VerdictPass,
			Summary: fmt.Sprintf("The public IPv6 address is %s: %s agree on its network %s.", f.Addr, strings.Join(f.By, " and "), subnet(f.Addr)),
		}
	}
	reason, action := explain6(f)
	return unconfirmed(published, "public IPv6 address", reason, action)
}

func explain6(f Finding) (reason, action string) {
	switch f.Cause {
	case Agreed:
		return fmt.Sprintf("this host now has %s, which is being confirmed", f.Addr), patience
	case OutsideSilent:
		return fmt.Sprintf("this host has %s, and no outside service answered over IPv6", f.Router),
			"Check the router's IPv6 connection; if there is none, write no AAAA record in [[ddns]]."
	case OutsideOdd:
		return fmt.Sprintf("the outside answered %s, %s", f.Outside, classify6(f.Outside).words6()),
			"Check for a proxy, a VPN or a tunnel between this host and the internet, or use another service in [wan] sources_ipv6."
	case RouterNone:
		return "this host has no global IPv6 address that lasts (temporary and deprecated ones do not count)",
			"Turn on IPv6 in the router. In a container, use host network mode, or name the interface in [wan] ipv6_interface."
	case RouterOdd:
		return fmt.Sprintf("this host has %s, %s", f.Router, classify6(f.Router).words6()),
			"Turn on IPv6 in the router, or name another interface in [wan] ipv6_interface."
	case Differ:
		return fmt.Sprintf("this host has %s, the internet sees %s, which is in another network", f.Router, f.Outside) +
				"; likely a VPN that this host's traffic leaves by, or a router that translates IPv6 addresses",
			"Let this host's IPv6 traffic leave by the router and not by a VPN, or name the interface that faces it in [wan] ipv6_interface."
	default:
		return "this host's own addresses could not be read", "Name the interface in [wan] ipv6_interface. In a container, use host network mode."
	}
}

// words6 is String for IPv6.
func (c class) words6() string {
	switch c {
	case classPrivate:
		return "a unique local address (RFC 4193), which the internet cannot reach"
	case classInvalid:
		return "no IPv6 address"
	default:
		return c.String()
	}
}
