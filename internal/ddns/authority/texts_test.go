package authority_test

// TXT records at real servers on loopback, and at those that lie.

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/miekg/dns"
)

const challenge = "_acme-challenge.mqtt.example.org"

func text(value string) string { return challenge + `. 60 IN TXT "` + value + `"` }

// saying are the replies as text, in order.
func saying(replies []authority.TextReply) string {
	var list []string
	for _, r := range replies {
		said := strings.Join(r.Texts, ",")
		if r.Err != nil {
			said = "unknown"
		}
		list = append(list, r.Server+"="+said)
	}
	return strings.Join(list, " ")
}

// Every server says what it has, the recursive one what it remembers.
func TestTextsOfEveryServer(t *testing.T) {
	long := strings.Repeat("0123456789", 20)
	var many []string
	for i := range 30 { // too much for a datagram
		many = append(many, text(fmt.Sprintf("%s%02d", long, i)))
	}
	nodata := func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		_ = w.WriteMsg(m)
	}
	l := newLab(t, append(slices.Clone(internet), "example.org. 60 IN NS ns3.example.net.", "ns3.example.net. 60 IN A 11.0.0.3", text("old"))...)
	l.nameServer(t, "11.0.0.1", says(t, text("a"), challenge+`. 60 IN TXT "b" "c"`, `other.example.org. 60 IN TXT "x"`))
	l.nameServer(t, "11.0.0.2", nodata)
	l.nameServer(t, "11.0.0.3", says(t))
	a := l.asker(t)
	got, err := a.Texts(t.Context(), strings.ToUpper(challenge))
	if err != nil || saying(got) != "ns1.example.net=a,bc ns2.example.net= ns3.example.net=" {
		t.Errorf("Texts = %s, %v", saying(got), err)
	}
	if r := a.TextsAt(t.Context(), l.resolvers[0], challenge); r.Err != nil || !slices.Equal(r.Texts, []string{"old"}) || r.Addr != l.resolvers[0].Addr() {
		t.Errorf("TextsAt = %+v", r)
	}

	l = newLab(t, internet...)
	l.nameServer(t, "11.0.0.1", func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		for _, record := range many {
			m.Answer = append(m.Answer, rr(t, record))
		}
		if w.LocalAddr().Network() == "udp" {
			m.Truncate(1232)
		}
		_ = w.WriteMsg(m)
	})
	got, err = l.asker(t).Texts(t.Context(), challenge)
	if err != nil || len(got) != 2 || len(got[0].Texts) != 30 || got[1].Err == nil {
		t.Errorf("Texts = %d replies %s, %v", len(got), saying(got), err)
	}
}

// What is not known is not empty.
func TestTextsThatAreUnknown(t *testing.T) {
	for what, handler := range map[string]dns.HandlerFunc{
		"refused": func(w dns.ResponseWriter, q *dns.Msg) { _ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeRefused)) },
		"SERVFAIL": func(w dns.ResponseWriter, q *dns.Msg) {
			_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
		},
		"an alias": says(t, challenge+". 60 IN CNAME elsewhere.example."),
		"no authority": func(w dns.ResponseWriter, q *dns.Msg) {
			_ = w.WriteMsg(new(dns.Msg).SetReply(q))
		},
	} {
		t.Run(what, func(t *testing.T) {
			l := newLab(t, internet...)
			l.nameServer(t, "11.0.0.1", handler)
			l.nameServer(t, "11.0.0.2", says(t, text("a")))
			got, err := l.asker(t).Texts(t.Context(), challenge)
			if err != nil || saying(got) != "ns1.example.net=unknown ns2.example.net=a" {
				t.Errorf("Texts = %s, %v", saying(got), err)
			}
		})
	}
	l := newLab(t)
	if got, err := l.asker(t).Texts(t.Context(), challenge); err == nil || got != nil {
		t.Errorf("without a zone: %s, %v", saying(got), err)
	}
	for _, name := range []string{"", ".", "a..b"} {
		if got, err := l.asker(t).Texts(t.Context(), name); err == nil {
			t.Errorf("%q: %s", name, saying(got))
		}
	}
	if r := l.asker(t).TextsAt(t.Context(), netip.MustParseAddrPort("127.0.0.1:1"), challenge); r.Err == nil {
		t.Errorf("from nobody: %+v", r)
	}
}

// Nothing that came over a port that somebody redirects counts, be it with the
// bit of authority or without.
func TestTextsOfAnInterceptor(t *testing.T) {
	for _, c := range []struct{ aa, nobody bool }{{true, true}, {false, true}, {false, false}} {
		bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
			liar := interceptor(t, c.aa, text("a"))
			p.set("11.0.0.1", liar)
			p.set("11.0.0.2", liar)
			if c.nobody {
				p.set("192.0.2.53", liar)
			}
			got, err := a.Texts(t.Context(), challenge)
			if !errors.Is(err, authority.ErrIntercepted) || len(got) != 2 || saying(got) != "ns1.example.net=unknown ns2.example.net=unknown" {
				t.Errorf("Texts = %s, %v", saying(got), err)
			}
		})
	}
	bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
		p.set("11.0.0.1", honest(t, text("a")))
		p.set("11.0.0.2", honest(t, text("a")))
		got, err := a.Texts(t.Context(), challenge)
		if err != nil || saying(got) != "ns1.example.net=a ns2.example.net=a" {
			t.Errorf("Texts = %s, %v", saying(got), err)
		}
	})
}

// A heap of records is read in part, and odd ones as harmless text.
func FuzzTextsIn(f *testing.F) {
	m := new(dns.Msg)
	m.Response = true
	m.SetQuestion(challenge+".", dns.TypeTXT)
	for _, value := range []string{"a", `\000\027[31m`, strings.Repeat("x", 200)} {
		rr, err := dns.NewRR(text(value))
		if err != nil {
			f.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	raw, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := new(dns.Msg)
		if m.Unpack(raw) != nil {
			return
		}
		texts, err := authority.TextsIn(m, challenge)
		if err != nil && texts != nil || len(texts) > 64 {
			t.Errorf("%d texts, %v", len(texts), err)
		}
		for _, text := range texts {
			if len(text) > 1024 || strings.ContainsAny(text, "\x00\x1b\n\r") {
				t.Errorf("read %q", text)
			}
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x00\x1b\n\r") {
			t.Errorf("the error is %q", err)
		}
	})
}
