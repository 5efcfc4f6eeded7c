// Package mdns asks by multicast DNS (RFC 6762) for the IPv4 address of a host,
// and hears devices announce theirs. Nothing in it is authenticated: whoever is
// in the LAN can answer.
package mdns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// group is where multicast DNS is spoken (RFC 6762, section 3).
var group = netip.MustParseAddrPort("224.0.0.251:5353")

const (
	// maxMessage bounds a message (RFC 6762, section 17).
	maxMessage = 9000
	// maxRecords bounds what is looked at of one.
	maxRecords = 256
	// askAgain is when an unanswered question is asked once more.
	askAgain = time.Second
	// gather is how long after an answer further ones are waited for.
	gather = 100 * time.Millisecond
	// relisten is how often our interfaces are looked at.
	relisten = 15 * time.Second
)

// ErrSilent means that nobody answered.
var ErrSilent = errors.New("no device answers to this name by multicast DNS")

// Answer is what devices say of a host.
type Answer struct {
	Addrs []netip.Addr
	// TTL is the least of the records'.
	TTL time.Duration
}

// Ask asks in all networks of ours for the IPv4 addresses of host, by a one-shot
// question (RFC 6762, section 5.1), until there is an answer or ctx ends.
func Ask(ctx context.Context, host string) (Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan Answer)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	asked := 0
	for _, n := range networks() {
		asked++
		group.Go(func() {
			a, err := askIn(ctx, n, host)
			if err != nil {
				a = Answer{}
			}
			select {
			case answers <- a:
			case <-ctx.Done():
			}
		})
	}
	for range asked {
		select {
		case a := <-answers:
			if len(a.Addrs) > 0 {
				return a, nil
			}
		case <-ctx.Done():
			return Answer{}, ErrSilent
		}
	}
	if asked == 0 {
		return Answer{}, errors.New("this host is in no network in which multicast DNS is spoken")
	}
	return Answer{}, ErrSilent
}

// askIn asks in one network.
func askIn(ctx context.Context, n network, host string) (Answer, error) {
	// Bound to our address there, the question leaves by that interface.
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(n.prefix.Addr(), 0)))
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	question, err := new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA).Pack()
	if err != nil {
		return Answer{}, fmt.Errorf("asking for %s: %w", host, err)
	}
	var all Answer
	buffer := make([]byte, maxMessage)
	for wait := askAgain; ; wait = min(2*wait, 4*askAgain) {
		if len(all.Addrs) == 0 {
			if _, err := conn.WriteToUDPAddrPort(question, group); err != nil {
				return Answer{}, err
			}
		}
		until := time.Now().Add(wait)
		for {
			conn.SetReadDeadline(until)
			if ctx.Err() != nil {
				return all, ctx.Err()
			}
			size, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				break
			}
			// Only who is in this network may answer (section 11).
			if !n.prefix.Masked().Contains(from.Addr().Unmap()) {
				continue
			}
			if a := Parse(buffer[:size], host); len(a.Addrs) > 0 {
				all = merge(all, a)
				until = time.Now().Add(gather)
			}
		}
		if len(all.Addrs) > 0 {
			return all, nil
		}
		if ctx.Err() != nil {
			return Answer{}, ctx.Err()
		}
	}
}

func merge(a, b Answer) Answer {
	for _, addr := range b.Addrs {
		known := false
		for _, other := range a.Addrs {
			known = known || other == addr
		}
		if !known && len(a.Addrs) < 8 {
			a.Addrs = append(a.Addrs, addr)
		}
	}
	if a.TTL == 0 || b.TTL < a.TTL {
		a.TTL = b.TTL
	}
	return a
}

// Parse is what a message says of host; the zero Answer where it is none, no
// answer, or says nothing of it. Goodbyes (a TTL of zero, section 10.1) say
// nothing.
func Parse(data []byte, host string) (a Answer) {
	each(data, func(name string, addr netip.Addr, ttl time.Duration) {
		if name == host && ttl > 0 {
			a = merge(a, Answer{[]netip.Addr{addr}, ttl})
		}
	})
	return a
}

// each calls do with the A records of an answer, names canonical.
func each(data []byte, do func(name string, addr netip.Addr, ttl time.Duration)) {
	var m dns.Msg
	if len(data) > maxMessage || m.Unpack(data) != nil || !m.Response || m.Opcode != dns.OpcodeQuery {
		return
	}
	left := maxRecords
	for _, section := range [][]dns.RR{m.Answer, m.Extra} {
		for _, rr := range section[:min(len(section), left)] {
			left--
			if a, ok := rr.(*dns.A); ok {
				if addr, ok := netip.AddrFromSlice(a.A.To4()); ok {
					do(strings.ToLower(strings.TrimSuffix(a.Hdr.Name, ".")), addr, time.Duration(a.Hdr.Ttl)*time.Second)
				}
			}
		}
	}
}
