package ssdp_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/router/ssdp"
)

var gateway = netip.MustParseAddr("192.168.1.1")

func reply(headers ...string) []byte {
	return []byte("HTTP/1.1 200 OK\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n")
}

func TestParseReply(t *testing.T) {
	got, err := ssdp.ParseReply(reply("Location : http://192.168.1.1:5000/d.xml", "st:ssdp:all", "BootID.upnp.org: 7",
		"goupnp-local-address: 192.168.1.66"), gateway)
	if err != nil {
		t.Fatal(err)
	}
	if got.Location.String() != "http://192.168.1.1:5000/d.xml" || got.Target != "ssdp:all" || got.BootID != "7" {
		t.Errorf("got %+v", got)
	}
}

func TestParseReplyRefuses(t *testing.T) {
	const good = "LOCATION: http://192.168.1.1:5000/d.xml"
	for name, packet := range map[string][]byte{
		"https":                reply("LOCATION: https://192.168.1.1:5000/d.xml"),
		"a host name":          reply("LOCATION: http://router.local:5000/d.xml"),
		"another host":         reply("LOCATION: http://192.168.1.2:5000/d.xml"),
		"loopback":             reply("LOCATION: http://127.0.0.1:5000/d.xml"),
		"IPv6":                 reply("LOCATION: http://[::1]:5000/d.xml"),
		"4-in-6":               reply("LOCATION: http://[::ffff:192.168.1.1]:5000/d.xml"),
		"a zone":               reply("LOCATION: http://192.168.1.1%25eth0:5000/d.xml"),
		"octal":                reply("LOCATION: http://192.168.001.001:5000/d.xml"),
		"port zero":            reply("LOCATION: http://192.168.1.1:0/d.xml"),
		"an empty port":        reply("LOCATION: http://192.168.1.1:/d.xml"),
		"a port too large":     reply("LOCATION: http://192.168.1.1:65536/d.xml"),
		"credentials":          reply("LOCATION: http://a@192.168.1.1:5000/d.xml"),
		"host in credentials":  reply("LOCATION: http://192.168.1.1:5000@8.8.8.8/d.xml"),
		"an opaque URL":        reply("LOCATION: http:192.168.1.1"),
		"no location":          reply("ST: ssdp:all"),
		"two locations":        reply(good, "LOCATION: http://192.168.1.1:6000/d.xml"),
		"a search":             []byte("M-SEARCH * HTTP/1.1\r\n" + good + "\r\n\r\n"),
		"a notification":       []byte("NOTIFY * HTTP/1.1\r\n" + good + "\r\n\r\n"),
		"an error":             []byte("HTTP/1.1 500 No\r\n" + good + "\r\n\r\n"),
		"too many octets":      reply(good, "X: "+strings.Repeat("x", ssdp.MaxReply)),
		"too many lines":       reply(strings.Repeat("X: y\r\n", 40) + good),
		"location in the body": []byte("HTTP/1.1 200 OK\r\n\r\n" + good),
		"nothing":              nil,
	} {
		if got, err := ssdp.ParseReply(packet, gateway); err == nil {
			t.Errorf("%s: %v was taken", name, got.Location)
		}
	}
}

func FuzzParseReply(f *testing.F) {
	f.Add(reply("LOCATION: http://192.168.1.1:5000/d.xml", "ST: ssdp:all"))
	f.Add(reply("LOCATION: http://192.168.1.1:5000@8.8.8.8/"))
	f.Add([]byte("NOTIFY * HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		got, err := ssdp.ParseReply(packet, gateway)
		if err != nil {
			return
		}
		if host := got.Location.Hostname(); host != gateway.String() || got.Location.Scheme != "http" {
			t.Fatalf("took %q", got.Location)
		}
		if _, err := ssdp.ParseReply(packet, netip.MustParseAddr("192.168.1.9")); err == nil {
			t.Fatal("the reply of another host was taken")
		}
	})
}
