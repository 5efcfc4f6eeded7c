//go:build linux

package lab

// A DNS server that misbehaves in whatever way it is told to.

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// LiarAddr is where a liar in wan usually listens.
var LiarAddr = netip.MustParseAddr("11.22.33.6")

// LiarAnswer is the right answer, which a liar gives to every question for an
// A record while it tells none of its lies.
var LiarAnswer = netip.MustParseAddr("11.22.33.99")

// Lie is a way to misbehave.
type Lie string

// The lies. All but Honest are told over UDP and TCP as fits them.
const (
	// Honest answers as a server should: LiarAnswer, or that there is none.
	Honest Lie = "honest"
	// Silent takes every question and says nothing.
	Silent Lie = "never answers"
	// Garbage answers with octets that are no message.
	Garbage Lie = "garbage"
	// WrongIDs answers with every ID but the right one.
	WrongIDs Lie = "wrong ids"
	// WrongQuestion answers another question, with the right ID.
	WrongQuestion Lie = "another question"
	// TruncatedOnly says that the answer is too long for UDP, and hangs up
	// over TCP.
	TruncatedOnly Lie = "truncation without TCP"
	// AliasLoop answers with aliases that lead to each other.
	AliasLoop Lie = "CNAME loop"
	// Huge answers with 64 KiB over TCP, as much as a message can hold.
	Huge Lie = "64 KiB"
	// Drip answers over TCP with one octet a second.
	Drip Lie = "one byte a second"
	// ServFail and Refused answer so.
	ServFail Lie = "SERVFAIL"
	Refused  Lie = "REFUSED"
	// Elsewhere answers rightly, from another address than was asked.
	Elsewhere Lie = "from another address"
	// LowerCase answers rightly, but writes the question in small letters, as
	// some old servers do.
	LowerCase Lie = "small letters"
)

// Liar is the running server. Its methods may be called at any time.
type Liar struct {
	// Addr is where it listens, on port 53.
	Addr netip.Addr

	packets, other net.PacketConn
	stream         net.Listener
	lie            atomic.Value // Lie
	ttl            atomic.Uint32
	asked          atomic.Int64
	last           atomic.Value // string, the last question's name as it came
	ctx            context.Context
	serving        sync.WaitGroup
}

