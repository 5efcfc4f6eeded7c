package lan_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/edgeguard/edgeguard/internal/lan"
)

// TestOwnPrefixes holds them against the interfaces' addresses: each address
// beside loopback is in a prefix, and each prefix has such an address.
func TestOwnPrefixes(t *testing.T) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var own []netip.Addr
	for _, a := range addrs {
		if addr, ok := netip.AddrFromSlice(a.(*net.IPNet).IP); ok && !addr.IsLoopback() {
			own = append(own, addr.Unmap())
		}
	}
	prefixes := lan.OwnPrefixes()
	if len(prefixes) != len(own) {
		t.Fatalf("prefixes %v for addresses %v", prefixes, own)
	}
	for i, p := range prefixes {
		if !p.IsValid() || p != p.Masked() || !p.Contains(own[i]) {
			t.Errorf("prefix %v for address %v", p, own[i])
		}
	}
}

func TestLocalTowardLoopbackIsLoopback(t *testing.T) {
	peer := netip.MustParseAddr("127.0.0.1")
	if got, err := lan.LocalToward(peer); err != nil || got != peer {
		t.Errorf("LocalToward(%v) = %v, %v", peer, got, err)
	}
	if got, err := lan.LocalToward(netip.MustParseAddr("127.0.0.2")); err != nil || !got.Is4() || !got.IsLoopback() {
		t.Errorf("LocalToward(127.0.0.2) = %v, %v", got, err)
	}
}

func TestLocalTowardNothingIsAnError(t *testing.T) {
	if got, err := lan.LocalToward(netip.Addr{}); err == nil {
		t.Errorf("LocalToward of no address = %v, want an error", got)
	}
}
