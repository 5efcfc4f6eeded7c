package config

// [[portmap.forward]]: further ports that are only forwarded, and what must not
// be forwarded.

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

// The words of protocol.
const (
	wordTCP = "tcp"
	wordUDP = "udp"
)

// portForward reads one [[portmap.forward]]. One to an IPv6 address is a
// pinhole, and else that is nil.
func (b *builder) portForward(r rawPortForward, all rawPortmap, c *Config) (portmap.Forward, *Pinhole) {
	if !r.Name.given {
		b.missing(r.Head.sub("name"), `missing; give the forward a short name, such as name = "wireguard"`)
	}
	if !r.Address.given {
		b.missing(r.Head.sub("address"), `missing; write where the port leads in the LAN, such as address = "192.168.1.10:51820"`)
	}
	name := b.name(r.Name, aForward)
	protocol := fact.Protocol(strings.ToUpper(b.word(r.Protocol, wordTCP, []string{wordTCP, wordUDP}, nil)))
	address := b.endpoint(r.Address)
	if address.Addr().Is6() {
		c.targets = append(c.targets, target{at: r.Address.at, protocol: protocol, address: address})
		return portmap.Forward{}, b.forwardIPv6(r, name, protocol, address)
	}
	switch addr := address.Addr(); {
	case addr.IsLoopback():
		b.fail(r.Address.at, "to the router %s is the router itself, so it cannot forward there; write this host's address in the LAN", addr)
	case protocol == fact.UDP && c.Portmap.Relay == portmap.RelayOn && addr.IsValid() && addr != c.LANAddress:
		b.fail(r.Protocol.at, `the relay carries TCP only, and relay = "on" has it carry every forward to another host, %s; write relay = "auto" there, and the router forwards UDP itself`, all.Relay.at)
	case address.Port() == 53:
		b.warn(r.Address.at, "port 53 is DNS: a resolver that the internet can ask is used to attack others; forward it only to a server that answers for your own zones alone")
	}
	port := b.externalPort(r.ExternalPort, r.Address, address, protocol, aForward)
	if !address.Addr().IsLoopback() {
		c.targets = append(c.targets, newTarget(r.Address, r.ExternalPort, protocol, address, port))
	}
	return portmap.Forward{Service: name, Protocol: protocol, ExternalPort: port, Internal: address}, nil
}

// forwardIPv6 is the pinhole of a forward to an IPv6 address.
func (b *builder) forwardIPv6(r rawPortForward, name string, protocol fact.Protocol, address netip.AddrPort) *Pinhole {
	if !globalUnicast.Contains(address.Addr()) {
		b.fail(r.Address.at, "%s cannot be reached from the internet, and IPv6 is not forwarded but let through; write a global address (2… or 3…), or the IPv4 address", address.Addr())
	}
	if t := r.ExternalPort; t.ok && t.v != int64(address.Port()) {
		b.fail(t.at, "over IPv6 nothing on the way changes the port, so clients outside dial %d, as at home; take this key out", address.Port())
	}
	return &Pinhole{Service: name, Protocol: protocol, Port: address.Port(), Address: address.Addr()}
}

// internal is where the router forwards to for a service: one on loopback is
// this host's.
func (c *Config) internal(service netip.AddrPort) netip.AddrPort {
	if service.Addr().IsLoopback() && c.LANAddress.Is4() {
		return netip.AddrPortFrom(c.LANAddress, service.Port())
	}
	return service
}

// target is where a service or a forward leads.
type target struct {
	at       origin
	protocol fact.Protocol
	address  netip.AddrPort
	// external is the port on the public address, zero where there is none, and
	// externalAt where it stands.
	external   uint16
	externalAt origin
}

func newTarget(address text, external integer, protocol fact.Protocol, to netip.AddrPort, port uint16) target {
	t := target{address.at, protocol, to, port, address.at}
	if external.given {
		t.externalAt = external.at
	}
	return t
}

// exposed reports the targets that are ports of edgeguard itself, as far as
// that is known before this host's addresses are.
func (b *builder) exposed(c *Config) {
	for _, e := range c.exposed(netip.Addr{}, nil) {
		b.fail(origin{e.File, e.Line, e.Key}, "%s", e.Text)
	}
}

// Exposed returns an *Errors where a service or a forward leads to a port that
// edgeguard itself listens on, and nil otherwise: its DNS server would answer
// the whole internet, which uses such servers to attack others. Lan is our
// address in the LAN, as for Listen.Resolve, or the zero Addr; own are all
// addresses of this host that are known.
func (c *Config) Exposed(lan netip.Addr, own []netip.Addr) error {
	if list := c.exposed(lan, own); len(list) > 0 {
		return &Errors{list}
	}
	return nil
}

func (c *Config) exposed(lan netip.Addr, own []netip.Addr) (list []Error) {
	own = append(slices.Clone(own), c.LANAddress)
	serves := func(l Listen, t target) bool {
		addr := t.address.Addr()
		switch {
		case !addr.IsValid() || l.Port == 0 || l.Port != t.address.Port():
			return false
		case l.LAN:
			return addr == lan || addr == c.LANAddress
		case !l.Addr.IsValid() || l.Addr.IsUnspecified():
			return addr.IsLoopback() || slices.Contains(own, addr)
		}
		// A port of a container that is published on the host.
		published := addr == c.LANAddress && !l.Addr.IsLoopback()
		return addr == l.Addr || published
	}
	for _, t := range c.targets {
		for _, s := range c.servers() {
			if (s.protocol == "" || s.protocol == t.protocol) && serves(s.listen, t) {
				list = append(list, Error{t.at.file, t.at.line, t.at.key,
					fmt.Sprintf("%s is where edgeguard itself listens (%s), and must not be reached from the internet: %s; write the port of the service that is meant", t.address, s.listen, s.why)})
				break
			}
		}
	}
	return list
}

// server is something that edgeguard itself serves; an empty protocol is both.
type server struct {
	listen   Listen
	protocol fact.Protocol
	why      string
}

func (c *Config) servers() (list []server) {
	const resolver = "an open DNS resolver is used to attack others"
	for _, l := range c.DNSListen {
		list = append(list, server{l, "", resolver})
	}
	for _, l := range c.DNSTLSListen {
		list = append(list, server{l, fact.TCP, resolver})
	}
	list = append(list,
		server{c.Status.Listen, fact.TCP, "the status page tells about your home"},
		server{Listen{Port: c.RouterEventPort}, fact.TCP, "only the router may send events"})
	return list
}
