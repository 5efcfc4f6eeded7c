package config

// Where a [[service]] is: an address, or what it is found by.

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// place reads address, mac and remote into s.
func (b *builder) place(r rawService, s *Service) {
	s.Remote = b.flag(r.Remote, false)
	if r.MAC.ok {
		s.MAC = b.mac(r.MAC)
	}
	if !r.Address.ok {
		return
	}
	host, port, err := net.SplitHostPort(r.Address.v)
	switch {
	case r.MAC.given && err == nil && host == "":
		s.Port = b.port(r.Address, port)
		return
	case r.MAC.given:
		b.fail(r.Address.at, `with mac, %s, the device is found by that, so address is the port alone; write it like ":8883", or take mac out`, r.MAC.at)
		return
	case err == nil && host != "" && !isAddr(host) && !looksLikeAddr(host):
		if s.Host = b.host(r.Address, host); s.Host != "" {
			s.Port = b.port(r.Address, port)
		}
		return
	case err == nil && host == "" && b.port(r.Address, port) != 0:
		b.fail(r.Address.at, `%s has no host; write the address too, such as "192.168.1.10:8883", or give mac = "…" to have the device found by that`, show(r.Address.v))
		return
	case s.Remote:
		s.Address = b.remoteAddress(r.Address)
	default:
		s.Address = b.serviceAddress(r.Address)
	}
	s.Port = s.Address.Port()
}

// looksLikeAddr reports whether a host was meant to be an address: its last part
// is a number, or it has colons.
func looksLikeAddr(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return strings.Contains(host, ":") || last != "" && strings.Trim(last, "0123456789") == ""
}

// host reads the host name that a service is found by; "" after a report.
func (b *builder) host(t text, host string) string {
	name, problem := hostName(host)
	switch {
	case problem != "":
		b.fail(t.at, "the host %s %s", show(host), problem)
		return ""
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		b.fail(t.at, "to every device %s is the device itself; write the name or the address of this host in the LAN", show(host))
		return ""
	}
	return name
}

// port reads a port; 0 after a report.
func (b *builder) port(t text, port string) uint16 {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		b.fail(t.at, "the port %s is not a number from 1 to 65535", show(port))
		return 0
	}
	return uint16(n)
}

// mac reads the MAC address of a device, as its 48 bits; "" after a report.
func (b *builder) mac(t text) string {
	hw, err := net.ParseMAC(t.v)
	switch {
	case err != nil || len(hw) != 6:
		b.fail(t.at, `%s is no MAC address; write it like "aa:bb:cc:dd:ee:ff", as the router's list of devices shows it`, show(t.v))
		return ""
	case hw[0]&1 != 0 || slices.Equal(hw, make(net.HardwareAddr, 6)):
		b.fail(t.at, "%s is no device's own address; write that of the device's network card, as the router's list of devices shows it", hw)
		return ""
	}
	return hw.String()
}

// remoteAddress reads IP:PORT of a service that is not at home.
func (b *builder) remoteAddress(t text) netip.AddrPort {
	before := len(b.warnings)
	address := b.endpoint(t)
	b.warnings = b.warnings[:before] // a public address is what is meant here
	if address.Addr().IsLoopback() {
		b.fail(t.at, "%s is this host, so the service is not remote; take remote out, and write this host's address in the LAN", address.Addr())
	}
	return address
}

// remote reports the keys that a remote service cannot have.
func (b *builder) remote(r rawService) {
	const home = "the service is remote, so %s; take this out, or remote"
	for _, k := range []struct {
		given bool
		at    origin
		why   string
	}{
		{r.MAC.given, r.MAC.at, "it has no MAC address in this LAN"},
		{r.ExternalPort.given, r.ExternalPort.at, "nothing is forwarded to it"},
		{r.LANIPv6.given, r.LANIPv6.at, "it has no address in this LAN"},
		{r.Wildcard.given && r.Wildcard.v, r.Wildcard.at, "its names are never answered here"},
	} {
		if k.given {
			b.fail(k.at, home, k.why)
		}
	}
	if host, _, err := net.SplitHostPort(r.Address.v); err == nil && strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), ".local") {
		b.fail(r.Address.at, "%s is a name of this LAN (mDNS, RFC 6762), so the service is not remote; take remote out, or write another name", show(host))
	}
}

// ownNames reports the services that are to be found by a name which is
// answered here with the address that is being looked for, and remote names that
// something here claims.
func (b *builder) ownNames(raw *rawFile, c *Config, claims map[string]claim) {
	for i, s := range c.Services {
		by, taken := claims[s.Host]
		switch {
		case s.Host == "" || !taken:
		case s.Remote && !by.service.Remote:
			b.fail(raw.Service[i].Address.at, "%s is a name of service %s too, %s, which is at home; clients at home would be led there, so take it out of one of the two", show(s.Host), show(by.service.Name), by.at)
		case !s.Remote:
			b.fail(raw.Service[i].Address.at, "%s is a name that clients are given the service's address for, %s, so it cannot say what that address is; write the name by which the router knows the device, such as \"broker.lan\", or \"broker.local\"", show(s.Host), by.at)
		}
	}
	remote := c.RemoteNames()
	for i, s := range c.Services {
		for _, wildcard := range s.Wildcards {
			at := slices.IndexFunc(remote, func(name string) bool { return strings.HasSuffix(name, strings.TrimPrefix(wildcard, "*")) })
			if at >= 0 {
				b.fail(raw.Service[i].Names.at, "%s stands for %s, which is a name of a remote service; clients at home would be led here, so write the names of this service in full", show(wildcard), show(remote[at]))
			}
		}
	}
	for i, rec := range c.DDNS.Records {
		if by, taken := claims[rec.Domain]; taken && by.service.Remote || rec.Domain != "" && slices.Contains(remote, rec.Domain) {
			b.fail(raw.DDNS[b.tableOf[i]].Domain.at, "%s is a name of a remote service, so its record must not say this home's address; take it out of one of the two", show(rec.Domain))
		}
	}
}
