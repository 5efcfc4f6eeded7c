package dnsserver_test

// A server on synctest's clock, with an upstream made of funcs.

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// script is an upstream whose behaviour a test sets.
type script struct {
	asked  atomic.Int32
	health atomic.Int32 // a fact.Verdict

	mu       sync.Mutex
	exchange func(context.Context, *wire.Question) (*wire.Response, error) // guarded by mu
}

func (u *script) Exchange(ctx context.Context, q *wire.Question) (*wire.Response, error) {
	u.asked.Add(1)
	u.mu.Lock()
	do := u.exchange
	u.mu.Unlock()
	return do(ctx, q)
}

func (u *script) Status() []upstream.Status {
	return []upstream.Status{{Healthy: fact.Verdict(u.health.Load())}, {Healthy: fact.VerdictFail}}
}

func (u *script) Addresses() []netip.AddrPort { return nil }

func (u *script) do(f func(context.Context, *wire.Question) (*wire.Response, error)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.exchange = f
}

// says makes the upstream answer with records and rcode after a while.
func (u *script) says(t testing.TB, after time.Duration, rcode int, records ...string) {
	t.Helper()
	u.do(func(ctx context.Context, q *wire.Question) (*wire.Response, error) {
		if err := pause(ctx, after); err != nil {
			return nil, err
		}
		return answer(t, q, rcode, records...), nil
	})
}

// fails makes the upstream fail after a while.
func (u *script) fails(after time.Duration) {
	u.do(func(ctx context.Context, _ *wire.Question) (*wire.Response, error) {
		if err := pause(ctx, after); err != nil {
			return nil, err
		}
		return nil, errors.New("no upstream DNS server answered")
	})
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// answer is a response to q as an upstream.Pool makes it.
func answer(t testing.TB, q *wire.Question, rcode int, records ...string) *wire.Response {
	t.Helper()
	name, _, err := dns.UnpackDomainName(q.NameKey(), 0)
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg).SetQuestion(name, q.Type)
	m.Id, m.Response, m.AuthenticatedData, m.Rcode, m.Compress = 0, true, true, rcode, true
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		if rr.Header().Rrtype == dns.TypeSOA {
			m.Ns = append(m.Ns, rr)
		} else {
			m.Answer = append(m.Answer, rr)
		}
	}
	r, err := wire.NewResponse(pack(t, m))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lab is a server on the fake clock.
type lab struct {
	*dnsserver.Server
	up  *script
	t   *testing.T
	ctx context.Context
}

// inLab runs test in a bubble with a running server; change may be nil.
func inLab(t *testing.T, change func(*dnsserver.Config), test func(*lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		up := &script{}
		s, _ := build(t, netip.MustParseAddrPort("192.0.2.1:53"), func(c *dnsserver.Config) {
			c.Upstream = up
			if change != nil {
				change(c)
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Background(ctx) }()
		test(&lab{s, up, t, ctx})
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// sleep sleeps, and waits until all that happens at that instant has happened.
func (l *lab) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// get asks with an OPT record, waits for the reply and returns it with the time
// that it took.
func (l *lab) get(name string) (*dns.Msg, time.Duration) {
	l.t.Helper()
	begin := time.Now()
	out := l.Ask(l.ctx, pack(l.t, new(dns.Msg).SetQuestion(name, dns.TypeA).SetEdns0(1232, false)), lanHost)
	m := new(dns.Msg)
	if err := m.Unpack(out); err != nil {
		l.t.Fatalf("asking for %s: %v", name, err)
	}
	synctest.Wait()
	return m, time.Since(begin)
}

// want asks for name and checks address, TTL, reason (0 for none) and the time
// it took.
func (l *lab) want(what, addr string, ttl uint32, reason uint16, took time.Duration) {
	l.t.Helper()
	m, d := l.get("www.example.net.")
	got := addresses(m.Answer)
	if len(got) != 1 || got[0] != addr || m.Answer[0].Header().Ttl != ttl || ede(m) != reason || d != took {
		l.t.Errorf("%s: after %v got %v, want %s with TTL %d and reason %d after %v", what, d, m, addr, ttl, reason, took)
	}
}

// ede returns the extended error in m, 0 where there is none.
func ede(m *dns.Msg) uint16 {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				return e.InfoCode
			}
		}
	}
	return 0
}
