package authority_test

// Interceptors of port 53, those that lie about their authority too.

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/miekg/dns"
)

// interceptor answers everything, whoever is asked, with the authority bit as
// told and with TTLs that count down from the beginning of the test.
func interceptor(t *testing.T, aa bool, record string) func(q *dns.Msg) *dns.Msg {
	begin := time.Now()
	return func(q *dns.Msg) *dns.Msg {
		if q.Question[0].Name == "." {
			m := rootAnswer(t, q)
			m.Authoritative = aa
			return m
		}
		m := honest(t, record)(q)
		m.Authoritative, m.RecursionAvailable = aa, true
		for _, rr := range m.Answer {
			rr.Header().Ttl -= min(rr.Header().Ttl, uint32(time.Since(begin)/time.Second))
		}
		return m
	}
}

func wantIntercepted(t *testing.T, got authority.Answer, err error) {
	t.Helper()
	if !errors.Is(err, authority.ErrIntercepted) || got.Intercepted == "" || got.State != fact.Unknown || got.Heard() || len(got.Seen()) != 0 {
		t.Errorf("Ask = %+v, %v; want an interception", got, err)
	}
}

func TestAnInterceptorThatAnswersForNobodyIsFoundAtOnce(t *testing.T) {
	for _, aa := range []bool{true, false} {
		for _, record := range []string{right, other} {
			bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
				for _, at := range []string{"11.0.0.1", "11.0.0.2", "192.0.2.53"} {
					p.set(at, interceptor(t, aa, record))
				}
				got, err := a.Ask(t.Context(), authority.Question{Name: "mqtt.example.org", Expect: addr, One: true})
				wantIntercepted(t, got, err)
			})
		}
	}
}

// One that redirects only some addresses does not give itself away there. It
// is looked at where an answer is not what it should be.
func TestAnInterceptorOfTheServersAloneIsFoundWhenItDisagrees(t *testing.T) {
	for _, c := range []struct{ aa, own bool }{{true, false}, {false, false}, {true, true}, {false, true}} {
		bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
			liar := interceptor(t, c.aa, other)
			p.set("11.0.0.1", liar)
			p.set("11.0.0.2", liar)
			got, err := a.Ask(t.Context(), authority.Question{Name: "mqtt.example.org", Expect: addr, OwnServer: c.own})
			wantIntercepted(t, got, err)
		})
	}
}

func TestHonestServersAreNotAccused(t *testing.T) {
	resolving := func(t *testing.T) func(q *dns.Msg) *dns.Msg {
		return func(q *dns.Msg) *dns.Msg { // an authority that resolves for its owner
			if q.Question[0].Name == "." {
				return rootAnswer(t, q)
			}
			m := honest(t, other)(q)
			m.RecursionAvailable = true
			return m
		}
	}
	upward := func(t *testing.T) func(q *dns.Msg) *dns.Msg {
		return func(q *dns.Msg) *dns.Msg { // a referral to the root, as old servers do
			if q.Question[0].Name != "." {
				return honest(t, other)(q)
			}
			m := rootAnswer(t, q)
			m.Answer, m.Ns = nil, m.Answer
			return m
		}
	}
	catchAll := func(t *testing.T) func(q *dns.Msg) *dns.Msg {
		return func(q *dns.Msg) *dns.Msg { // a root of its own making
			m := honest(t, other)(q)
			if q.Question[0].Name == "." {
				m = new(dns.Msg).SetReply(q)
				m.Answer = []dns.RR{rr(t, ". 60 IN NS ns1.parking.example.")}
			}
			m.Authoritative = true
			return m
		}
	}
	for what, handler := range map[string]func(t *testing.T) func(q *dns.Msg) *dns.Msg{
		"refuses": func(t *testing.T) func(q *dns.Msg) *dns.Msg { return honest(t, other) }, "resolves for its owner": resolving,
		"refers upward": upward, "catches all": catchAll,
	} {
		bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
			p.set("11.0.0.1", handler(t))
			p.set("11.0.0.2", handler(t))
			got, err := a.Ask(t.Context(), authority.Question{Name: "mqtt.example.org", Expect: addr, OwnServer: what == "resolves for its owner"})
			if err != nil || got.Intercepted != "" || got.State != fact.Known {
				t.Errorf("%s: Ask = %+v, %v", what, got, err)
			}
		})
	}
}

func TestThePathIsTriedOnceADayAndAtMostEveryTenMinutes(t *testing.T) {
	bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
		began := time.Now()
		wantShown(t, a, authority.Question{Name: "mqtt.example.org", Expect: addr})
		if d := time.Since(began); d != time.Second {
			t.Errorf("the first look took %v, want the second of silence", d)
		}
		for range 11 {
			began = time.Now()
			wantShown(t, a, authority.Question{Name: "mqtt.example.org", Expect: addr})
			if d := time.Since(began); d != 0 {
				t.Errorf("a look took %v", d)
			}
			time.Sleep(2 * time.Hour)
		}
		if n := p.count("192.0.2.53"); n != 1 {
			t.Errorf("tried %d times in a day", n)
		}
		for range 60 {
			if _, err := a.Ask(t.Context(), authority.Question{Name: "mqtt.example.org", Expect: addr6}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
		}
		if n := p.count("192.0.2.53"); n > 5 {
			t.Errorf("tried %d times in half an hour of disagreement", n-1)
		}
	})
}

func TestAnInterceptionThatEndedIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
		q := authority.Question{Name: "mqtt.example.org", Expect: addr}
		p.set("192.0.2.53", interceptor(t, true, right))
		got, err := a.Ask(t.Context(), q)
		wantIntercepted(t, got, err)
		p.set("192.0.2.53", nil)
		time.Sleep(10 * time.Minute)
		wantShown(t, a, q)
	})
}

func TestALineThatIsDownSaysNothingOfThePath(t *testing.T) {
	bubble(t, func(t *testing.T, p *paper, _ *authority.Asker) {
		down := true
		a, err := authority.New(authority.Config{
			Recurse: func(_ context.Context, q *dns.Msg) (*dns.Msg, error) { return p.resolver(q), nil },
			Dial: func(ctx context.Context, network string, server netip.AddrPort) (net.Conn, error) {
				if down {
					return nil, errors.New("network is unreachable")
				}
				return p.dial(ctx, network, server)
			}})
		if err != nil {
			t.Fatal(err)
		}
		q := authority.Question{Name: "mqtt.example.org", Expect: addr}
		if got, err := a.Ask(t.Context(), q); err == nil || got.Intercepted != "" {
			t.Errorf("Ask = %+v, %v", got, err)
		}
		down = false
		p.set("192.0.2.53", interceptor(t, true, right))
		got, err := a.Ask(t.Context(), q)
		wantIntercepted(t, got, err)
	})
}

// The same over real sockets.
func TestAnInterceptorOnLoopback(t *testing.T) {
	l := newLab(t, internet...)
	liar := interceptor(t, true, right)
	serve := func(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(liar(q)) }
	for _, at := range []string{"11.0.0.1", "11.0.0.2", "192.0.2.53"} {
		l.nameServer(t, at, serve)
	}
	got, err := l.asker(t).Ask(t.Context(), authority.Question{Name: "mqtt.example.org", Expect: addr})
	wantIntercepted(t, got, err)
}
