package authority_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/miekg/dns"
)

var internet = []string{
	"example.org. 60 IN SOA ns1.example.net. h.example.org. 1 1 1 1 1",
	"example.org. 60 IN NS ns1.example.net.",
	"example.org. 60 IN NS ns2.example.net.",
	"ns1.example.net. 60 IN A 11.0.0.1",
	"ns2.example.net. 60 IN A 11.0.0.2",
	// The resolver's stale cache; it must never be believed.
	"mqtt.example.org. 60 IN A 9.9.9.9",
}

const right, other = "mqtt.example.org. 60 IN A 11.22.33.44", "mqtt.example.org. 60 IN A 11.22.33.45"

var addr = netip.MustParseAddr("11.22.33.44")

func ask(t *testing.T, l *lab, name string) (authority.Answer, error) {
	t.Helper()
	return l.asker(t).Ask(t.Context(), authority.Question{Name: name})
}

func TestAllServersAgree(t *testing.T) {
	l := newLab(t, internet...)
	l.nameServer(t, "11.0.0.1", says(t, right))
	l.nameServer(t, "11.0.0.2", says(t, right))
	got, err := ask(t, l, "MQTT.example.org")
	if err != nil || !got.Shows(addr) || got.Zone != "example.org" || len(got.Replies) != 2 {
		t.Errorf("Ask = %+v, %v", got, err)
	}
}

func TestASilentServerDoesNotCount(t *testing.T) {
	l := newLab(t, internet...)
	l.nameServer(t, "11.0.0.1", says(t, right)) // the second has no listener
	if got, err := ask(t, l, "mqtt.example.org"); err != nil || !got.Shows(addr) {
		t.Errorf("Ask = %+v, %v", got, err)
	}
}

func TestServersThatContradictEachOtherAreSplit(t *testing.T) {
	l := newLab(t, internet...)
	l.nameServer(t, "11.0.0.1", says(t, right))
	l.nameServer(t, "11.0.0.2", says(t, other))
	got, err := ask(t, l, "mqtt.example.org")
	if err != nil || !got.Split || got.State != fact.Unknown || got.Shows(addr) || !got.ShownBySome(addr) {
		t.Errorf("Ask = %+v, %v", got, err)
	}
	if len(got.Seen()) != 2 {
		t.Errorf("Seen = %v, want both addresses", got.Seen())
	}
}

func TestSeveralAddressesAreNotTheOne(t *testing.T) {
	l := newLab(t, internet...)
	l.nameServer(t, "11.0.0.1", says(t, right, other))
	got, err := ask(t, l, "mqtt.example.org")
	if err != nil || got.State != fact.Known || len(got.Addrs) != 2 || got.Shows(addr) {
		t.Errorf("Ask = %+v, %v", got, err)
	}
}

func TestNoRecord(t *testing.T) {
	nodata := func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		w.WriteMsg(m)
	}
	for name, handler := range map[string]dns.HandlerFunc{
		"NXDOMAIN": says(t), "NODATA": nodata, "alias": says(t, "mqtt.example.org. 60 IN CNAME other.example.")} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, internet...)
			l.nameServer(t, "11.0.0.1", handler)
			got, err := ask(t, l, "mqtt.example.org")
			if err != nil || got.State != fact.None || !got.Heard() {
				t.Errorf("Ask = %+v, %v; want None", got, err)
			}
			if (got.Alias() == "other.example") != (name == "alias") {
				t.Errorf("Alias = %q", got.Alias())
			}
		})
	}
}

func TestWhatCountsForNothing(t *testing.T) {
	reply := func(change func(m *dns.Msg)) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			m.Authoritative = true
			m.Answer = []dns.RR{rr(t, right)}
			change(m)
			w.WriteMsg(m)
		}
	}
	for name, handler := range map[string]dns.HandlerFunc{
		"without authority": reply(func(m *dns.Msg) { m.Authoritative = false }),
		"refused":           reply(func(m *dns.Msg) { m.Rcode = dns.RcodeRefused }),
		"server failure":    reply(func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure }),
		"other question":    reply(func(m *dns.Msg) { m.Question[0].Name = "evil.example." }),
		"other type":        reply(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }),
		"other id":          reply(func(m *dns.Msg) { m.Id++ }),
		"a question back":   reply(func(m *dns.Msg) { m.Response = false }),
		"truncated on TCP":  reply(func(m *dns.Msg) { m.Truncated = true }),
		"garbage":           func(w dns.ResponseWriter, q *dns.Msg) { w.Write([]byte("not DNS at all, not at all")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, internet[0], internet[1], internet[3])
			l.nameServer(t, "11.0.0.1", handler)
			l.timeout = 300 * time.Millisecond // silence is what is wanted
			got, err := ask(t, l, "mqtt.example.org")
			if err == nil || got.State != fact.Unknown || got.Heard() {
				t.Errorf("Ask = %+v, %v; want Unknown and an error", got, err)
			}
			if name == "without authority" && !errors.Is(err, authority.ErrNoAuthority) {
				t.Errorf("error is %v, want ErrNoAuthority", err)
			}
		})
	}
}

func TestStrayDatagramsArePassedOver(t *testing.T) {
	l := newLab(t, internet...)
	l.nameServer(t, "11.0.0.1", func(w dns.ResponseWriter, q *dns.Msg) {
		guess := new(dns.Msg).SetReply(q)
		guess.Id++
		guess.Authoritative = true
		guess.Answer = []dns.RR{rr(t, other)}
		w.WriteMsg(guess)
		says(t, right)(w, q)
	})
	if got, err := ask(t, l, "mqtt.example.org"); err != nil || !got.Shows(addr) {
		t.Errorf("Ask = %+v, %v", got, err)
	}
}

