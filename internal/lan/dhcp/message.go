package dhcp

// The questions and the answers.

import (
	"bytes"
	"net"
	"net/netip"
	"slices"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

// Server is what one DHCP server tells devices. It is immutable.
type Server struct {
	// Address is the server's own, by its option 54, or else where its answer
	// came from.
	Address netip.Addr
	// DNS are the DNS servers that it hands out, in its order; empty where it
	// hands out none. At most 8.
	DNS []netip.Addr
	// Domain is the domain that it hands out; empty where there is none.
	Domain string
	// Gateway is the first router that it hands out; the zero Addr where there
	// is none.
	Gateway netip.Addr
}

const (
	// maxServers bounds the servers that are remembered of one question, maxDNS
	// the DNS servers of each.
	maxServers = 8
	maxDNS     = 8
	// maxDomain bounds a domain in octets.
	maxDomain = 253
)

// wanted are the options that are asked for: devices ask for these, too.
var wanted = []dhcpv4.OptionCode{
	dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer, dhcpv4.OptionDomainName,
}

// question makes a message of the kind, in the name of the host with this
// hardware address.
func question(kind dhcpv4.MessageType, hardware net.HardwareAddr, local netip.Addr) (*dhcpv4.DHCPv4, error) {
	with := []dhcpv4.Modifier{
		dhcpv4.WithHwAddr(hardware), dhcpv4.WithMessageType(kind), dhcpv4.WithRequestedOptions(wanted...),
	}
	if kind == dhcpv4.MessageTypeInform {
		with = append(with, dhcpv4.WithClientIP(local.AsSlice()))
	} else {
		with = append(with, dhcpv4.WithBroadcast(true))
	}
	return dhcpv4.New(with...)
}

// parse reads an answer to asked that came from an address. It is false for
// anything else.
func parse(message []byte, asked *dhcpv4.DHCPv4, from netip.Addr) (Server, bool) {
	m, err := dhcpv4.FromBytes(message)
	if err != nil || m.OpCode != dhcpv4.OpcodeBootReply || m.TransactionID != asked.TransactionID ||
		!bytes.Equal(m.ClientHWAddr, asked.ClientHWAddr) || m.MessageType() != answerTo[asked.MessageType()] {
		return Server{}, false
	}
	s := Server{Address: address(m.ServerIdentifier()), Domain: tidy.Line(m.DomainName(), maxDomain)}
	if !s.Address.IsValid() {
		s.Address = from
	}
	for _, ip := range m.DNS() {
		if a := address(ip); a.IsValid() && !slices.Contains(s.DNS, a) && len(s.DNS) < maxDNS {
			s.DNS = append(s.DNS, a)
		}
	}
	for _, ip := range m.Router() {
		if a := address(ip); a.IsValid() {
			s.Gateway = a
			break
		}
	}
	return s, s.Address.IsValid()
}

var answerTo = map[dhcpv4.MessageType]dhcpv4.MessageType{
	dhcpv4.MessageTypeInform:   dhcpv4.MessageTypeAck,
	dhcpv4.MessageTypeDiscover: dhcpv4.MessageTypeOffer,
}

// address is ip where it can be that of one host, and else the zero Addr.
func address(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	a = a.Unmap()
	if !a.Is4() || a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return netip.Addr{}
	}
	return a
}
