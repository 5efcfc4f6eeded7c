package upstream_test

// The daemon's own questions.

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

func TestLookupNetIP(t *testing.T) {
	addr := serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		m.RecursionAvailable = true
		q := r.Question[0]
		add := func(format string) {
			rr, err := dns.NewRR(fmt.Sprintf(format, q.Name))
			if err != nil {
				panic(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		switch name := strings.ToLower(q.Name); {
		case name == "both.example." && q.Qtype == dns.TypeA:
			add("%s 60 IN CNAME c.example.")
			add("c.example. 60 IN A 1.2.3.4 ; %s")
			add("d.example. 60 IN A 6.6.6.6 ; %s")
		case name == "both.example." && q.Qtype == dns.TypeAAAA, name == "half.example." && q.Qtype == dns.TypeAAAA:
			add("%s 60 IN AAAA 2001:db8::1")
		case name == "half.example.", name == "broken.example." && q.Qtype == dns.TypeA:
			m.Rcode = dns.RcodeServerFailure
		case name == "broken.example.", name == "empty.example.":
		default:
			m.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(m)
	})
	p := opened(t, upstream.Config{Servers: []netip.AddrPort{addr}})
	for _, c := range []struct{ network, host, want string }{
		{"ip", "both.example", "[1.2.3.4 2001:db8::1]"},
		{"ip4", "BOTH.example.", "[1.2.3.4]"},
		{"ip6", "both.example", "[2001:db8::1]"},
		{"ip", "half.example", "[2001:db8::1]"},
		{"ip", "broken.example", "failed"}, // unknown is not none
		{"ip6", "broken.example", "none"},
		{"ip", "empty.example", "none"},
		{"ip", "nope.example", "none"},
		{"ip", "192.0.2.7", "[192.0.2.7]"},
		{"ip6", "192.0.2.7", "none"},
		{"ip4", "::ffff:192.0.2.7", "[192.0.2.7]"},
		{"ip", "localhost", "[127.0.0.1 ::1]"},
		{"ip6", "x.localhost.", "[::1]"},
		{"ip", "no such\nname", "none"},
		{"ip", "", "none"},
		{"tcp", "both.example", "wrong"},
	} {
		got, err := p.LookupNetIP(t.Context(), c.network, c.host)
		var failed *net.DNSError
		text := fmt.Sprint(got)
		switch {
		case err == nil:
		case !errors.As(err, &failed) || failed.Name != c.host:
			t.Errorf("%s %s: %v is no DNS error", c.network, c.host, err)
		case failed.IsNotFound:
			text = "none"
		case failed.IsTemporary:
			text = "failed"
		default:
			text = "wrong"
		}
		if text != c.want {
			t.Errorf("%s %s is %s, %v; want %s", c.network, c.host, text, err, c.want)
		}
	}
	dead := opened(t, upstream.Config{Servers: []netip.AddrPort{silent(t)}, Timeout: 100 * time.Millisecond})
	var failed *net.DNSError
	if _, err := dead.LookupNetIP(t.Context(), "ip", "a.example"); !errors.As(err, &failed) || failed.IsNotFound || !failed.IsTemporary {
		t.Errorf("without an answer: %v", err)
	}
}

func TestExchangeMsgKeepsWhatIsTheCallers(t *testing.T) {
	addr := serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
		m := reply(r, "1.2.3.4")
		opt := r.IsEdns0()
		m.AuthenticatedData = r.RecursionDesired == false && r.CheckingDisabled && opt.Do() && len(opt.Option) == 0
		m.SetEdns0(4096, true)
		m.Extra = append(m.Extra, m.Answer[0])
		_ = w.WriteMsg(m)
	})
	p := opened(t, upstream.Config{Servers: []netip.AddrPort{addr}})
	m := new(dns.Msg).SetQuestion("A.eXample.", dns.TypeA)
	m.RecursionDesired, m.CheckingDisabled, m.Id = false, true, 4711
	m.SetEdns0(4096, true).IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}}
	r, err := p.ExchangeMsg(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if r.Id != 4711 || r.Question[0] != m.Question[0] || !r.AuthenticatedData || len(r.Extra) != 1 || r.IsEdns0() == nil || r.Answer[0].Header().Name != "A.eXample." {
		t.Errorf("the reply is %v", r)
	}
	if r, err := p.ExchangeMsg(t.Context(), new(dns.Msg).SetQuestion("a.example.", dns.TypeA)); err != nil || len(r.Extra) != 0 {
		t.Errorf("without EDNS: %v, %v", r, err)
	}
	for _, bad := range []*dns.Msg{{}, r, {Question: make([]dns.Question, 2)}} {
		if _, err := p.ExchangeMsg(t.Context(), bad); err == nil {
			t.Errorf("asked %v", bad)
		}
	}
}