func TestTruncatedAnswersAreAskedForOverTCP(t *testing.T) {
	l := newLab(t, internet...)
	l.nameServer(t, "11.0.0.1", func(w dns.ResponseWriter, q *dns.Msg) {
		if w.LocalAddr().Network() == "tcp" {
			says(t, right)(w, q)
			return
		}
		m := new(dns.Msg).SetReply(q)
		m.Truncated = true
		w.WriteMsg(m)
	})
	if got, err := ask(t, l, "mqtt.example.org"); err != nil || !got.Shows(addr) {
		t.Errorf("Ask = %+v, %v", got, err)
	}
}

func TestADeadResolverIsPassedOverAndThenAvoided(t *testing.T) {
	l := newLab(t, internet...)
	l.nameServer(t, "11.0.0.1", says(t, right))
	var refused atomic.Int32
	dead := listen(t, func(w dns.ResponseWriter, q *dns.Msg) {
		refused.Add(1)
		w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeRefused))
	})
	l.resolvers = append([]netip.AddrPort{dead}, l.resolvers...)
	a := l.asker(t)
	for range 2 {
		if got, err := a.Ask(t.Context(), authority.Question{Name: "mqtt.example.org"}); err != nil || !got.Shows(addr) {
			t.Fatalf("Ask = %+v, %v", got, err)
		}
	}
	if n := refused.Load(); n != 1 {
		t.Errorf("the dead resolver was asked %d times, want once", n)
	}
}

func TestTheZoneOfAnAliasTargetIsNotTaken(t *testing.T) {
	l := newLab(t, append(internet,
		"alias.example.org. 60 IN CNAME there.example.",
		"example. 60 IN SOA ns.example. h.example. 1 1 1 1 1")...)
	l.nameServer(t, "11.0.0.1", says(t, "alias.example.org. 60 IN CNAME there.example."))
	got, err := ask(t, l, "alias.example.org")
	if err != nil || got.Zone != "example.org" {
		t.Errorf("Ask = %+v, %v; want the zone example.org", got, err)
	}
}

func TestNoMoreThanEightServersAreAsked(t *testing.T) {
	records := internet[:1:1]
	for i := range 20 {
		records = append(records,
			fmt.Sprintf("example.org. 60 IN NS n%02d.example.net.", i),
			fmt.Sprintf("n%02d.example.net. 60 IN A 11.0.0.%d", i, i+1))
	}
	l := newLab(t, records...)
	l.nameServer(t, "11.0.0.1", says(t, right))
	got, err := ask(t, l, "mqtt.example.org")
	if err != nil || len(got.Replies) != 8 {
		t.Errorf("%d servers were asked (%v), want 8", len(got.Replies), err)
	}
}

func TestNothingFoundIsUnknown(t *testing.T) {
	l := newLab(t) // a resolver that knows nothing
	if got, err := ask(t, l, "mqtt.example.org"); err == nil || got.State != fact.Unknown {
		t.Errorf("Ask = %+v, %v", got, err)
	}
	l = newLab(t, internet[0])
	if got, err := ask(t, l, "mqtt.example.org"); err == nil || !strings.Contains(err.Error(), "name servers") {
		t.Errorf("Ask = %+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := l.asker(t).Ask(ctx, authority.Question{Name: "mqtt.example.org"}); err == nil || got.State != fact.Unknown {
		t.Errorf("Ask = %+v, %v", got, err)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for _, resolvers := range [][]netip.AddrPort{nil, {{}}, {netip.MustParseAddrPort("1.1.1.1:0")}} {
		if _, err := authority.New(authority.Config{Resolvers: resolvers}); err == nil {
			t.Errorf("New accepted the resolvers %v", resolvers)
		}
	}
	if _, err := ask(t, newLab(t), "not..a.name"); err == nil {
		t.Error("a name with an empty label was asked for")
	}
}

// FuzzParseReply feeds a reply from anywhere through all that reads one.
func FuzzParseReply(f *testing.F) {
	for _, text := range []string{right, "mqtt.example.org. 60 IN AAAA 2001:db8::1", "mqtt.example.org. 60 IN AAAA ::ffff:1.2.3.4", "mqtt.example.org. 0 IN CNAME a."} {
		record, _ := dns.NewRR(text)
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
			reply := new(dns.Msg).SetReply(fuzzed(qtype))
			reply.Authoritative = true
			reply.Answer = []dns.RR{record, record}
			raw, _ := reply.Pack()
			f.Add(raw)
			f.Add(raw[:20])
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
			q := fuzzed(qtype)
			msg := authority.ParseReply(raw, q)
			if msg == nil {
				continue
			}
			if msg.Id != q.Id || len(msg.Question) != 1 {
				t.Errorf("accepted %v", msg)
			}
			r := authority.ReadReply(msg, "mqtt.example.org.", qtype)
			if (r.State == fact.Known) != (len(r.Addrs) > 0) || len(r.Addrs) > 32 || r.State != fact.Unknown && (r.Err != nil || !msg.Authoritative) || r.TTL < 0 {
				t.Errorf("read %+v from %v", r, msg)
			}
			for _, addr := range r.Addrs {
				if addr.Is4() != (qtype == dns.TypeA) {
					t.Errorf("read %v from %v", addr, msg)
				}
			}
		}
	})
}

func fuzzed(qtype uint16) *dns.Msg {
	q := new(dns.Msg).SetQuestion("mqtt.example.org.", qtype)
	q.Id = 1
	return q
}
