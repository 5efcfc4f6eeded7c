package upstream_test

// When the next server is asked, with exact instants.

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
	"github.com/edgeguard/edgeguard/internal/fact"
)

var (
	first  = netip.MustParseAddrPort("192.0.2.1:53")
	second = netip.MustParseAddrPort("192.0.2.2:53")
)

// lagging answers after a delay that may change; a negative one is silence.
type lagging struct {
	delay atomic.Int64
	asked atomic.Int32
}

func (l *lagging) set(d time.Duration) { l.delay.Store(int64(d)) }

func (l *lagging) handle(w dns.ResponseWriter, r *dns.Msg) {
	l.asked.Add(1)
	d := time.Duration(l.delay.Load())
	if d < 0 {
		return
	}
	time.Sleep(d)
	_ = w.WriteMsg(reply(r, "1.2.3.4"))
}

// timed asks and returns how long that took.
func timed(t *testing.T, p *upstream.Pool) time.Duration {
	t.Helper()
	begin := time.Now()
	wantAddr(t, exchange(t, p, nil), "1.2.3.4")
	took := time.Since(begin)
	synctest.Wait()
	return took
}

func TestTheNextServerIsAskedWhenTheFirstIsSlowerThanUsual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, b lagging
		a.set(20 * time.Millisecond)
		b.set(30 * time.Millisecond)
		network := &bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): a.handle, second.String(): b.handle}}
		p := opened(t, upstream.Config{Servers: []netip.AddrPort{first, second}, Dial: network.dial, Timeout: 6 * time.Second})
		for range 20 {
			if took := timed(t, p); took != 20*time.Millisecond {
				t.Fatalf("a good server takes %s", took)
			}
		}
		if n := b.asked.Load(); n != 0 {
			t.Fatalf("the next server was asked %d times beside a good one", n)
		}
		a.set(-1)
		// A server of 20 ms that hardly varies gets the least wait, 100 ms.
		if took := timed(t, p); took != 130*time.Millisecond {
			t.Errorf("the first answer without the first server takes %s, want 130ms", took)
		}
		timed(t, p)
		timed(t, p)
		asked := a.asked.Load()
		if took := timed(t, p); took != 30*time.Millisecond || a.asked.Load() != asked {
			t.Errorf("a server that was beaten is asked first still (%s)", took)
		}
	})
}

func TestAServerThatHasToBeConnectedToGetsThreeTimesAsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, b lagging
		a.set(49 * time.Millisecond)
		b.set(30 * time.Millisecond)
		network := &bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): a.handle, second.String(): b.handle}}
		p := opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, "tcp://192.0.2.1"), spec(t, "tcp://192.0.2.2")}, Dial: network.dial, Timeout: 6 * time.Second})
		for range 50 {
			timed(t, p)
		}
		time.Sleep(time.Minute) // the connection is closed
		a.set(-1)
		if took := timed(t, p).Round(time.Millisecond); took != (3*49+30)*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
}

func TestAnUnknownServerGetsAllPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, b lagging
		a.set(-1)
		b.set(10 * time.Millisecond)
		network := &bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): a.handle, second.String(): b.handle}}
		p := opened(t, upstream.Config{Servers: []netip.AddrPort{first, second}, Dial: network.dial, Timeout: 6 * time.Second})
		if took := timed(t, p); took != 1010*time.Millisecond {
			t.Errorf("took %s, want 1.01s", took)
		}
	})
}

func TestABeatenServerIsLookedAtAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, b lagging
		a.set(5 * time.Millisecond)
		b.set(30 * time.Millisecond)
		network := &bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): a.handle, second.String(): b.handle}}
		p := opened(t, upstream.Config{Servers: []netip.AddrPort{first, second}, Dial: network.dial, Timeout: 6 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(time.Second) // of the bubble: the first probes are through
		a.set(-1)
		for range 3 {
			timed(t, p)
		}
		time.Sleep(20 * time.Second)
		if st := p.Status()[0]; st.Healthy != fact.VerdictFail {
			t.Errorf("a silent server that was looked at is %+v", st)
		}
		a.set(5 * time.Millisecond)
		time.Sleep(10 * time.Second)
		if st := p.Status()[0]; st.Healthy != fact.VerdictPass {
			t.Errorf("a server that is back is %+v", st)
		}
		if took := timed(t, p); took != 5*time.Millisecond {
			t.Errorf("it is not asked first again: %s", took)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAllAttemptsEndWithinTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, b lagging
		a.set(-1)
		b.set(-1)
		network := &bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): a.handle, second.String(): b.handle}}
		p := opened(t, upstream.Config{Servers: []netip.AddrPort{first, second}, Dial: network.dial, Timeout: 5 * time.Second})
		begin := time.Now()
		if _, err := p.Exchange(t.Context(), question(t, nil)); err == nil {
			t.Error("silent servers answered")
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("took %s", took)
		}
		if n := a.asked.Load() + b.asked.Load(); n != 4 {
			t.Errorf("%d attempts, want each server twice", n)
		}
	})
}

func TestABrokenNameIsNotHeldAgainstAServerThatAnswersOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): func(w dns.ResponseWriter, r *dns.Msg) {
			if r.Question[0].Qtype == dns.TypeA {
				_ = w.WriteMsg(reply(r, "1.2.3.4"))
			}
		}}}
		p := opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, "tcp://192.0.2.1")}, Dial: network.dial, Timeout: 5 * time.Second})
		for range 3 {
			var asking sync.WaitGroup
			asking.Go(func() {
				m := new(dns.Msg).SetQuestion("broken.example.", dns.TypeMX)
				if _, err := p.ExchangeMsg(t.Context(), m); err == nil {
					t.Error("a question without an answer was answered")
				}
			})
			for range 10 {
				time.Sleep(450 * time.Millisecond)
				exchange(t, p, nil)
			}
			asking.Wait()
		}
		if st := p.Status()[0]; st.Healthy != fact.VerdictPass || st.Failures == 0 {
			t.Errorf("the server is %+v", st)
		}
		if n := network.dialled.Load(); n != 1 {
			t.Errorf("%d connections, want one that is kept", n)
		}
	})
}

func TestIdenticalQuestionsInFlightShareOneExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		release := make(chan struct{})
		network := &bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): func(w dns.ResponseWriter, r *dns.Msg) {
			asked.Add(1)
			<-release
			_ = w.WriteMsg(reply(r, "1.2.3.4"))
		}}}
		p := opened(t, upstream.Config{Servers: []netip.AddrPort{first}, Dial: network.dial, Timeout: 30 * time.Second})
		var asking sync.WaitGroup
		for range 50 {
			asking.Go(func() {
				if _, err := p.Exchange(t.Context(), question(t, nil)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // all of them wait
		close(release)
		asking.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("%d questions were asked for 50 that are the same", n)
		}
	})
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): answering("1.2.3.4")}}
		p := opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, "tcp://192.0.2.1")}, Dial: network.dial})
		for range 3 {
			exchange(t, p, nil)
			time.Sleep(20 * time.Second)
		}
		if n := network.dialled.Load(); n != 1 {
			t.Errorf("%d connections for questions in quick succession", n)
		}
		time.Sleep(31 * time.Second)
		exchange(t, p, nil)
		if n := network.dialled.Load(); n != 2 {
			t.Errorf("%d connections, want a second one after a long pause", n)
		}
	})
}

// A connection that died without a word, as when the router was restarted.
func TestAConnectionThatFellSilentIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var conns atomic.Int32
		var dead atomic.Bool
		network := &bubbleNet{}
		network.servers = map[string]dns.HandlerFunc{first.String(): func(w dns.ResponseWriter, r *dns.Msg) {
			if dead.Load() && network.dialled.Load() == conns.Load() {
				return
			}
			_ = w.WriteMsg(reply(r, "1.2.3.4"))
		}}
		p := opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, "tcp://192.0.2.1")}, Dial: network.dial, Timeout: 6 * time.Second})
		exchange(t, p, nil)
		conns.Store(network.dialled.Load())
		dead.Store(true)
		time.Sleep(time.Second)
		if took := timed(t, p); took != time.Second {
			t.Errorf("the answer takes %s, want our patience and no more", took)
		}
	})
}
