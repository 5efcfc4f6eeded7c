package config

// [wan] event_port and event_host: where the router's events arrive.

import (
	"net"
	"net/netip"
	"strings"
)

// routerEvents reads the keys of [wan] that the router is told; event_host is
// another name of [lan] address, and must not contradict it.
func (b *builder) routerEvents(raw rawWAN, c *Config) {
	if t := raw.EventPort; t.ok && (t.v < 0 || t.v > 65535) {
		b.fail(t.at, "%d is not a port from 0 to 65535; 0, the default, is any free one", t.v)
	} else if t.ok {
		c.RouterEventPort = uint16(t.v)
	}
	t := raw.EventHost
	if !t.ok {
		return
	}
	addr, err := netip.ParseAddr(t.v)
	addr = addr.Unmap()
	switch {
	case err != nil:
		b.fail(t.at, `%s is not an IP address; write the host's own in the LAN, such as "192.168.1.2"`, show(t.v))
	case addr.Zone() != "", addr.IsUnspecified(), addr.IsMulticast(), addr.IsLoopback(), addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		b.fail(t.at, "%s is no address that the router can send to; write the host's own in the LAN", addr)
	case c.LANAddress.IsValid() && addr != c.LANAddress:
		b.fail(t.at, "%s is not the address under [lan], which is %s: both are this host's own in the LAN, so take this key out", addr, c.LANAddress)
	case !addr.IsPrivate() && !addr.IsLinkLocalUnicast():
		b.warn(t.at, "%s is not a private address; this should be where the router reaches this host in the LAN", addr)
	case addr == c.LANRouter:
		b.fail(t.at, "%s is the router, as [lan] router says; write this host's own address in the LAN", addr)
	case c.RouterEventPort == 0:
		b.warn(t.at, "without event_port the events arrive on a port of this container that nobody has published; set event_port to the published one")
	}
	c.LANAddress = addr
}

// homeHost reports whether HOST or HOST:PORT is an address of a home, or a name
// that only a home has.
func homeHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast()
	}
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".lan") || strings.HasSuffix(host, ".home.arpa")
}
