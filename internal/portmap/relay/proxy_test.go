package relay_test

// The PROXY protocol's header, against a parser that is written from the
// specification and not from the builder.

import (
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/portmap/relay"
)

// proxyInfo is what a header says.
type proxyInfo struct {
	known    bool
	from, to netip.AddrPort
}

// readProxy reads a header of version 2 (section 2.2).
func readProxy(r io.Reader) (info proxyInfo, err error) {
	var fixed [16]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return info, err
	}
	if hex.EncodeToString(fixed[:12]) != "0d0a0d0a000d0a515549540a" {
		return info, errors.New("not the signature")
	}
	if fixed[12] != 0x21 { // version 2, command PROXY
		return info, errors.New("not version 2 or not PROXY")
	}
	rest := make([]byte, int(fixed[14])*256+int(fixed[15]))
	if _, err := io.ReadFull(r, rest); err != nil {
		return info, err
	}
	var size int
	switch fixed[13] {
	case 0x00:
		return info, nil
	case 0x11: // TCP over IPv4
		size = 4
	case 0x21: // TCP over IPv6
		size = 16
	default:
		return info, errors.New("not TCP")
	}
	if len(rest) != 2*size+4 {
		return info, errors.New("not the length of the family")
	}
	port := func(at int) uint16 { return uint16(rest[at])*256 + uint16(rest[at+1]) }
	from, _ := netip.AddrFromSlice(rest[:size])
	to, _ := netip.AddrFromSlice(rest[size : 2*size])
	return proxyInfo{true, netip.AddrPortFrom(from, port(2*size)), netip.AddrPortFrom(to, port(2*size+2))}, nil
}

func TestProxyHeaderOctets(t *testing.T) {
	const signature = "0d0a0d0a 000d0a51 5549540a"
	for _, c := range []struct{ from, to, want string }{
		{"11.22.33.1:50000", "192.168.77.10:8883", "21 11 000c 0b162101 c0a84d0a c350 22b3"},
		{"[::ffff:11.22.33.1]:50000", "[::ffff:192.168.77.10]:8883", "21 11 000c 0b162101 c0a84d0a c350 22b3"},
		{"[2001:db8::1]:1", "[2001:db8:0:1::2]:65535", "21 21 0024 20010db8000000000000000000000001 20010db8000000010000000000000002 0001 ffff"},
		{"[fe80::1%eth0]:1", "[fe80::2%eth0]:2", "21 21 0024 fe800000000000000000000000000001 fe800000000000000000000000000002 0001 0002"},
		{"11.22.33.1:50000", "[2001:db8::1]:8883", "21 00 0000"},
	} {
		got := hex.EncodeToString(relay.AppendProxyHeader(nil, netip.MustParseAddrPort(c.from), netip.MustParseAddrPort(c.to)))
		if want := strings.ReplaceAll(signature+c.want, " ", ""); got != want {
			t.Errorf("from %s to %s:\n%s, not\n%s", c.from, c.to, got, want)
		}
	}
	got := hex.EncodeToString(relay.AppendProxyHeader([]byte{1}, netip.AddrPort{}, netip.AddrPort{}))
	if want := "01" + strings.ReplaceAll(signature, " ", "") + "21000000"; got != want {
		t.Errorf("of no addresses: %s, not %s", got, want)
	}
}

func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte{11, 22, 33, 1}, uint16(50000), []byte{192, 168, 77, 10}, uint16(8883), []byte("x"))
	f.Add([]byte(net.ParseIP("2001:db8::1")), uint16(1), []byte(net.ParseIP("2001:db8::2")), uint16(2), []byte{})
	f.Fuzz(func(t *testing.T, a []byte, ap uint16, b []byte, bp uint16, after []byte) {
		from, _ := netip.AddrFromSlice(a)
		to, _ := netip.AddrFromSlice(b)
		header := relay.AppendProxyHeader(nil, netip.AddrPortFrom(from, ap), netip.AddrPortFrom(to, bp))
		if len(header) > relay.MaxProxyHeader {
			t.Fatalf("%d octets", len(header))
		}
		r := strings.NewReader(string(header) + string(after))
		got, err := readProxy(r)
		if err != nil {
			t.Fatal(err)
		}
		var want proxyInfo
		if from, to := from.Unmap(), to.Unmap(); from.IsValid() && to.IsValid() && from.Is4() == to.Is4() {
			want = proxyInfo{true, netip.AddrPortFrom(from, ap), netip.AddrPortFrom(to, bp)}
		}
		if got != want {
			t.Errorf("%+v, not %+v", got, want)
		}
		if rest, _ := io.ReadAll(r); string(rest) != string(after) {
			t.Errorf("%q comes after the header, not %q", rest, after)
		}
	})
}

// The header is the first that the service hears, and it hears it at once: the
// service may be the one to speak first.
func TestProxyHeaderComesFirst(t *testing.T) {
	type heard struct {
		proxyInfo
		rest string
		err  error
	}
	said := make(chan heard, 1)
	service := serve(t, func(c *net.TCPConn) {
		info, err := readProxy(c)
		c.Write([]byte("hello"))
		rest, _ := io.ReadAll(c)
		said <- heard{info, string(rest), err}
	})
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0"} {
		r := start(t, relay.Config{Listen: netip.MustParseAddrPort(listen), Target: service, ProxyProtocol: true})
		c := dial(t, r.Addr())
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("world"))
		c.CloseWrite()
		want := heard{proxyInfo{true, c.LocalAddr().(*net.TCPAddr).AddrPort(), r.Addr()}, "world", nil}
		if got := <-said; got != want {
			t.Errorf("%+v, not %+v", got, want)
		}
		if n := r.Counters().BytesIn; n != 5 {
			t.Errorf("%d octets are counted, not 5", n)
		}
	}
}
