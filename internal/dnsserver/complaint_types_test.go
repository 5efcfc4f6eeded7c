package dnsserver_test

// What users of other servers complained of, where a type of record that the
// server did not think of undid the override. Each test is named after the
// report, in the tracker of the project it names.

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// public is the address that the world knows; it must reach nobody at home.
var public = net.IPv4(11, 22, 33, 44).To4()

// handled starts an upstream on loopback that answers as handle does.
func handled(t *testing.T, handle func(r, m *dns.Msg)) netip.AddrPort {
	t.Helper()
	packets, stream := pair(t)
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		m.RecursionAvailable, m.Compress = true, true
		handle(r, m)
		if opt := r.IsEdns0(); opt != nil {
			m.SetEdns0(1232, opt.Do())
		}
		_ = w.WriteMsg(m)
	})
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: stream, Handler: handler}} {
		started, ended := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { defer close(ended); _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	}
	return packets.LocalAddr().(*net.UDPAddr).AddrPort()
}

// rrs reads records.
func rrs(texts ...string) []dns.RR {
	var list []dns.RR
	for _, text := range texts {
		rr, err := dns.NewRR(text)
		if err != nil {
			panic(err)
		}
		list = append(list, rr)
	}
	return list
}

// wantHome asks for the override's address, which must be the only one.
func wantHome(t *testing.T, h *house, name string) {
	t.Helper()
	if got := addresses(h.ask(name, dns.TypeA).Answer); !slices.Equal(got, []string{"192.168.1.10"}) {
		t.Errorf("%s is %v", name, got)
	}
}

// leaks reports whether any octet of a message, in whatever record, is of the
// public address.
func leaks(t *testing.T, m *dns.Msg) bool {
	t.Helper()
	return bytes.Contains(pack(t, m), public)
}

// Pi-hole's FTL#2841 tells of a name that was overridden for A alone. The other
// types went upstream, where the signed parent denied the name, and clients
// that heard so took the name for dead; systemd/systemd#32901 shows one that
// keeps such a denial for every type. Here no type of an overridden name can
// be denied, whoever is asked for it.
func TestComplaintFTL2841DenialOfOneTypeKillsTheName(t *testing.T) {
	h := start(t, newWorld(t).addr, nil) // this world denies every name
	types := []uint16{65280, 65534}
	for qtype := uint16(1); qtype < 264; qtype++ {
		types = append(types, qtype)
	}
	for _, qtype := range types {
		if qtype >= dns.TypeTKEY && qtype <= dns.TypeAXFR || qtype == dns.TypeOPT {
			continue // these are no questions for records
		}
		m := h.exchange("udp", new(dns.Msg).SetQuestion("mqtt.example.org.", qtype).SetEdns0(1232, true))
		if m.Rcode != dns.RcodeSuccess {
			t.Errorf("type %d is answered %s", qtype, dns.RcodeToString[m.Rcode])
		}
		if m.Rcode == dns.RcodeSuccess && len(m.Answer) == 0 && (len(m.Ns) != 1 || m.Ns[0].Header().Rrtype != dns.TypeSOA) {
			t.Errorf("type %d is NODATA without the SOA that lets a client keep it: %v", qtype, m)
		}
	}
	wantHome(t, h, "mqtt.example.org.")
}