// StartLiar starts an honest liar on an address of the host that it is given
// for this, and that nothing else listens on.
func (h *Home) StartLiar(t testing.TB, host *Host, addr netip.Addr) *Liar {
	t.Helper()
	device := "eth0"
	if host == h.WAN {
		device = "home0"
	}
	if addr != host.Addr {
		if err := host.ip(fmt.Sprintf("addr add %s/24 dev %s", addr, device)); err != nil {
			t.Fatal(err)
		}
	}
	beside := addr.Next() // answers from elsewhere come from there
	for addr.Is4() && (beside == host.Addr || beside == addr) {
		beside = beside.Next()
	}
	if err := host.ip(fmt.Sprintf("addr add %s/24 dev %s", beside, device)); err != nil {
		t.Fatal(err)
	}
	l := &Liar{Addr: addr}
	l.lie.Store(Honest)
	l.ttl.Store(300)
	var err error
	if l.packets, err = host.ListenPacket("udp", netip.AddrPortFrom(addr, 53).String()); err == nil {
		if l.other, err = host.ListenPacket("udp", netip.AddrPortFrom(beside, 53).String()); err == nil {
			l.stream, err = host.Listen("tcp", netip.AddrPortFrom(addr, 53).String())
		}
	}
	if err != nil {
		t.Fatalf("listening as a liar in %s: %v", host.Name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.ctx = ctx
	l.serving.Go(l.servePackets)
	l.serving.Go(l.serveStreams)
	t.Cleanup(func() {
		h.hold(t)
		cancel()
		l.packets.Close()
		l.other.Close()
		l.stream.Close()
		l.serving.Wait()
	})
	return l
}

// Tell chooses how the next questions are answered.
func (l *Liar) Tell(lie Lie) { l.lie.Store(lie) }

// SetTTL sets the TTL of honest answers, 300 s at first.
func (l *Liar) SetTTL(seconds uint32) { l.ttl.Store(seconds) }

// Asked is how many questions came, over UDP and TCP.
func (l *Liar) Asked() int64 { return l.asked.Load() }

// Last is the name in the last question, in the letters in which it came; empty
// before the first. The root does not count: a server is probed with it at any
// time.
func (l *Liar) Last() string {
	name, _ := l.last.Load().(string)
	return name
}

func (l *Liar) note(q *dns.Msg) {
	if name := q.Question[0].Name; name != "." {
		l.last.Store(name)
	}
}

func (l *Liar) servePackets() {
	packet := make([]byte, 4096)
	for {
		n, from, err := l.packets.ReadFrom(packet)
		if err != nil {
			return
		}
		q := new(dns.Msg)
		if q.Unpack(packet[:n]) != nil || len(q.Question) != 1 {
			continue
		}
		l.asked.Add(1)
		l.note(q)
		lie := l.lie.Load().(Lie)
		via := l.packets
		if lie == Elsewhere {
			via = l.other
		}
		for _, out := range l.replies(lie, q, true) {
			via.WriteTo(out, from)
		}
	}
}

func (l *Liar) serveStreams() {
	for {
		conn, err := l.stream.Accept()
		if err != nil {
			return
		}
		l.serving.Go(func() {
			defer conn.Close()
			stop := context.AfterFunc(l.ctx, func() { conn.Close() })
			defer stop()
			l.serveStream(conn)
		})
	}
}

// serveStream answers the questions of one connection.
func (l *Liar) serveStream(conn net.Conn) {
	for {
		q, err := (&dns.Conn{Conn: conn}).ReadMsg()
		if err != nil || len(q.Question) != 1 {
			return
		}
		l.asked.Add(1)
		l.note(q)
		lie := l.lie.Load().(Lie)
		switch lie {
		case TruncatedOnly:
			return
		case Silent:
			io.Copy(io.Discard, conn) // until it hangs up
			return
		}
		for _, out := range l.replies(lie, q, false) {
			out = append([]byte{byte(len(out) >> 8), byte(len(out))}, out...)
			if lie == Drip {
				err = l.drip(conn, out)
			} else {
				_, err = conn.Write(out)
			}
			if err != nil {
				return
			}
		}
	}
}

// drip writes one octet a second.
func (l *Liar) drip(conn net.Conn, out []byte) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := range out {
		if _, err := conn.Write(out[i : i+1]); err != nil {
			return err
		}
		select {
		case <-l.ctx.Done():
			return l.ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// replies is what a lie answers to q, one message after the other.
func (l *Liar) replies(lie Lie, q *dns.Msg, udp bool) [][]byte {
	switch lie {
	case Silent:
		return nil
	case Garbage:
		return [][]byte{[]byte("\x00<html>what?"), {}, {byte(q.Id >> 8), byte(q.Id), 0x81, 0x80, 0, 1, 0, 255, 0, 0, 0, 0, 0xc0, 0x0c, 0xff}}
	}
	m := right(q, l.ttl.Load())
	var out [][]byte
	switch lie {
	case WrongIDs:
		for i := range 32 {
			m.Id = q.Id + uint16(i) + 1
			out = append(out, packed(m))
		}
		return out
	case LowerCase:
		m.Question[0].Name = strings.ToLower(m.Question[0].Name)
	case WrongQuestion:
		m.Question[0].Name = "other.example."
	case AliasLoop:
		one := q.Question[0].Name
		two := "other." + strings.TrimPrefix(one, ".") // a server that seemed dead is asked for the root
		m.Answer, m.Ns = []dns.RR{alias(one, two), alias(two, one)}, nil
	case ServFail, Refused:
		m.Answer, m.Ns = nil, nil
		m.Rcode = map[Lie]int{ServFail: dns.RcodeServerFailure, Refused: dns.RcodeRefused}[lie]
	case TruncatedOnly, Huge, Drip:
		if udp {
			m.Answer, m.Ns, m.Truncated = nil, nil, true
		} else if lie == Huge {
			fill(m)
		}
	}
	return append(out, packed(m))
}

// right is what a server should answer.
func right(q *dns.Msg, ttl uint32) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	h := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl}
	if q.Question[0].Qtype == dns.TypeA {
		m.Answer = []dns.RR{&dns.A{Hdr: h, A: LiarAnswer.AsSlice()}}
	} else {
		h.Rrtype = dns.TypeSOA
		m.Ns = []dns.RR{&dns.SOA{Hdr: h, Ns: "liar.example.", Mbox: "liar.example.", Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 60}}
	}
	if opt := q.IsEdns0(); opt != nil {
		m.SetEdns0(1232, opt.Do())
	}
	return m
}

func alias(from, to string) dns.RR {
	return &dns.CNAME{Hdr: dns.RR_Header{Name: from, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 300}, Target: to}
}

// fill adds addresses until no more fit in a message: each takes 16 octets.
func fill(m *dns.Msg) {
	m.Compress = true
	for i := range (dns.MaxMsgSize - 512) / 16 {
		m.Answer = append(m.Answer, &dns.A{
			Hdr: dns.RR_Header{Name: m.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300},
			A:   net.IPv4(11, 44, byte(i>>8), byte(i)),
		})
	}
}

// packed writes a message that we made, and so can be written.
func packed(m *dns.Msg) []byte {
	out, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return out
}
