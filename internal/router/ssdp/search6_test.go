package ssdp_test

// The search by IPv6, and the replies that it reads.

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/ssdp"
)

var link = netip.MustParseAddr("fe80::1%eth0")

func TestParseReply6TakesPortAndPathAlone(t *testing.T) {
	for location, want := range map[string]string{
		"http://[2a0e:77:1::1]:5555/rootDesc.xml":   "http://[fe80::1%25eth0]:5555/rootDesc.xml",
		"http://[fe80::1]:49000/igd2desc.xml?a=b#c": "http://[fe80::1%25eth0]:49000/igd2desc.xml",
		"http://[fd00::1]/a%2Fb":                    "http://[fe80::1%25eth0]:80/a%2Fb",
		"http://[::1]:80/":                          "http://[fe80::1%25eth0]:80/",
		"http://[fe80::1%25br0]:80/":                "http://[fe80::1%25eth0]:80/",
		"http://[2a0e::1]:0/":                       "",
		"http://[2a0e::1]:65536/":                   "",
		"http://192.168.1.1:80/":                    "",
		"http://[::ffff:192.168.1.1]:80/":           "",
		"http://router:80/":                         "",
		"https://[2a0e::1]:80/":                     "",
		"http://u:p@[2a0e::1]:80/":                  "",
		"":                                          "",
		"http://[2a0e::1":                           "",
	} {
		got, err := ssdp.ParseReply6([]byte("HTTP/1.1 200 OK\r\nLOCATION: "+location+"\r\n\r\n"), link)
		if want == "" {
			if err == nil {
				t.Errorf("%q was taken as %s", location, got)
			}
		} else if err != nil || got.String() != want {
			t.Errorf("%q is %v, %v, want %s", location, got, err, want)
		}
	}
	for _, packet := range []string{"", "NOTIFY * HTTP/1.1\r\nLOCATION: http://[2a0e::1]:80/\r\n\r\n", "HTTP/1.1 404 No\r\n\r\n",
		"HTTP/1.1 200 OK\r\nLOCATION: http://[2a0e::1]:80/\r\nX: " + strings.Repeat("x", ssdp.MaxReply) + "\r\n\r\n"} {
		if got, err := ssdp.ParseReply6([]byte(packet), link); err == nil {
			t.Errorf("%.40q was taken as %s", packet, got)
		}
	}
}

func FuzzParseReply6(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nLOCATION: http://[2a0e:77:1::1]:5555/rootDesc.xml\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\nlocation: http://[fe80::1%25x]//evil/\n"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		place, err := ssdp.ParseReply6(packet, link)
		if err != nil {
			return
		}
		if err := ssdp.CheckURL(place, link); err != nil {
			t.Fatalf("%q: %s %v", packet, place, err)
		}
		if place.User != nil || place.RawQuery != "" || place.Fragment != "" {
			t.Fatalf("%q: took more than port and path: %s", packet, place)
		}
	})
}

// responder6 answers every datagram on ::1 with a reply.
func responder6(t *testing.T, reply string) netip.AddrPort {
	t.Helper()
	return answering6(t, func() string { return reply })
}

// answering6 answers every datagram on ::1 a hundred times.
func answering6(t *testing.T, reply func() string) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Skipf("there is no IPv6 on loopback: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 2048)
		for {
			_, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			for range 100 {
				_, _ = conn.WriteTo([]byte(reply()), from)
			}
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestSearch6HearsTheRouterAlone(t *testing.T) {
	here := netip.IPv6Loopback()
	to := responder6(t, "HTTP/1.1 200 OK\r\nLOCATION: http://[2a0e::1]:5000/d.xml\r\n\r\n")
	search := ssdp.Search6{Router: here, Local: here, To: []netip.AddrPort{to}, Window: time.Second}
	places, refused, err := search.Run(t.Context())
	if err != nil || len(places) != 1 || places[0].String() != "http://[::1]:5000/d.xml" || refused != nil {
		t.Errorf("found %v, refused %q, %v", places, refused, err)
	}
	search.Router, search.Window = link, 50*time.Millisecond
	if places, refused, err := search.Run(t.Context()); err != nil || places != nil || refused != nil {
		t.Errorf("a stranger's reply: found %v, refused %q, %v", places, refused, err)
	}
	search.Router, search.To = here, []netip.AddrPort{responder6(t, "HTTP/1.1 200 OK\r\n\r\n")}
	if places, refused, err := search.Run(t.Context()); err != nil || places != nil || len(refused) == 0 {
		t.Errorf("a reply without LOCATION: found %v, refused %q, %v", places, refused, err)
	}
	// What is refused does not stand in the way of what is good, and one
	// address that cannot be sent to not in that of another.
	n := 0
	search.To = []netip.AddrPort{netip.MustParseAddrPort("[ff02::c%99999]:1900"), answering6(t, func() string {
		if n++; n%100 != 0 {
			return "HTTP/1.1 200 OK\r\n\r\n"
		}
		return "HTTP/1.1 200 OK\r\nLOCATION: http://[2a0e::1]:5000/d.xml\r\n\r\n"
	})}
	search.Window = 10 * time.Second
	if places, refused, err := search.Run(t.Context()); err != nil || len(places) != 1 || len(refused) != 3 {
		t.Errorf("a hundredth that is good: found %v, refused %q, %v", places, refused, err)
	}
	search.To = nil
	if _, _, err := search.Run(t.Context()); err == nil {
		t.Error("a search that went nowhere is no error")
	}
}