// FTL#2400 and caddyserver/caddy#7069: the address came from the house, but
// the HTTPS record with the keys for encrypted client hello from the world, so
// browsers spoke to the local server as if it were the public one, and refused
// its certificate.
func TestComplaintFTL2400PublicHTTPSRecordLeaks(t *testing.T) {
	const ech = "ech=AEX+DQBBpQAgACCZ3FcTBwOYAvTpJRi1iwGxpX4="
	w := newWorld(t,
		"mqtt.example.org. 300 IN HTTPS 1 . alpn=h2 ipv4hint=11.22.33.44 "+ech,
		"mqtt.example.org. 300 IN SVCB 1 . ipv4hint=11.22.33.44 "+ech,
		"www.example.net. 300 IN HTTPS 1 mqtt.example.org. ipv4hint=11.22.33.44 "+ech,
		"alias.example.net. 300 IN HTTPS 0 mqtt.example.org.",
		"way.example.net. 300 IN CNAME mqtt.example.org.")
	h := start(t, w.addr, nil)
	for range 2 { // from upstream, then from the cache
		for _, name := range []string{"mqtt.example.org.", "www.example.net.", "alias.example.net.", "way.example.net."} {
			for _, qtype := range []uint16{dns.TypeHTTPS, dns.TypeSVCB} {
				m := h.exchange("udp", new(dns.Msg).SetQuestion(name, qtype).SetEdns0(1232, true))
				if leaks(t, m) || hasBinding(m) || m.Rcode != dns.RcodeSuccess && name == "mqtt.example.org." {
					t.Errorf("%s %s: %v", name, dns.TypeToString[qtype], m)
				}
			}
		}
		wantHome(t, h, "mqtt.example.org.")
	}
	for _, qtype := range []uint16{dns.TypeHTTPS, dns.TypeSVCB} {
		if w.count("mqtt.example.org.", qtype) != 0 {
			t.Errorf("%s of an overridden name was asked of the world", dns.TypeToString[qtype])
		}
	}
	if w.count("www.example.net.", dns.TypeHTTPS) == 0 {
		t.Error("upstream was not asked, so nothing could leak: this proves nothing")
	}
}

func hasBinding(m *dns.Msg) bool {
	return slices.ContainsFunc(slices.Concat(m.Answer, m.Ns, m.Extra), func(rr dns.RR) bool {
		return rr.Header().Rrtype == dns.TypeHTTPS || rr.Header().Rrtype == dns.TypeSVCB
	})
}

// BeryJu/gravity#1335 and firezone/firezone#7141: phones ask for A, AAAA and
// type 65 at once and take what comes first; with type 65 forwarded they ended
// at the public address now and then. Every answer is held against that
// address here, whichever order they come in.
func TestComplaintGravity1335Type65GivesThePublicAddressNowAndThen(t *testing.T) {
	w := newWorld(t,
		"mqtt.example.org. 300 IN A 11.22.33.44", "mqtt.example.org. 300 IN AAAA ::ffff:11.22.33.44",
		"mqtt.example.org. 300 IN HTTPS 1 . ipv4hint=11.22.33.44",
		"cdn.example.net. 300 IN CNAME mqtt.example.org.")
	h := start(t, w.addr, nil)
	var asking sync.WaitGroup
	for i := range 24 {
		asking.Go(func() {
			for _, name := range []string{"mqtt.example.org.", "MQTT.example.org.", "cdn.example.net."} {
				for _, qtype := range []uint16{dns.TypeHTTPS, dns.TypeA, dns.TypeAAAA, dns.TypeSVCB, dns.TypeANY} {
					network := []string{"udp", "tcp"}[(i+int(qtype))%8/7] // TCP now and then
					m := h.exchange(network, new(dns.Msg).SetQuestion(name, qtype))
					if leaks(t, m) {
						t.Errorf("%s %s over %s gives the public address: %v", name, dns.TypeToString[qtype], network, m)
					}
				}
			}
		})
	}
	asking.Wait()
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeANY} {
		if w.count("mqtt.example.org.", qtype) != 0 {
			t.Errorf("%s of an overridden name was asked of the world", dns.TypeToString[qtype])
		}
	}
	if w.count("cdn.example.net.", dns.TypeHTTPS) == 0 {
		t.Error("upstream was not asked, so nothing could leak: this proves nothing")
	}
}

