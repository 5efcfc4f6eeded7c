package hairpin_test

// The prober over time, in a bubble: real TLS over pipes, no sockets.

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/watch"
)

var (
	lanAddress = netip.MustParseAddrPort("192.168.77.10:8883")
	wanAddress = "11.22.33.44:8883"
)

// network is a home's network of pipes. An address without a handler hangs;
// one with a nil handler refuses.
type network struct {
	mu       sync.Mutex
	handlers map[string]func(net.Conn) // guarded by mu
	dials    map[string][]time.Time    // guarded by mu
}

func newNetwork() *network {
	return &network{handlers: map[string]func(net.Conn){}, dials: map[string][]time.Time{}}
}

func (n *network) serve(address string, handle func(net.Conn)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handlers[address] = handle
}

func (n *network) dialled(address string) []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.dials[address])
}

func (n *network) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dials[address] = append(n.dials[address], time.Now())
	handle, ok := n.handlers[address]
	n.mu.Unlock()
	switch {
	case !ok:
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: kind, Err: ctx.Err()}
	case handle == nil:
		return nil, &net.OpError{Op: "dial", Net: kind, Err: fmt.Errorf("connect: %w", syscall.ECONNREFUSED)}
	}
	ours, theirs := net.Pipe()
	go func() { defer theirs.Close(); handle(theirs) }()
	return ours, nil
}

// pipe is a broker's handler that forgets what it saw.
func pipe(b *broker) func(net.Conn) {
	return func(conn net.Conn) {
		b.handle(conn)
		for {
			select {
			case <-b.names:
			case <-b.ended:
			default:
				return
			}
		}
	}
}

// bubble runs test with a prober of one service, whose router refuses calls to
// the public address, or lets them hang.
func bubble(t *testing.T, refuses bool, interval time.Duration, test func(t *testing.T, n *network, ca *authority, p *hairpin.Prober, wan *watch.Value[fact.Observation])) {
	t.Helper()
	bubbleOf(t, hairpin.Config{Interval: interval}, false, refuses, test)
}

