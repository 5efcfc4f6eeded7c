package upstream_test

// The sockets that plain questions go out over.

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

// askFor asks for one of many names.
func askFor(t *testing.T, p *upstream.Pool, n int) {
	t.Helper()
	if _, err := p.Exchange(t.Context(), questionFor(t, fmt.Sprintf("n%d.example.", n), dns.TypeA)); err != nil {
		t.Error(err)
	}
}

// countingDial is a bubbleNet whose UDP sockets count what they carry.
type countingDial struct {
	bubbleNet
	mu     sync.Mutex
	uses   []*atomic.Int32
	open   atomic.Int32
	shared atomic.Bool // a socket carried two questions at a time
}

// countingConn is one of those sockets.
type countingConn struct {
	net.Conn
	of      *countingDial
	used    *atomic.Int32
	waiting atomic.Int32
	closing sync.Once
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.used.Add(1)
	if c.waiting.Add(1) > 1 {
		c.of.shared.Store(true)
	}
	return c.Conn.Write(p)
}

func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.waiting.Store(0)
	return n, err
}

func (c *countingConn) Close() error {
	c.closing.Do(func() { c.of.open.Add(-1) })
	return c.Conn.Close()
}

func (d *countingDial) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.bubbleNet.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open.Add(1)
	used := new(atomic.Int32)
	d.uses = append(d.uses, used)
	return &countingConn{Conn: conn, of: d, used: used}, nil
}

func TestASocketIsUsedForFewQuestionsAndNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &countingDial{bubbleNet: bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): answering("1.2.3.4")}}}
		p := opened(t, upstream.Config{Servers: []netip.AddrPort{first}, Dial: network.dial})
		const questions = 20_000 // at one instant
		for n := range questions {
			askFor(t, p, n)
		}
		for _, used := range network.uses {
			if n := used.Load(); n > upstream.SocketUses {
				t.Errorf("a socket was used %d times", n)
			}
		}
		if n := len(network.uses); n < questions/upstream.SocketUses || n > 2*questions/upstream.SocketUses {
			t.Errorf("%d sockets for %d questions", n, questions)
		}
		if n := network.open.Load(); n < upstream.Spread {
			t.Errorf("the next question has %d sockets to choose from", n)
		}
		before := len(network.uses)
		time.Sleep(2*upstream.SocketLife + time.Millisecond)
		synctest.Wait()
		if n := network.open.Load(); n != 0 {
			t.Errorf("%d sockets are open long after", n)
		}
		for n := range 20 { // one every now and then
			askFor(t, p, questions+n)
			time.Sleep(upstream.SocketLife / 10)
		}
		if n := len(network.uses) - before; n != 20 {
			t.Errorf("%d sockets for 20 questions with time between them", n)
		}
	})
}

func TestASocketCarriesOneQuestionAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &countingDial{}
		network.servers = map[string]dns.HandlerFunc{first.String(): func(w dns.ResponseWriter, r *dns.Msg) {
			time.Sleep(time.Millisecond)
			_ = w.WriteMsg(reply(r, "1.2.3.4"))
		}}
		p := opened(t, upstream.Config{Servers: []netip.AddrPort{first}, Dial: network.dial})
		var asking sync.WaitGroup
		for who := range 100 {
			asking.Go(func() {
				for n := range 50 {
					askFor(t, p, 1000*who+n)
				}
			})
		}
		asking.Wait()
		if network.shared.Load() {
			t.Error("a socket carried two questions at a time")
		}
		if n := len(network.uses); n > 300 {
			t.Errorf("%d sockets for 5000 questions, 100 at a time", n)
		}
	})
}

func TestAQuestionEndsWithItsContextAndLeavesNoSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &countingDial{bubbleNet: bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): func(dns.ResponseWriter, *dns.Msg) {}}}}
		p := opened(t, upstream.Config{Servers: []netip.AddrPort{first}, Dial: network.dial, Timeout: 3 * time.Second})
		begin := time.Now()
		for range 3 { // a context that has been seen before, and new ones
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			var asking sync.WaitGroup
			for n := range 10 {
				asking.Go(func() {
					if _, err := p.Exchange(ctx, questionFor(t, fmt.Sprintf("n%d.example.", n), dns.TypeA)); err == nil {
						t.Error("a silent server answered")
					}
				})
			}
			asking.Wait()
			cancel()
		}
		if took := time.Since(begin); took != 60*time.Millisecond {
			t.Errorf("took %s, want it to end with its context", took)
		}
		if n := network.open.Load(); n != 0 {
			t.Errorf("%d sockets are left, over which late answers may come", n)
		}
	})
}

// What a forger would have to guess differs from question to question, on the
// short way as on the long one, and the client sees nothing of it.
func TestTheShortWayIsAsHardToForge(t *testing.T) {
	const name = "a-rather-long-name-of-letters.example."
	var mu sync.Mutex
	names, ids, ports := map[string]bool{}, map[uint16]bool{}, map[string]bool{}
	p := opened(t, upstream.Config{Servers: []netip.AddrPort{serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
		mu.Lock()
		defer mu.Unlock()
		names[r.Question[0].Name], ids[r.Id], ports[w.RemoteAddr().String()] = true, true, true
		m := new(dns.Msg).SetReply(r)
		asked := r.Question[0].Name
		m.Answer = records(t, asked+" 60 IN CNAME host."+asked, "host."+asked+" 60 IN A 1.2.3.4")
		_ = w.WriteMsg(m) // not compressed: all names in the case that was asked
	})}})
	for range 20 {
		r, err := p.Exchange(t.Context(), questionFor(t, name, dns.TypeA))
		if err != nil {
			t.Fatal(err)
		}
		var m dns.Msg
		if err := m.Unpack(r.Packed()); err != nil {
			t.Fatal(err)
		}
		if m.Question[0].Name != name || len(m.Answer) != 2 || m.Answer[0].(*dns.CNAME).Target != "host."+name || m.Answer[1].Header().Name != "host."+name {
			t.Errorf("the case of the question is left in %v", &m)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(names) < 15 || len(ids) < 15 || len(ports) < 15 {
		t.Errorf("20 questions had %d names, %d IDs, %d ports", len(names), len(ids), len(ports))
	}
}

// An answer that comes after the next server was asked still counts.
func TestAnAnswerAfterTheNextServerWasAskedCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, b lagging
		a.set(1200 * time.Millisecond)
		b.set(-1)
		network := &countingDial{bubbleNet: bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): a.handle, second.String(): b.handle}}}
		p := opened(t, upstream.Config{Servers: []netip.AddrPort{first, second}, Dial: network.dial, Timeout: 6 * time.Second})
		if took := timed(t, p); took != 1200*time.Millisecond || a.asked.Load() != 1 || b.asked.Load() != 1 {
			t.Errorf("took %s; the servers were asked %d and %d times", took, a.asked.Load(), b.asked.Load())
		}
	})
}