// coredns/coredns#8193, taken back in #8282: types that the local zone had no
// records of were forwarded, and split horizon broke, as what came back was
// about the public name. What we forward comes back without anything that
// leads away from the house: no denial, no alias, no address on the side.
func TestComplaintCoreDNS8193OtherTypesLeadAway(t *testing.T) {
	types := []uint16{dns.TypeTXT, dns.TypeMX, dns.TypeCAA, dns.TypeNS, dns.TypeSOA, dns.TypeDS, dns.TypeDNSKEY,
		dns.TypeSRV, dns.TypeNAPTR, dns.TypeTLSA, dns.TypeSSHFP, 65280}
	for what, handle := range map[string]func(r, m *dns.Msg){
		"denial": func(_, m *dns.Msg) { m.Rcode = dns.RcodeNameError },
		"alias": func(r, m *dns.Msg) {
			m.Answer = rrs(r.Question[0].Name+" 300 IN CNAME away.example.net.", "away.example.net. 300 IN A 11.22.33.44")
		},
		"alias of the parent": func(r, m *dns.Msg) {
			m.Answer = rrs("example.org. 300 IN DNAME example.net.", r.Question[0].Name+" 300 IN CNAME mqtt.example.net.")
		},
		"address on the side": func(r, m *dns.Msg) {
			if r.Question[0].Qtype == dns.TypeMX {
				m.Answer = rrs("mqtt.example.org. 300 IN MX 1 mqtt.example.org.")
			}
			m.Extra = rrs("mqtt.example.org. 300 IN A 11.22.33.44")
		},
	} {
		t.Run(what, func(t *testing.T) {
			h := start(t, handled(t, handle), nil)
			for range 2 { // from upstream, then from the cache
				for _, qtype := range types {
					m := h.ask("mqtt.example.org.", qtype)
					if m.Rcode != dns.RcodeSuccess || leaks(t, m) || slices.ContainsFunc(m.Answer, func(rr dns.RR) bool {
						return rr.Header().Rrtype == dns.TypeCNAME || rr.Header().Rrtype == dns.TypeDNAME
					}) {
						t.Errorf("%s: %v", dns.TypeToString[qtype], m)
					}
				}
				wantHome(t, h, "mqtt.example.org.")
			}
		})
	}
}

// AdguardTeam/AdGuardHome#3350: a name outside whose chain of aliases ended in
// an overridden name gave the public address, as rewrites were for the name in
// the question only.
func TestComplaintAdGuardHome3350AliasOfAnOverriddenName(t *testing.T) {
	chain := []string{"mqtt.example.org. 300 IN A 11.22.33.44"}
	for i := range 8 {
		next := fmt.Sprintf("l%d.example.net.", i+1)
		if i == 7 {
			next = "Mqtt.Example.org."
		}
		chain = append(chain, fmt.Sprintf("l%d.example.net. 300 IN CNAME %s", i, next))
	}
	h := start(t, handled(t, func(r, m *dns.Msg) { m.Answer = follow(rrs(chain...), r.Question[0]) }), nil)
	for range 2 { // from upstream, then from the cache
		for i := range 8 {
			name := fmt.Sprintf("l%d.example.net.", i)
			m := h.ask(name, dns.TypeA)
			if got := addresses(m.Answer); !slices.Equal(got, []string{"192.168.1.10"}) || len(m.Answer) != 9-i {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
	// The zone counts and not when the answer was fetched.
	h.zone.Store(mustZone(t, zone.Override{Name: "mqtt.example.org", V4: []netip.Addr{netip.MustParseAddr("192.168.1.99")}}))
	if got := addresses(h.ask("l0.example.net.", dns.TypeA).Answer); !slices.Equal(got, []string{"192.168.1.99"}) {
		t.Errorf("after the service has moved: %v", got)
	}
}

// follow returns the chain from a question's name to its records.
func follow(list []dns.RR, q dns.Question) (chain []dns.RR) {
	for name, again := dns.CanonicalName(q.Name), true; again; {
		again = false
		for _, rr := range list {
			if dns.CanonicalName(rr.Header().Name) != name || again {
				continue
			}
			if c, ok := rr.(*dns.CNAME); ok {
				chain, name, again = append(chain, rr), dns.CanonicalName(c.Target), true
			} else if rr.Header().Rrtype == q.Qtype {
				chain = append(chain, rr)
			}
		}
	}
	return chain
}
