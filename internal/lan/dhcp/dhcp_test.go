package dhcp_test

// Asking DHCP servers that a test plays: what is asked, what is believed.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/edgeguard/edgeguard/internal/lan/dhcp"
)

var (
	hardware = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	local    = netip.MustParseAddr("192.168.1.10")
	gateway  = netip.MustParseAddr("192.168.1.1")
	at       = dhcp.Place{Interface: "eth0", Local: local, Router: gateway}
)

// server is a DHCP server: what it says to a question, or nothing.
type server func(asked *dhcpv4.DHCPv4) []byte

// segment is a network with servers on it.
type segment struct {
	t       *testing.T
	servers []server
	asked   []string // what was sent, in words
	inbox   chan []byte
}

func (s *segment) Send(datagram []byte) error {
	// A client's datagram to all: turned round, it is one from a server.
	if to, from := binary.BigEndian.Uint16(datagram[22:]), binary.BigEndian.Uint16(datagram[20:]); to != 67 || from != 68 {
		s.t.Errorf("sent from port %d to %d", from, to)
	}
	m, err := dhcpv4.FromBytes(datagram[28:])
	if err != nil {
		s.t.Fatal(err)
	}
	source := netip.AddrFrom4([4]byte(datagram[12:16]))
	s.asked = append(s.asked, fmt.Sprintf("%s from %s for %s", m.MessageType(), source, m.ClientIPAddr))
	for _, answer := range s.servers {
		if b := answer(m); b != nil {
			s.inbox <- b
		}
	}
	return nil
}

func (s *segment) Receive(buffer []byte, deadline time.Time) (int, error) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case b := <-s.inbox:
		return copy(buffer, b), nil
	case <-timer.C:
		return 0, os.ErrDeadlineExceeded
	}
}

func (s *segment) Close() error { return nil }

// toClient is a datagram from a server's port to a client's.
func toClient(m *dhcpv4.DHCPv4, from netip.Addr) []byte {
	b := dhcp.Wrap(m.ToBytes(), from)
	b[21], b[23] = 67, 68
	return b
}

// serves answers messages of one kind.
func serves(addr string, kind dhcpv4.MessageType, options ...dhcpv4.Modifier) server {
	from := netip.MustParseAddr(addr)
	return func(asked *dhcpv4.DHCPv4) []byte {
		if asked.MessageType() != kind {
			return nil
		}
		answer := map[dhcpv4.MessageType]dhcpv4.MessageType{dhcpv4.MessageTypeInform: dhcpv4.MessageTypeAck, dhcpv4.MessageTypeDiscover: dhcpv4.MessageTypeOffer}[kind]
		m, err := dhcpv4.NewReplyFromRequest(asked, append([]dhcpv4.Modifier{
			dhcpv4.WithMessageType(answer), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(from.AsSlice())),
		}, options...)...)
		if err != nil {
			panic(err)
		}
		return toClient(m, from)
	}
}

func dnsServers(list ...string) dhcpv4.Modifier {
	var ips []net.IP
	for _, a := range list {
		ips = append(ips, net.ParseIP(a))
	}
	return dhcpv4.WithOption(dhcpv4.OptDNS(ips...))
}

func TestAsking(t *testing.T) {
	inform, discover := dhcpv4.MessageTypeInform, dhcpv4.MessageTypeDiscover
	const (
		informs   = "INFORM from 192.168.1.10 for 192.168.1.10"
		discovers = "DISCOVER from 0.0.0.0 for 0.0.0.0"
	)
	for name, c := range map[string]struct {
		servers []server
		want    string
		asked   []string
		takes   time.Duration
	}{
		"the router answers": {[]server{serves("192.168.1.1", inform, dnsServers("192.168.1.10"),
			dhcpv4.WithOption(dhcpv4.OptDomainName("fritz.box")), dhcpv4.WithOption(dhcpv4.OptRouter(gateway.AsSlice())))},
			"[{192.168.1.1 [192.168.1.10] fritz.box 192.168.1.1}]", []string{informs}, 3 * time.Second},
		"another one, too": {[]server{serves("192.168.1.9", inform, dnsServers("9.9.9.9", "192.168.1.10", "9.9.9.9")), serves("192.168.1.1", inform)},
			"[{192.168.1.1 []  invalid IP} {192.168.1.9 [9.9.9.9 192.168.1.10]  invalid IP}]", []string{informs}, 3 * time.Second},
		"the router makes offers alone": {[]server{serves("192.168.1.1", discover, dnsServers("192.168.1.1"))},
			"[{192.168.1.1 [192.168.1.1]  invalid IP}]", []string{informs, informs, discovers}, 9 * time.Second},
		"the router makes offers alone, another answers": {[]server{serves("192.168.1.1", discover), serves("192.168.1.9", inform)},
			"[{192.168.1.1 []  invalid IP} {192.168.1.9 []  invalid IP}]", []string{informs, discovers}, 9 * time.Second},
		"nobody": {nil, "[]", []string{informs, informs, discovers, discovers}, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, begin := &segment{t: t, servers: c.servers, inbox: make(chan []byte, 64)}, time.Now()
				got, err := dhcp.AskOn(t.Context(), s, at, hardware)
				if err != nil || fmt.Sprint(got) != c.want {
					t.Errorf("got %v, %v, want %s", got, err, c.want)
				}
				if strings.Join(s.asked, "\n") != strings.Join(c.asked, "\n") {
					t.Errorf("sent %q, want %q", s.asked, c.asked)
				}
				if took := time.Since(begin); took != c.takes {
					t.Errorf("it took %v, want %v", took, c.takes)
				}
			})
		})
	}
}

