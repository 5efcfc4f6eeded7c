package radv

// Reading an advertisement.

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

// Advertisement is what a router told all hosts. It is immutable.
type Advertisement struct {
	// Router is its link-local address, without a zone; Interface is the index
	// of ours on which it was heard.
	Router    netip.Addr
	Interface int
	// Lifetime is how long it may be used as a router; zero means that it is
	// none (any more).
	Lifetime time.Duration
	// Other is whether hosts are to ask DHCPv6 for DNS servers and the like: by
	// the flag O, or by M, which includes it (RFC 4861, section 4.2).
	Other bool
	// DNS are the DNS servers that it tells of, in its order, at most 8. Those
	// whose lifetime is zero are to be used no more, and are not here.
	DNS []netip.Addr
	// DNSLifetime is how long the longest-lived of them may be used; Forever
	// where it does not end.
	DNSLifetime time.Duration
	// Search are the domains that it tells of, at most 8.
	Search []string
}

// Forever is the lifetime of what does not end by itself.
const Forever = time.Duration(1<<63 - 1)

const (
	typeAdvertisement = 134
	headerLength      = 16
	optionRDNSS       = 25 // RFC 8106, section 5.1
	optionDNSSL       = 31 // RFC 8106, section 5.2
	flagManaged       = 0x80
	flagOther         = 0x40
	maxOptions        = 64
	maxDNS, maxSearch = 8, 8
)

// parse reads an ICMPv6 message (RFC 4861, section 4.2) that came from router.
// It is false for anything that hosts must not believe (section 6.1.2); the hop
// limit is the caller's to check, and the kernel's the checksum.
func parse(b []byte, router netip.Addr) (Advertisement, bool) {
	if len(b) < headerLength || b[0] != typeAdvertisement || b[1] != 0 || !router.Is6() || router.Is4In6() || !router.IsLinkLocalUnicast() {
		return Advertisement{}, false
	}
	a := Advertisement{
		Router: router.WithZone(""), Other: b[5]&(flagManaged|flagOther) != 0,
		Lifetime: time.Duration(binary.BigEndian.Uint16(b[6:])) * time.Second,
	}
	options := b[headerLength:]
	for n := 0; len(options) > 0; n++ {
		if n == maxOptions || len(options) < 8 || options[1] == 0 || int(options[1])*8 > len(options) {
			return Advertisement{}, false
		}
		one := options[:int(options[1])*8]
		options = options[len(one):]
		switch one[0] {
		case optionRDNSS:
			a.servers(one)
		case optionDNSSL:
			a.domains(one)
		}
	}
	return a, true
}

// lifetime reads that of an option.
func lifetime(option []byte) time.Duration {
	seconds := binary.BigEndian.Uint32(option[4:])
	if seconds == 1<<32-1 {
		return Forever
	}
	return time.Duration(seconds) * time.Second
}

func (a *Advertisement) servers(option []byte) {
	life := lifetime(option)
	if life == 0 {
		return
	}
	for list := option[8:]; len(list) >= 16 && len(a.DNS) < maxDNS; list = list[16:] {
		addr := netip.AddrFrom16([16]byte(list)).Unmap()
		if !addr.IsUnspecified() && !addr.IsMulticast() && !slices.Contains(a.DNS, addr) {
			a.DNS = append(a.DNS, addr)
			a.DNSLifetime = max(a.DNSLifetime, life)
		}
	}
}

// domains reads names as in RFC 1035, section 3.1, without compression; zeros
// fill the option up.
func (a *Advertisement) domains(option []byte) {
	if lifetime(option) == 0 {
		return
	}
	var labels []string
	for rest := option[8:]; len(rest) > 0 && len(a.Search) < maxSearch; {
		n := int(rest[0])
		switch {
		case n > 63 || n >= len(rest):
			return
		case n > 0:
			labels = append(labels, string(rest[1:1+n]))
		case len(labels) > 0:
			if name := tidy.Line(strings.Join(labels, "."), 253); !slices.Contains(a.Search, name) {
				a.Search = append(a.Search, name)
			}
			labels = nil
		}
		rest = rest[1+n:]
	}
}
