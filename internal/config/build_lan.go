package config

// [lan]: the router to talk to, and this host as the router sees it.

import (
	"net/netip"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// lan reads [lan].
func (b *builder) lan(raw rawLAN, c *Config) {
	c.LANRouter = b.homeAddress(raw.Router, `the router's own in the LAN, such as "192.168.1.1"`)
	c.LANAddress = b.homeAddress(raw.Address, `this host's own in the LAN, such as "192.168.1.2"`)
	if c.LANAddress.IsValid() && c.LANAddress == c.LANRouter {
		b.fail(raw.Address.at, "%s is the router already, %s; write this host's own address in the LAN, or leave the key out where edgeguard has the host's network", c.LANAddress, raw.Router.at)
	}
}

// homeAddress reads a literal address of a home's IPv4 network, as router
// takes no other for a router; the zero Addr where there is none, or after a
// report. What says what to write.
func (b *builder) homeAddress(t text, what string) netip.Addr {
	if !t.ok {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(t.v)
	addr = addr.Unmap()
	switch {
	case err != nil:
		b.fail(t.at, "%s is not an IP address; write %s", show(t.v), what)
	case !addr.Is4():
		b.fail(t.at, "%s is not an IPv4 address, and routers forward IPv4; write %s", addr, what)
	case !addr.IsPrivate() && !fact.IsShared(addr):
		b.fail(t.at, "%s is not a private address, so it is not a home network's; write %s", addr, what)
	default:
		return addr
	}
	return netip.Addr{}
}
