package config

// [[service]]: what is to be reached.

import (
	"net"
	"net/netip"
	"regexp"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
)

var serviceName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// services reads the [[service]] tables into c.Services, one for each, however
// broken.
func (b *builder) services(raw []rawService, c *Config) {
	if len(raw) == 0 {
		b.missing(origin{file: b.file, key: "service"}, `no service; say what is to be reached: [[service]], name = "mqtt", address = "192.168.1.10:8883" (the broker, as seen from the LAN), or set %s`, EnvServiceAddress)
	}
	for _, r := range raw {
		if !r.Name.given {
			b.missing(r.Head.sub("name"), `missing; give the service a short name, such as name = "mqtt"`)
		}
		if !r.Address.given {
			b.missing(r.Head.sub("address"), `missing; write where the service listens in the LAN, such as address = "192.168.1.10:8883"`)
		}
		s := Service{Name: b.name(r.Name, aService)}
		b.place(r, &s)
		if !s.Remote {
			s.ExternalPort = b.externalPort(r.ExternalPort, r.Address, netip.AddrPortFrom(s.Address.Addr(), s.Port), fact.TCP, aService)
		}
		c.targets = append(c.targets, newTarget(r.Address, r.ExternalPort, fact.TCP, s.Address, s.ExternalPort))
		s.Wildcard = b.flag(r.Wildcard, false)
		s.Names, s.Wildcards = b.hostNames(r.Names, s.Wildcard)
		s.Kind = hairpin.ServiceKind(b.word(r.Kind, string(hairpin.MQTT), []string{string(hairpin.MQTT), string(hairpin.TLS)}, nil))
		s.LANIPv6 = b.lanIPv6(r.LANIPv6, s.Address)
		if r.CAFile.ok {
			s.Roots, s.Authorities = b.readRoots(r.CAFile)
			s.hasRoots = true
		}
		if s.Remote {
			b.remote(r)
		}
		s.User, s.Password = b.credentials(r, s.Kind)
		s.CertificateFile = b.certificateFile(r.CertificateFile)
		c.Services = append(c.Services, s)
	}
}

// taken is where a name or an external port was taken first, and by what.
type taken struct {
	at   origin
	what string
}

// What takes names and external ports.
const (
	aService = "service"
	aForward = "forward"
)

// name reads the name of a service or of a forward.
func (b *builder) name(t text, what string) string {
	switch {
	case !t.ok:
	case !serviceName.MatchString(t.v):
		b.fail(t.at, "%s is no name for a %s; write 1 to 32 of a to z, 0 to 9 and -", show(t.v), what)
	default:
		if first, twice := b.named[t.v]; twice && first.what == what {
			b.fail(t.at, "two %ss are named %q, this one and %s; the name tells them apart, so give each its own", what, t.v, first.at)
			break
		} else if twice {
			b.fail(t.at, "a %s is named %q already, %s; the name tells services and forwards apart, so give each its own", first.what, t.v, first.at)
			break
		}
		b.named[t.v] = taken{t.at, what}
	}
	return t.v
}

// serviceAddress reads the address of a service, as endpoint does.
func (b *builder) serviceAddress(t text) netip.AddrPort {
	address := b.endpoint(t)
	if addr := address.Addr(); addr.IsLoopback() {
		b.warn(t.at, "to every LAN client %s is the client itself, so it would never reach the service; write this host's address in the LAN", addr)
	}
	return address
}

