package ssdp_test

// Several interfaces, and other hosts that answer.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/ssdp"
)

var home = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, t := range texts {
		list = append(list, netip.MustParsePrefix(t))
	}
	return list
}

func TestSuitable(t *testing.T) {
	const up = net.FlagUp | net.FlagMulticast
	links := []ssdp.Link{
		{Name: "lo", Index: 1, Flags: up | net.FlagLoopback, Nets: prefixes("127.0.0.1/8")},
		{Name: "docker0", Index: 2, Flags: up, Nets: prefixes("172.17.0.1/16")},
		{Name: "wg0", Index: 3, Flags: up | net.FlagPointToPoint, Nets: prefixes("10.9.0.2/24")},
		{Name: "eth1", Index: 4, Flags: up | net.FlagRunning, Nets: prefixes("10.1.0.9/24")},
		{Name: "eth0", Index: 5, Flags: up | net.FlagRunning, Nets: prefixes("169.254.3.4/16", "192.168.1.10/24")},
		{Name: "down", Index: 6, Flags: net.FlagMulticast, Nets: prefixes("10.2.0.9/24")},
		{Name: "dumb", Index: 7, Flags: net.FlagUp, Nets: prefixes("10.3.0.9/24")},
		{Name: "bare", Index: 8, Flags: up},
	}
	var got []string
	for _, i := range ssdp.Suitable(links, netip.MustParseAddr("192.168.1.10")) {
		got = append(got, fmt.Sprint(i.Name, " ", i.Addr))
	}
	if want := []string{"eth0 192.168.1.10", "eth1 10.1.0.9", "docker0 172.17.0.1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for i := range 40 {
		links = append(links[:8], append(links[8:], ssdp.Link{Name: fmt.Sprint("veth", i), Index: 10 + i, Flags: up | net.FlagRunning, Nets: prefixes(fmt.Sprintf("172.18.%d.1/24", i))})...)
	}
	// However many there are, the way to the gateway is first.
	if list := ssdp.Suitable(links, netip.MustParseAddr("192.168.1.10")); len(list) != 16 || list[0].Name != "eth0" || list[1].Name != "eth1" {
		t.Errorf("of many: %v", list)
	}
	if got := ssdp.Networks(links[:5], false); len(got) != 5 || slices.Contains(got, netip.MustParsePrefix("127.0.0.1/8")) {
		t.Errorf("networks %v", got)
	}
}

func TestLinksOfThisHost(t *testing.T) {
	links, err := ssdp.Links()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(links, func(l ssdp.Link) bool { return l.Flags&net.FlagLoopback != 0 })
	if i < 0 || !slices.Contains(links[i].Nets, netip.MustParsePrefix("127.0.0.1/8")) {
		t.Errorf("no loopback among %v", links)
	}
}

// on returns an opener of sockets on loopback in place of real interfaces. What
// they send to the group fails as the named errors have it, and elsewhere is a
// datagram to the socket's peer.
func on(broken map[string]error, opened *[]string) func(ssdp.Interface) (*net.UDPConn, error) {
	return func(i ssdp.Interface) (*net.UDPConn, error) {
		*opened = append(*opened, i.Name)
		if err := broken[i.Name]; err != nil {
			return nil, err
		}
		// From loopback to the group is ENETUNREACH where loopback has no
		// multicast, and silence where it has.
		return net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(i.Addr, 0)))
	}
}

func TestABrokenInterfaceHidesNothing(t *testing.T) {
	to := answerer(t, func(conn *net.UDPConn, _ int, _ string, from netip.AddrPort) {
		fmt.Fprintf(packetTo{conn, from}, replyf, igd1, fake, 5000)
	})
	var opened []string
	open := on(map[string]error{"docker0": syscall.EPERM, "gone": syscall.EADDRNOTAVAIL}, &opened)
	interfaces := []ssdp.Interface{{Name: "docker0", Index: 2, Addr: self}, {Name: "gone", Index: 3, Addr: self}, {Name: "good", Index: 1, Addr: self}}
	got, err := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, On: interfaces, Window: time.Minute}.OpenOn(open).Run(t.Context())
	if err != nil || len(got.Replies) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if !slices.Equal(opened, []string{"docker0", "gone", "good"}) {
		t.Errorf("opened %q", opened)
	}
	if !errors.Is(got.Unsent, syscall.EPERM) || !errors.Is(got.Unsent, syscall.EADDRNOTAVAIL) || !strings.Contains(got.Unsent.Error(), "docker0: ") {
		t.Errorf("said %v", got.Unsent)
	}
	// With nothing else, it is an error.
	_, err = ssdp.Search{Gateway: fake, Local: self, On: interfaces[:2]}.OpenOn(open).Run(t.Context())
	if !errors.Is(err, syscall.EPERM) {
		t.Errorf("nothing sent at all: %v", err)
	}
}

