package config

// Addresses to listen on.

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
)

// lanWord is the host that stands for our address in the LAN.
const lanWord = "lan"

// Listen is where to listen. The zero Listen is every address and any free
// port.
type Listen struct {
	// LAN means the address of this host that faces the router, which is known
	// only at run time. Addr is the zero Addr then.
	LAN bool
	// Addr is the address; the zero Addr, where LAN is false, means every
	// address of the host.
	Addr netip.Addr
	// Port is the port; 0 means any free one.
	Port uint16
}

// ParseListen reads HOST:PORT, where HOST is a literal address, the word lan,
// or empty for every address. The error says what would be right.
func ParseListen(text string) (Listen, error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return Listen{}, fmt.Errorf(`%s is not HOST:PORT; write it like "lan:53", "192.168.1.2:53" or "[fd00::2]:53"`, show(text))
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return Listen{}, fmt.Errorf("the port %s is not a number from 0 to 65535", show(portText))
	}
	l := Listen{Port: uint16(port)}
	switch host {
	case "":
		return l, nil
	case lanWord:
		l.LAN = true
		return l, nil
	}
	if l.Addr, err = netip.ParseAddr(host); err != nil {
		return Listen{}, fmt.Errorf("the host %s is not an address; write an IP address of this host, the word lan, or nothing for every address", show(host))
	}
	if l.Addr.IsMulticast() {
		return Listen{}, fmt.Errorf("%s is a multicast address, on which nobody can serve; write an IP address of this host, the word lan, or nothing for every address", l.Addr)
	}
	l.Addr = l.Addr.Unmap()
	return l, nil
}

// String is the text that ParseListen reads.
func (l Listen) String() string {
	host := ""
	if l.LAN {
		host = lanWord
	} else if l.Addr.IsValid() {
		host = l.Addr.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(int(l.Port)))
}

// Resolve returns the address to bind, with lan, the address of ours in the
// LAN, in place of the word. Every address is the unspecified IPv6 address.
func (l Listen) Resolve(lan netip.Addr) netip.AddrPort {
	addr := l.Addr
	switch {
	case l.LAN:
		addr = lan
	case !addr.IsValid():
		addr = netip.IPv6Unspecified()
	}
	return netip.AddrPortFrom(addr, l.Port)
}

// ResolveAll returns the addresses to bind for a server that binds each family
// on its own, as the DNS server does: every address is one of each.
func (l Listen) ResolveAll(lan netip.Addr) []netip.AddrPort {
	if !l.LAN && !l.Addr.IsValid() {
		return dnsserver.Every(l.Port)
	}
	return []netip.AddrPort{l.Resolve(lan)}
}