// endpoint reads IP:PORT in the LAN. It returns the zero AddrPort where there
// is none, or after a report.
func (b *builder) endpoint(t text) netip.AddrPort {
	if !t.ok {
		return netip.AddrPort{}
	}
	host, port, splitErr := net.SplitHostPort(t.v)
	address, err := netip.ParseAddrPort(t.v)
	if err != nil {
		switch _, hostErr := netip.ParseAddr(host); {
		case splitErr != nil && isAddr(t.v):
			b.fail(t.at, "%s has no port; write it too, such as %q", show(t.v), net.JoinHostPort(t.v, "8883"))
		case splitErr != nil:
			b.fail(t.at, `%s is not IP:PORT; write it like "192.168.1.10:8883" or "[fd00::10]:8883"`, show(t.v))
		case host == "":
			b.fail(t.at, `%s has no host; write the address too, such as "192.168.1.10:8883"`, show(t.v))
		case hostErr != nil:
			b.fail(t.at, `the host %s is not an IP address; write the address, such as "192.168.1.10:8883", and let the router always give it to that device`, show(host))
		default:
			b.fail(t.at, "the port %s is not a number from 1 to 65535", show(port))
		}
		return netip.AddrPort{}
	}
	addr := address.Addr().Unmap()
	switch {
	case address.Port() == 0:
		b.fail(t.at, "port 0 cannot be reached; write the port the service listens on, such as 8883")
	case addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		b.fail(t.at, "%s is not an address that LAN clients can dial; write the service's own address in the LAN", addr)
	case addr.Is4() && !addr.IsPrivate() && !addr.IsLinkLocalUnicast() && !addr.IsLoopback():
		b.warn(t.at, "%s is not a private address; this should be where the service listens in the LAN, not the public address", addr)
	}
	return netip.AddrPortFrom(addr, address.Port())
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// externalKey is what the router can forward once only.
type externalKey struct {
	protocol fact.Protocol
	port     uint16
}

// externalPort reads external_port, whose default is the port of address.
func (b *builder) externalPort(t integer, of text, address netip.AddrPort, protocol fact.Protocol, what string) uint16 {
	port, at := address.Port(), of.at
	if t.ok {
		if t.v < 1 || t.v > 65535 {
			b.fail(t.at, "%d is not a port from 1 to 65535; leave the key out for the port of address", t.v)
			return 0
		}
		port, at = uint16(t.v), t.at
		if address.Port() != 0 && port != address.Port() {
			b.warn(t.at, "clients at home are sent to port %d and clients outside to port %d, as DNS cannot change a port; where a client should work in both places, let the service listen on the external port", address.Port(), port)
		}
	} else if t.given {
		return 0 // of the wrong type: no port to compare
	}
	if port == 0 {
		return 0
	}
	key := externalKey{protocol, port}
	first, twice := b.external[key]
	switch {
	case !twice:
		b.external[key] = taken{at, what}
	case what == aService && first.what == aService:
		b.fail(at, "two services are on external port %d, this one and %s; the router can forward a port to one only, so set external_port to a free one", port, first.at)
	default:
		b.fail(at, "external port %d (%s) is that of a %s already, %s; the router can forward a port to one only, so set external_port to a free one", port, protocol, first.what, first.at)
	}
	return port
}

// lanIPv6 reads lan_ipv6: an address that LAN clients can reach from anywhere
// in the LAN, so unique local (RFC 4193) or global unicast (RFC 4291).
func (b *builder) lanIPv6(t text, address netip.AddrPort) netip.Addr {
	if !t.ok {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(t.v)
	switch {
	case err != nil:
		b.fail(t.at, `%s is not an IPv6 address; write it alone, without a port, such as "fd00::10"`, show(t.v))
	case !addr.Is6() || addr.Is4In6():
		b.fail(t.at, "%s is not an IPv6 address; the IPv4 address stands in address already", addr)
	case !localOrGlobal(addr):
		b.fail(t.at, "%s cannot be reached from all of the LAN; write a unique local (fd…) or a global (2…) address", addr)
	case address.Addr().Is6():
		b.fail(t.at, "address is an IPv6 address already; leave this key out")
	}
	return addr
}

var (
	uniqueLocal   = netip.MustParsePrefix("fc00::/7")
	globalUnicast = netip.MustParsePrefix("2000::/3")
)

func localOrGlobal(a netip.Addr) bool {
	return a.Zone() == "" && (uniqueLocal.Contains(a) || globalUnicast.Contains(a))
}
