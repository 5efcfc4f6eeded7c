package wan_test

// STUN and DNS sources, against real servers on loopback.

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
	pion "github.com/pion/stun/v3"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// datagrams serves one loopback UDP socket until the test ends, and returns a
// dial that leads there, whatever it is asked for.
func datagrams(t *testing.T, want string, answer func(datagram []byte) []byte) wan.DialFunc {
	t.Helper()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buffer := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			socket.WriteTo(answer(buffer[:n]), from)
		}
	}()
	t.Cleanup(func() { socket.Close(); <-ended })
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if got := network + " " + address; got != want {
			t.Errorf("dialled %s, want %s", got, want)
		}
		return (&net.Dialer{}).DialContext(ctx, "udp4", socket.LocalAddr().String())
	}
}

func binding(ip string) func([]byte) []byte {
	return func(datagram []byte) []byte {
		m := &pion.Message{Raw: append([]byte(nil), datagram...)}
		if m.Decode() != nil {
			return nil
		}
		return pion.MustBuild(m, pion.BindingSuccess, &pion.XORMappedAddress{IP: net.ParseIP(ip), Port: 1}).Raw
	}
}

func record(text string) func([]byte) []byte {
	return func(datagram []byte) []byte {
		q := new(dns.Msg)
		if q.Unpack(datagram) != nil {
			return nil
		}
		m := new(dns.Msg).SetReply(q)
		rr, err := dns.NewRR(strings.ReplaceAll(text, "%", q.Question[0].Name))
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
		packed, _ := m.Pack()
		return packed
	}
}

func TestDatagramSources(t *testing.T) {
	for name, c := range map[string]struct {
		spec   wan.SourceSpec
		dialed string
		answer func([]byte) []byte
		want   string
		err    string
	}{
		"STUN":            {wan.SourceSpec{Type: "stun", Arg: "stun.a.test:3478"}, "udp4 stun.a.test:3478", binding("11.22.33.44"), "11.22.33.44", ""},
		"STUN, IPv6":      {wan.SourceSpec{Type: "stun", Arg: "stun.a.test:3478", Family: wan.IPv6}, "udp6 stun.a.test:3478", binding("2a02::1"), "2a02::1", ""},
		"STUN, other":     {wan.SourceSpec{Type: "stun", Arg: "stun.a.test:3478"}, "udp4 stun.a.test:3478", binding("2a02::1"), "unknown", "other family"},
		"DNS":             {wan.SourceSpec{Type: "dns", Arg: "opendns"}, "udp4 208.67.222.222:53", record("% 0 IN A 11.22.33.44"), "11.22.33.44", ""},
		"DNS, IPv6":       {wan.SourceSpec{Type: "dns", Arg: "opendns", Family: wan.IPv6}, "udp6 [2620:119:35::35]:53", record("% 0 IN AAAA 2a02::1"), "2a02::1", ""},
		"DNS, other":      {wan.SourceSpec{Type: "dns", Arg: "cloudflare"}, "udp4 1.1.1.1:53", record(`% 0 CH TXT "2a02::1"`), "unknown", "other family"},
		"DNS, a stranger": {wan.SourceSpec{Type: "dns", Arg: "cloudflare"}, "udp4 1.1.1.1:53", record(`% 0 CH TXT "dnsmasq-2.90"`), "unknown", "intercepting DNS"},
	} {
		t.Run(name, func(t *testing.T) {
			source, err := wan.NewOutside(c.spec, datagrams(t, c.dialed, c.answer))
			if err != nil {
				t.Fatal(err)
			}
			o, err := source.Observe(t.Context())
			if o.String() != c.want || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %#v, %v, want %s", o, err, c.want)
			}
			if o.Source != c.spec.String() || source.Name() != c.spec.String() || source.Kind() != wan.Outside {
				t.Errorf("%s is called %s", c.spec, source.Name())
			}
		})
	}
}

func TestNewOutsideWantsAnOutsideSpec(t *testing.T) {
	for _, spec := range []wan.SourceSpec{{}, {Type: "igd"}, {Type: "dns", Arg: "x"}, {Type: "interface", Arg: "eth0"}} {
		if source, err := wan.NewOutside(spec, (&net.Dialer{}).DialContext); err == nil {
			t.Errorf("%+v became %v", spec, source)
		}
	}
}

// Over IPv6 an echo service is dialled over IPv6 only.
func TestEchoOverIPv6(t *testing.T) {
	s := serve(t, false, text("2a02::1\n"))
	spec, err := wan.ParseSourceIPv6("http://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	var dialled string
	source, err := wan.NewOutside(spec, func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled = network + " " + address
		return s.dial(ctx, "tcp4", address) // the server is on 127.0.0.1
	})
	if err != nil {
		t.Fatal(err)
	}
	if o, err := source.Observe(t.Context()); err != nil || o.String() != "2a02::1" || o.State != fact.Known {
		t.Errorf("got %#v, %v", o, err)
	}
	if dialled != "tcp6 example.com:80" {
		t.Errorf("dialled %s", dialled)
	}
}
