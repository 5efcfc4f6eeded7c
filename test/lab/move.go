//go:build linux

package lab

// A device that gets another address, and one that says by multicast DNS where
// it is.

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// MAC is the hardware address of the host's network card in the LAN.
func (h *Host) MAC(t testing.TB) string {
	t.Helper()
	return strings.TrimSpace(h.Run(t, "cat", "/sys/class/net/eth0/address"))
}

// Move gives the host another address in the LAN and takes away the one before,
// as another DHCP lease does. Nothing is said to anybody.
func (h *Host) Move(t testing.TB, to netip.Addr) {
	t.Helper()
	err := h.ips("addr flush dev eth0 scope global", fmt.Sprintf("addr add %s/24 dev eth0", to), fmt.Sprintf("route add default via %s", RouterAddr))
	if err != nil {
		t.Fatalf("moving %s: %v", h.Name, err)
	}
	h.Addr = to
}

// mdnsGroup is where multicast DNS is spoken (RFC 6762, section 3).
var mdnsGroup = netip.MustParseAddrPort("224.0.0.251:5353")

// Responder answers multicast DNS for one name.
type Responder struct {
	conn *net.UDPConn
	name string
	addr atomic.Value // netip.Addr
}

// StartResponder answers for name (without its last dot) with addr until the
// test ends.
func (h *Host) StartResponder(t testing.TB, name string, addr netip.Addr) *Responder {
	t.Helper()
	conn, err := h.listenGroup(mdnsGroup)
	if err != nil {
		t.Fatalf("listening for multicast DNS: %v", err)
	}
	r := &Responder{conn: conn, name: name}
	r.addr.Store(addr)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.serve()
	}()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	return r
}

// Set changes the answer without a word.
func (r *Responder) Set(addr netip.Addr) { r.addr.Store(addr) }

// Announce tells all who listen of another address (RFC 6762, section 8.4).
func (r *Responder) Announce(t testing.TB, addr netip.Addr) {
	t.Helper()
	r.Set(addr)
	packet, err := r.answer().Pack()
	if err == nil {
		_, err = r.conn.WriteToUDPAddrPort(packet, mdnsGroup)
	}
	if err != nil {
		t.Fatalf("announcing %s: %v", addr, err)
	}
}

func (r *Responder) serve() {
	buffer := make([]byte, 9000)
	for {
		n, from, err := r.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		q := new(dns.Msg)
		if q.Unpack(buffer[:n]) != nil || q.Response || len(q.Question) != 1 || !strings.EqualFold(q.Question[0].Name, dns.Fqdn(r.name)) || q.Question[0].Qtype != dns.TypeA {
			continue
		}
		answer := r.answer()
		to := mdnsGroup
		if from.Port() != mdnsGroup.Port() { // a one-shot question (section 6.7)
			to = from
			answer.Id, answer.Question = q.Id, q.Question
		}
		if packet, err := answer.Pack(); err == nil {
			_, _ = r.conn.WriteToUDPAddrPort(packet, to)
		}
	}
}

func (r *Responder) answer() *dns.Msg {
	m := new(dns.Msg)
	m.Response, m.Authoritative = true, true
	addr := r.addr.Load().(netip.Addr)
	m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: dns.Fqdn(r.name), Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 120}, A: addr.AsSlice()}}
	return m
}