// The gateway is heard on the socket of an interface, too, from whatever port
// it answers.
func TestAReplyOnAnInterfaceCounts(t *testing.T) {
	var opened []string
	base := on(nil, &opened)
	open := func(i ssdp.Interface) (*net.UDPConn, error) {
		conn, err := base(i)
		if err != nil {
			return nil, err
		}
		from, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(fake, 0)))
		if err != nil {
			t.Error(err)
			return conn, nil
		}
		defer from.Close()
		fmt.Fprintf(packetTo{from, conn.LocalAddr().(*net.UDPAddr).AddrPort()}, replyf, igd1, fake, 5000)
		return conn, nil
	}
	to := answerer(t, func(*net.UDPConn, int, string, netip.AddrPort) {}) // unicast is not answered
	got, err := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, On: []ssdp.Interface{{Name: "eth0", Addr: self}}, Window: time.Hour}.OpenOn(open).Run(t.Context())
	if err != nil || len(got.Replies) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestOthersAreToldAndNoMore(t *testing.T) {
	const serverf = "HTTP/1.1 200 OK\r\nST:%s\r\nserver: Box\t%d\x1b[31m\r\nLOCATION: http://8.8.8.8/d.xml\r\n\r\n"
	to := answerer(t, func(conn *net.UDPConn, i int, _ string, from netip.AddrPort) {
		for n, target := range map[int]string{3: igd1, 4: "urn:dslforum-org:service:WANPPPConnection:1", 5: "upnp:rootdevice", 6: "urn:schemas-upnp-org:device:MediaServer:1"} {
			other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, byte(n))})
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprintf(packetTo{other, from}, serverf, target, n+i)
			other.Close()
		}
		fmt.Fprintf(packetTo{conn, from}, serverf, igd1, 9)
	})
	s := ssdp.Search{Gateway: netip.MustParseAddr("127.0.0.9"), Local: self, To: []netip.AddrPort{to}, Networks: home, Window: time.Second}
	got, err := s.Run(t.Context())
	if err != nil || len(got.Replies) != 0 || !got.Whole || len(got.Others) != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for i, want := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
		if o := got.Others[i]; o.Address.String() != want || !strings.HasPrefix(o.Server, "Box ") || strings.Contains(o.Server, "\x1b") {
			t.Errorf("%d: %+v, want %s", i, o, want)
		}
	}
	if got.Refused != nil {
		t.Errorf("a media server is no refusal: %q", got.Refused)
	}
	// Who is not in a network of ours is not told, nor are we ourselves.
	s.Networks = prefixes("192.168.1.10/24")
	if got, err := s.Run(t.Context()); err != nil || got.Others != nil || len(got.Refused) != 3 {
		t.Errorf("of another network: %+v, %v", got, err)
	}
	s.Networks = prefixes("127.0.0.3/8")
	if got, err := s.Run(t.Context()); err != nil || len(got.Others) != 2 {
		t.Errorf("with ourselves: %+v, %v", got, err)
	}
}

// A search for others does not end with the gateway's answer.
func TestOthersOnly(t *testing.T) {
	to := answerer(t, func(conn *net.UDPConn, _ int, _ string, from netip.AddrPort) {
		for range 20 {
			fmt.Fprintf(packetTo{conn, from}, replyf, igd1, fake, 5000)
		}
		other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3)})
		if err != nil {
			t.Error(err)
			return
		}
		defer other.Close()
		fmt.Fprintf(packetTo{other, from}, replyf, igd1, other.LocalAddr(), 1)
	})
	s := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, Networks: home, Window: time.Second, OthersOnly: true, Targets: []string{igd1}}
	got, err := s.Run(t.Context())
	if err != nil || len(got.Replies) != 0 || !got.Whole || len(got.Others) != 1 || got.Others[0].Address.String() != "127.0.0.3" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A host that answers ten thousand times a second keeps nobody from finding
// the gateway.
func TestAFloodOfOthersHidesNothing(t *testing.T) {
	flood, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3)})
	if err != nil {
		t.Fatal(err)
	}
	var floods sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer func() { cancel(); floods.Wait(); flood.Close() }()
	begun := false
	to := answerer(t, func(conn *net.UDPConn, i int, _ string, from netip.AddrPort) {
		if !begun {
			begun = true
			floods.Go(func() {
				for tick := time.NewTicker(time.Millisecond); ctx.Err() == nil; <-tick.C {
					for range 10 {
						fmt.Fprintf(packetTo{flood, from}, replyf, igd1, "127.0.0.3", 80)
					}
				}
			})
		}
		if i == 2*count { // the third sending, well within the flood
			fmt.Fprintf(packetTo{conn, from}, replyf, igd1, fake, 5000)
		}
	})
	got, err := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, Networks: home, Window: 3 * time.Second}.Run(t.Context())
	if err != nil || len(got.Replies) != 1 || len(got.Others) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzParseOther(f *testing.F) {
	f.Add(reply("ST: "+igd1, "SERVER: Linux UPnP/1.1"))
	f.Add(reply("st:urn:dslforum-org:service:WANIPConnection:1"))
	f.Add(reply("ST: ssdp:all", "SERVER: \x1b[2J"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		got, err := ssdp.ParseOther(packet, gateway)
		if err != nil {
			return
		}
		if got.Address != gateway || len(got.Server) > 64 || strings.ContainsFunc(got.Server, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e }) {
			t.Fatalf("took %+v", got)
		}
	})
}