// Nobody but an answer to our own question is believed, and of nobody too much.
func TestWhatIsNotBelieved(t *testing.T) {
	other := func(change func(m *dhcpv4.DHCPv4)) server {
		return func(asked *dhcpv4.DHCPv4) []byte {
			m, _ := dhcpv4.NewReplyFromRequest(asked, dhcpv4.WithMessageType(dhcpv4.MessageTypeAck), dnsServers("6.6.6.6"))
			change(m)
			return toClient(m, gateway)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s := &segment{t: t, inbox: make(chan []byte, 4096), servers: []server{
			other(func(m *dhcpv4.DHCPv4) { m.TransactionID[0]++ }),
			other(func(m *dhcpv4.DHCPv4) { m.ClientHWAddr = net.HardwareAddr{2, 0, 0, 0, 0, 9} }),
			other(func(m *dhcpv4.DHCPv4) { m.OpCode = dhcpv4.OpcodeBootRequest }),
			other(func(m *dhcpv4.DHCPv4) { m.UpdateOption(dhcpv4.OptMessageType(dhcpv4.MessageTypeNak)) }),
			func(*dhcpv4.DHCPv4) []byte { return []byte("odd") },
			func(*dhcpv4.DHCPv4) []byte { return make([]byte, 4096) },
		}}
		if got, err := dhcp.AskOn(t.Context(), s, at, hardware); err != nil || got != nil {
			t.Errorf("believed is %v, %v", got, err)
		}
		many := []string{"0.0.0.0", "255.255.255.255", "224.0.0.1"}
		for i := range 60 {
			many = append(many, fmt.Sprintf("10.0.0.%d", i+1))
		}
		s.servers = nil
		for i := range 100 {
			s.servers = append(s.servers, serves(fmt.Sprintf("192.168.1.%d", i+1), dhcpv4.MessageTypeInform, dnsServers(many...), dhcpv4.WithOption(dhcpv4.OptDomainName("a\n\x1b[31mb"))))
		}
		got, err := dhcp.AskOn(t.Context(), s, at, hardware)
		if err != nil || len(got) != dhcp.MaxServers || len(got[0].DNS) != dhcp.MaxDNS || got[0].DNS[0].String() != "10.0.0.1" || got[0].Domain != "a [31mb" {
			t.Errorf("of many: %v, %v", got, err)
		}
	})
}

// Whoever drowns the answers has not shown that there are none.
func TestAFloodIsNotSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		odd := func(*dhcpv4.DHCPv4) []byte { return []byte("odd") }
		s := &segment{t: t, inbox: make(chan []byte, 4096)}
		for range 2000 {
			s.servers = append(s.servers, odd)
		}
		if got, err := dhcp.AskOn(t.Context(), s, at, hardware); err == nil {
			t.Errorf("what is known is %v", got)
		}
		s.inbox = make(chan []byte, 4096) // quiet again
		s.servers = []server{serves("192.168.1.1", dhcpv4.MessageTypeInform), odd}
		if got, err := dhcp.AskOn(t.Context(), s, at, hardware); err != nil || len(got) != 1 {
			t.Errorf("afterwards: %v, %v", got, err)
		}
	})
}

func TestAskingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		s := &segment{t: t, inbox: make(chan []byte)}
		if _, err := dhcp.AskOn(ctx, s, at, hardware); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
	})
}

func TestNoEthernetIsNotAsked(t *testing.T) {
	for _, p := range []dhcp.Place{{Interface: "lo", Local: netip.MustParseAddr("127.0.0.1")}, {Interface: "no-such-0", Local: local}} {
		if _, err := dhcp.Ask(t.Context(), p); err == nil {
			t.Errorf("%s was asked", p.Interface)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	asked, err := dhcp.NewQuestion(dhcpv4.MessageTypeInform, hardware, local)
	if err != nil {
		f.Fatal(err)
	}
	asked.TransactionID = dhcpv4.TransactionID{1, 2, 3, 4}
	f.Add(serves("192.168.1.1", dhcpv4.MessageTypeInform, dnsServers("192.168.1.1", "9.9.9.9"), dhcpv4.WithOption(dhcpv4.OptDomainName("fritz.box")))(asked))
	f.Add(dhcp.Wrap(nil, local))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		if len(datagram) > dhcp.MaxDatagram {
			return
		}
		message, from, ok := dhcp.Unwrap(datagram)
		if !ok {
			return
		}
		s, ok := dhcp.Parse(message, asked, from)
		if !ok {
			return
		}
		if !s.Address.Is4() || len(s.DNS) > dhcp.MaxDNS || len(s.Domain) > 253 || strings.ContainsAny(s.Domain, "\n\x1b") {
			t.Errorf("believed is %+v", s)
		}
		for _, a := range s.DNS {
			if !a.Is4() || a.IsUnspecified() || a.IsMulticast() {
				t.Errorf("a DNS server is %v", a)
			}
		}
	})
}
