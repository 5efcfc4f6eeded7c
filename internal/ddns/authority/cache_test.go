package authority_test

// What a look costs: the zone's servers are found once a day.

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/miekg/dns"
)

var addr6 = netip.MustParseAddr("2001:db8:1:2::10")

const right6 = "mqtt.example.org. 60 IN AAAA 2001:db8:1:2::10"

// bubble runs f in a bubble with the usual two servers, both right.
func bubble(t *testing.T, f func(t *testing.T, p *paper, a *authority.Asker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPaper(t, internet...)
		p.set("11.0.0.1", honest(t, right, right6))
		p.set("11.0.0.2", honest(t, right, right6))
		f(t, p, p.asker(t))
		synctest.Wait()
	})
}

func wantShown(t *testing.T, a *authority.Asker, q authority.Question) authority.Answer {
	t.Helper()
	got, err := a.Ask(t.Context(), q)
	if err != nil || !got.Shows(q.Expect) {
		t.Fatalf("Ask = %+v, %v", got, err)
	}
	return got
}

func TestADayOfLooksAtOneServerCostsThreeQuestionsMore(t *testing.T) {
	bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
		q := authority.Question{Name: "mqtt.example.org", One: true, Expect: addr}
		for range 12 {
			if got := wantShown(t, a, q); len(got.Replies) != 1 {
				t.Fatalf("%d servers were asked", len(got.Replies))
			}
			time.Sleep(119 * time.Minute)
		}
		if n, found := p.count("11.0"), p.count("resolver"); n != 12 || found != 3 {
			t.Errorf("%d questions to servers and %d to find them: %v", n, found, p.asked)
		}
		time.Sleep(time.Hour)
		wantShown(t, a, q)
		if found := p.count("resolver"); found != 6 {
			t.Errorf("after a day %d questions to find the servers", found)
		}
	})
}

func TestOneServerIsAskedInTurn(t *testing.T) {
	bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
		wantShown(t, a, authority.Question{Name: "mqtt.example.org", Expect: addr})
		for range 10 {
			wantShown(t, a, authority.Question{Name: "mqtt.example.org", Expect: addr, One: true})
		}
		if one, two := p.count("11.0.0.1"), p.count("11.0.0.2"); one != 6 || two != 6 {
			t.Errorf("asked %d and %d times", one, two)
		}
	})
}

func TestWhatOneServerCannotConfirmTheOthersAreAsked(t *testing.T) {
	for what, bad := range map[string]func(q *dns.Msg) *dns.Msg{
		"silent": func(*dns.Msg) *dns.Msg { return nil }, "lagging": honest(t, other),
	} {
		bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
			p.set("11.0.0.1", bad)
			for range 2 { // whichever has its turn
				got, err := a.Ask(t.Context(), authority.Question{Name: "mqtt.example.org", Expect: addr, One: true})
				if err != nil || !got.ShownBySome(addr) {
					t.Errorf("%s: Ask = %+v, %v", what, got, err)
				}
			}
		})
	}
}

func TestServersThatFellSilentAreLookedForAgain(t *testing.T) {
	for what, bad := range map[string]func(q *dns.Msg) *dns.Msg{
		"silent": func(*dns.Msg) *dns.Msg { return nil },
		"lame":   func(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetReply(q) },
	} {
		bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
			q := authority.Question{Name: "mqtt.example.org", Expect: addr}
			wantShown(t, a, q)
			p.set("11.0.0.1", bad)
			p.set("11.0.0.2", bad)
			if got, err := a.Ask(t.Context(), q); err == nil || got.Heard() || got.Intercepted != "" {
				t.Fatalf("%s: Ask = %+v, %v", what, got, err)
			}
			p.set("11.0.0.9", honest(t, right))
			p.resolver = newPaper(t, internet[0], "example.org. 60 IN NS new.example.net.", "new.example.net. 60 IN A 11.0.0.9").resolver
			wantShown(t, a, q)
		})
	}
}

