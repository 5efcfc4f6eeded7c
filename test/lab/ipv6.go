//go:build linux

package lab

// IPv6 in the home: the router announces prefixes, and the hosts' kernels make
// their addresses of them, temporary and deprecated ones too.

import (
	bigendian "encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The addresses of the lab's IPv6 internet; GiveIPv6 makes it.
var (
	InternetAddr6 = netip.MustParseAddr("2a0e:22:33::1")
	// ElsewhereAddr6 is where the echo service of StartEcho6 listens.
	ElsewhereAddr6 = netip.MustParseAddr("2a0e:22:33::3")
	// WANAddr6 is the router's own on wan0.
	WANAddr6 = netip.MustParseAddr("2a0e:22:33::44")

	// HomePrefix and NewPrefix are what a provider gives the home, and gives
	// it another night.
	HomePrefix = netip.MustParsePrefix("2a0e:77:1::/64")
	NewPrefix  = netip.MustParsePrefix("2a0e:77:2::/64")
)

// Echo6Name is the name of the echo service that is reached by IPv6 alone.
const Echo6Name = "echo6.example.net"

// Echo6URL is where it answers.
const Echo6URL = "https://" + Echo6Name + "/"

// GiveIPv6 gives IPv6 to the internet and the router. The home's hosts have
// none but link-local addresses before Announce. The home must not be behind a
// NAT.
func (h *Home) GiveIPv6(t testing.TB) {
	t.Helper()
	h.Router.Run(t, "sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1")
	// nodad: the lab knows that nobody else has them.
	err := h.WAN.ips(
		fmt.Sprintf("addr add %s/64 dev home0 nodad", InternetAddr6),
		fmt.Sprintf("addr add %s/64 dev home0 nodad", ElsewhereAddr6))
	if err == nil {
		err = h.Router.ips(
			fmt.Sprintf("addr add %s/64 dev wan0 nodad", WANAddr6),
			fmt.Sprintf("route add default via %s", InternetAddr6))
	}
	if err != nil {
		t.Fatalf("giving the home IPv6: %v", err)
	}
	// An announcement comes from a link-local address, and the kernel uses none
	// that it is still trying out (RFC 4862, section 5.4).
	for _, host := range []*Host{h.Router, h.NAS, h.Pi, h.Phone} {
		device := "eth0"
		if host == h.Router {
			device = "br0"
		}
		Eventually(t, Patience, func() error {
			for _, a := range host.addresses6(t, device, "link") {
				if !a.Tentative {
					return nil
				}
			}
			return fmt.Errorf("%s has no link-local address yet", host.Name)
		})
	}
}

// StartEcho6 starts an echo service on ElsewhereAddr6, which the public DNS
// knows by Echo6Name.
func (h *Home) StartEcho6(t testing.TB) *Echo {
	t.Helper()
	if err := h.dns.set(Echo6Name, ElsewhereAddr6); err != nil {
		t.Fatal(err)
	}
	e := &Echo{as: map[string]int{}}
	h.serveHTTPS(t, h.WAN, ElsewhereAddr6, e, h.CA.Issue(t, Echo6Name, ElsewhereAddr6.String()))
	return e
}

// Announce makes the router announce a prefix of 64 bits to the LAN, once, with
// itself as the way out (RFC 4861, section 4.2), and the internet know the way
// back. The lifetimes are whole seconds; preferred zero makes the hosts'
// addresses in it deprecated (RFC 4862, section 5.5.4).
func (h *Home) Announce(t testing.TB, prefix netip.Prefix, valid, preferred time.Duration) {
	t.Helper()
	if err := h.WAN.ip(fmt.Sprintf("route replace %s via %s", prefix, WANAddr6)); err != nil {
		t.Fatal(err)
	}
	if err := h.Router.ip(fmt.Sprintf("addr replace %s/64 dev br0 nodad", prefix.Addr().Next())); err != nil {
		t.Fatal(err)
	}
	err := h.Router.inside(func() error {
		// In the goroutine of inside: the socket is the router's.
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		device, err := net.InterfaceByName("br0")
		if err != nil {
			return err
		}
		// Hosts take it only with the hop limit that no other network can give.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255); err != nil {
			return err
		}
		all := &unix.SockaddrInet6{ZoneId: uint32(device.Index), Addr: netip.IPv6LinkLocalAllNodes().As16()}
		return unix.Sendto(fd, advertisement(prefix, valid, preferred), 0, all)
	})
	if err != nil {
		t.Fatalf("announcing %s: %v", prefix, err)
	}
}