// bubbleOf is bubble with a prober of cfg, whose service may be down.
func bubbleOf(t *testing.T, cfg hairpin.Config, down, refuses bool, test func(t *testing.T, n *network, ca *authority, p *hairpin.Prober, wan *watch.Value[fact.Observation])) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n, ca, wan := newNetwork(), newCA(t, "Home CA"), wanValue("11.22.33.44")
		cfg.Services = []hairpin.Service{service(lanAddress, ca)}
		p := hairpin.New(cfg, wan)
		p.SetNetwork(n.dial, nil)
		if refuses {
			n.serve(wanAddress, nil)
		}
		n.serve(lanAddress.String(), pipe(newBroker(ca.issue(t, []string{"mqtt.example.com"}, nil), accepted()...)))
		if down {
			n.serve(lanAddress.String(), nil)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		test(t, n, ca, p, wan)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// A silent router costs its timeout once in ten minutes, and never becomes a
// no; the services are looked at every 15 s.
func TestProberCadence(t *testing.T) {
	bubble(t, false, 0, func(t *testing.T, n *network, ca *authority, p *hairpin.Prober, wan *watch.Value[fact.Observation]) {
		after(5*time.Second - time.Nanosecond)
		if got := p.Status().Load().Services[0].Reachable; got != fact.VerdictUnknown {
			t.Errorf("published in the middle of a round: %s", got)
		}
		after(time.Nanosecond)
		s := p.Status().Load()
		if s.Loopback != hairpin.LoopbackUnknown || !strings.Contains(s.Hairpin.Summary, "timeout") || s.Services[0].Reachable != fact.VerdictPass {
			t.Errorf("after the first round: %+v", s)
		}
		after(time.Hour)
		if at := n.dialled(wanAddress); len(at) < 6 || len(at) > 7 {
			t.Errorf("the public address was tried %d times in an hour, at %v", len(at), at)
		}
		// At the start, and once an hour, there are the two connections of the
		// rare look beside: MQTT 5.0, and as an old device.
		moments, calls := map[time.Time]int{}, 0
		for _, at := range n.dialled(lanAddress.String()) {
			moments[at.Truncate(time.Second)]++
			calls++
		}
		at := slices.SortedFunc(maps.Keys(moments), time.Time.Compare)
		if gap := at[2].Sub(at[1]); gap != 15*time.Second || moments[at[0]] != 3 || moments[at[1]] != 1 || moments[at[100]] != 1 {
			t.Errorf("two looks are %s apart, with %d, %d and %d calls", gap, moments[at[0]], moments[at[1]], moments[at[100]])
		}
		if extra := calls - len(at); extra != 4 {
			t.Errorf("%d rare calls in an hour and a bit, want 4", extra)
		}
		// Another public address is tried at once.
		n.serve("11.22.33.55:8883", nil)
		wan.Store(fact.KnownAddr(netip.MustParseAddr("11.22.33.55"), "test", time.Now()))
		after(0)
		if s := p.Status().Load(); s.Loopback != hairpin.LoopbackNo {
			t.Errorf("after a change of address: %s, %q", s.Loopback, s.Evidence)
		}
	})
}

// While a service is down its verdict and its names stay, and nothing is tried
// by the public address, as there would be nothing to compare with.
func TestProberWhileDown(t *testing.T) {
	bubble(t, true, 0, func(t *testing.T, n *network, ca *authority, p *hairpin.Prober, _ *watch.Value[fact.Observation]) {
		after(time.Second)
		names, changed := p.Names().Get()
		if s := p.Status().Load(); s.Loopback != hairpin.LoopbackNo || len(names[0].Names) != 1 {
			t.Fatalf("at first: %s, %+v", s.Loopback, names)
		}
		n.serve(lanAddress.String(), nil)
		after(time.Hour)
		s := p.Status().Load()
		if s.Broker.Verdict != fact.VerdictFail || !strings.Contains(s.Broker.Summary, "nothing listens at 192.168.77.10:8883") {
			t.Errorf("broker %+v", s.Broker)
		}
		if s.Loopback != hairpin.LoopbackNo || len(n.dialled(wanAddress)) != 1 {
			t.Errorf("loopback %s, tried at %v", s.Loopback, n.dialled(wanAddress))
		}
		select {
		case <-changed:
			t.Errorf("names became %+v", p.Names().Load())
		default:
		}
		if s.Certificate.Verdict != fact.VerdictUnknown {
			t.Errorf("certificate %+v", s.Certificate)
		}
	})
}

// A certificate that nobody renews: a pass, a warning for its last 14 days,
// then a failure, and its names stay answered.
func TestProberWatchesExpiry(t *testing.T) {
	bubble(t, true, 12*time.Hour, func(t *testing.T, _ *network, _ *authority, p *hairpin.Prober, _ *watch.Value[fact.Observation]) {
		const days = 24 * time.Hour
		for _, step := range []struct {
			wait time.Duration
			want fact.Verdict
		}{{75 * days, fact.VerdictPass}, {2 * days, fact.VerdictWarn}, {12 * days, fact.VerdictWarn}, {2 * days, fact.VerdictFail}} {
			after(step.wait)
			if got := p.Status().Load().Certificate; got.Verdict != step.want {
				t.Errorf("%s later: %+v, want %s", step.wait, got, step.want)
			}
		}
		if got := p.Names().Load()[0].Names; len(got) != 1 {
			t.Errorf("names %q", got)
		}
	})
}

// A status that says the same is not published again.
func TestProberPublishesOnlyChanges(t *testing.T) {
	bubble(t, true, 0, func(t *testing.T, n *network, _ *authority, p *hairpin.Prober, _ *watch.Value[fact.Observation]) {
		after(time.Second)
		before, changed := p.Status().Get()
		for range 100 {
			after(15 * time.Second)
			select {
			case <-changed:
				t.Fatalf("became %+v, was %+v", p.Status().Load(), before)
			default:
			}
		}
	})
}

func TestProberStopsWithinARound(t *testing.T) {
	bubble(t, false, 0, func(t *testing.T, n *network, _ *authority, p *hairpin.Prober, _ *watch.Value[fact.Observation]) {
		before := p.Status().Load()
		synctest.Wait() // the public address hangs
		if got := p.Status().Load(); got.Services[0] != before.Services[0] {
			t.Errorf("published in the middle of a round: %+v", got)
		}
	})
}

// What a service shows is told with the time of each look, though nothing of it
// has changed: who waits for another certificate has to know when it was looked.
func TestProberTellsWhatIsServed(t *testing.T) {
	bubble(t, true, 0, func(t *testing.T, n *network, ca *authority, p *hairpin.Prober, _ *watch.Value[fact.Observation]) {
		after(time.Second)
		first := p.Served()
		if len(first) != 1 || first[0].Leaf == nil || first[0].Service != "mqtt" || time.Since(first[0].At) != time.Second {
			t.Fatalf("served: %+v", first)
		}
		renewed := ca.issue(t, []string{"mqtt.example.com"}, nil)
		n.serve(lanAddress.String(), pipe(newBroker(renewed, accepted()...)))
		after(15 * time.Second)
		if now := p.Served()[0]; now.Leaf == nil || !now.Leaf.Equal(renewed.Leaf) || now.At.Sub(first[0].At) != 15*time.Second {
			t.Errorf("served after a renewal: %+v", now)
		}
		n.serve(lanAddress.String(), nil)
		after(15 * time.Second)
		if now := p.Served()[0]; now.Leaf != nil || now.At.Sub(first[0].At) != 30*time.Second {
			t.Errorf("served when it is down: %+v", now)
		}
	})
}