func TestBothTypesOfANameShareItsServers(t *testing.T) {
	bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
		wantShown(t, a, authority.Question{Name: "mqtt.example.org", Expect: addr})
		found := p.count("resolver")
		wantShown(t, a, authority.Question{Name: "mqtt.example.org", Type: "AAAA", Expect: addr6})
		if n := p.count("resolver"); n != found {
			t.Errorf("%d more questions for the other type", n-found)
		}
	})
}

func TestAMappedAddressInAAAAIsNotTheAddress(t *testing.T) {
	bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
		p.set("11.0.0.1", honest(t, "mqtt.example.org. 0 IN AAAA ::ffff:11.22.33.44"))
		p.set("11.0.0.2", nil)
		got, err := a.Ask(t.Context(), authority.Question{Name: "MQTT.example.org.", Type: "AAAA", Expect: addr})
		if err != nil || got.State != fact.Known || got.Shows(addr) {
			t.Errorf("Ask = %+v, %v", got, err)
		}
	})
}

func TestOfAWildcardANameBelowIsAsked(t *testing.T) {
	bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
		wild := honest(t, "*.example.org. 60 IN A 11.22.33.44", "*.example.org. 60 IN AAAA 2001:db8:1:2::10")
		p.set("11.0.0.1", wild)
		p.set("11.0.0.2", wild)
		wantShown(t, a, authority.Question{Name: "*.example.org", Expect: addr})
		wantShown(t, a, authority.Question{Name: "*.example.org", Type: "AAAA", Expect: addr6})
		seen := map[string]bool{}
		for _, q := range p.asked {
			if name := strings.Fields(q)[2]; strings.HasPrefix(q, "11.0") {
				seen[name] = true
				if !strings.HasPrefix(name, "edgeguard-") || !strings.HasSuffix(name, ".example.org.") {
					t.Errorf("asked for %s", name)
				}
			} else if strings.Contains(name, "*") || strings.Contains(name, "edgeguard-") {
				t.Errorf("the zone was looked for at %s", name)
			}
		}
		if len(seen) != 2 {
			t.Errorf("asked for %v, want another name each time", seen)
		}
	})
}

func TestAServerWithoutIPv4IsNotLookedUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPaper(t, append(internet, "example.org. 60 IN NS six.example.net.")...)
		p.set("11.0.0.1", honest(t, right))
		a := p.asker(t)
		for range 3 {
			wantShown(t, a, authority.Question{Name: "mqtt.example.org", Expect: addr})
		}
		if n := p.count("resolver A six"); n != 1 {
			t.Errorf("looked up %d times", n)
		}
		synctest.Wait()
	})
}

func TestManyNamesAreNotKeptForGood(t *testing.T) {
	bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
		for i := range 600 {
			name := fmt.Sprintf("n%d.example.org", i)
			if _, err := a.Ask(t.Context(), authority.Question{Name: name, One: true}); err != nil {
				t.Fatal(err)
			}
		}
		if n := a.Kept(); n > 256 {
			t.Errorf("%d zones are kept", n)
		}
	})
}

func TestAQuestionOfAnotherTypeIsRefused(t *testing.T) {
	for _, q := range []authority.Question{{Name: "mqtt.example.org", Type: "TXT"}, {Name: "*."}, {Name: "."}, {}} {
		if _, err := newPaper(t).asker(t).Ask(t.Context(), q); err == nil {
			t.Errorf("%+v was asked", q)
		}
	}
}

func TestAResolverIsReadWithItsTTL(t *testing.T) {
	bubble(t, func(t *testing.T, p *paper, a *authority.Asker) {
		got, err := a.Recurse(t.Context(), authority.Question{Name: "mqtt.example.org"})
		if err != nil || got.State != fact.Known || got.Addrs[0].String() != "9.9.9.9" || got.TTL != time.Minute {
			t.Errorf("Recurse = %+v, %v", got, err)
		}
		p.resolver = func(*dns.Msg) *dns.Msg { return nil }
		if got, err := a.Recurse(t.Context(), authority.Question{Name: "mqtt.example.org"}); err == nil || got.State != fact.Unknown {
			t.Errorf("Recurse = %+v, %v", got, err)
		}
	})
}