// advertisement is a router advertisement with one prefix option (RFC 4861,
// sections 4.2 and 4.6.2). The kernel puts the checksum in.
func advertisement(prefix netip.Prefix, valid, preferred time.Duration) []byte {
	const (
		routerAdvertisement = 134
		hopLimit            = 64
		routerLifetime      = 1800 // s
		prefixOption        = 3
		optionLength        = 4    // in units of 8 octets
		onLinkAutonomous    = 0xc0 // flags L and A
	)
	b := []byte{routerAdvertisement, 0, 0, 0, hopLimit, 0}
	b = bigendian.BigEndian.AppendUint16(b, routerLifetime)
	b = append(b, make([]byte, 8)...) // reachable time, retransmission timer
	b = append(b, prefixOption, optionLength, byte(prefix.Bits()), onLinkAutonomous)
	b = bigendian.BigEndian.AppendUint32(b, uint32(valid.Seconds()))
	b = bigendian.BigEndian.AppendUint32(b, uint32(preferred.Seconds()))
	b = append(b, make([]byte, 4)...)
	return append(b, prefix.Masked().Addr().AsSlice()...)
}

// SetTemporaryAddresses makes a host's kernel make temporary addresses (RFC
// 8981) of what is announced from now on, and prefer them.
func (h *Host) SetTemporaryAddresses(t testing.TB) {
	t.Helper()
	h.Run(t, "sysctl", "-q", "-w", "net.ipv6.conf.eth0.use_tempaddr=2")
}

// Address6 is an IPv6 address of a host, as its kernel has it.
type Address6 struct {
	Addr       netip.Addr `json:"local"`
	Temporary  bool       `json:"temporary"`
	Deprecated bool       `json:"deprecated"`
	Tentative  bool       `json:"tentative"`
}

// Addresses6 are the host's IPv6 addresses on eth0 that are not link-local.
func (h *Host) Addresses6(t testing.TB) []Address6 {
	t.Helper()
	return h.addresses6(t, "eth0", "global")
}

func (h *Host) addresses6(t testing.TB, device, scope string) []Address6 {
	t.Helper()
	var links []struct {
		Addresses []Address6 `json:"addr_info"`
	}
	out := h.Run(t, "ip", "-j", "-6", "addr", "show", "dev", device, "scope", scope)
	if err := json.Unmarshal([]byte(out), &links); err != nil {
		t.Fatalf("reading the addresses of %s: %v\n%s", h.Name, err, out)
	}
	var all []Address6
	for _, l := range links {
		for _, a := range l.Addresses {
			if a.Addr.IsValid() {
				all = append(all, a)
			}
		}
	}
	return all
}

// StableAddress6 waits until the host has an address in a prefix that is for
// good, and returns it.
func (h *Host) StableAddress6(t testing.TB, prefix netip.Prefix) netip.Addr {
	t.Helper()
	var found netip.Addr
	Eventually(t, Patience, func() error {
		all := h.Addresses6(t)
		for _, a := range all {
			if prefix.Contains(a.Addr) && !a.Temporary && !a.Tentative {
				found = a.Addr
				return nil
			}
		}
		return fmt.Errorf("%s has no stable address in %s: %+v", h.Name, prefix, all)
	})
	return found
}
