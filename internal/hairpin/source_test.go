package hairpin_test

// Whom services see by the public address: when we call ourselves, and what is
// said of it. The calls go over loopback sockets; when they are due is tested in
// a bubble, with a router that maps nothing.

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/hairpin/nonce"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// refuser is a router that maps nothing, and notes when it was asked.
type refuser struct {
	mu    sync.Mutex
	asked []time.Time // guarded by mu
	off   error       // guarded by mu; why there is not even an address
}

func (r *refuser) Local() (netip.Addr, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.off != nil {
		return netip.Addr{}, r.off
	}
	r.asked = append(r.asked, time.Now())
	return netip.Addr{}, errors.New("nothing can be mapped")
}

func (r *refuser) Map(context.Context, netip.AddrPort, time.Duration) (nonce.Mapping, error) {
	return nonce.Mapping{}, errors.New("nothing can be mapped")
}

func (r *refuser) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked)
}

func TestWhenWeCallOurselves(t *testing.T) {
	withMapper(t, true, false, func(t *testing.T, r *refuser, p *hairpin.Prober, wan *watch.Value[fact.Observation]) {
		after(29 * time.Second)
		if r.count() != 0 {
			t.Error("the router was asked before it was settled that this is of use")
		}
		after(2 * time.Second)
		if r.count() != 1 {
			t.Fatalf("it was asked %d times", r.count())
		}
		after(23 * time.Hour)
		if r.count() != 1 {
			t.Errorf("it was asked %d times in a day", r.count())
		}
		after(2 * time.Hour)
		if r.count() != 2 {
			t.Errorf("it was asked %d times in more than a day", r.count())
		}
		// Routers and addresses that come and go do not have us ask all the time.
		for range 60 {
			p.RouterChanged()
			after(time.Minute)
		}
		if n := r.count(); n < 3 || n > 8 {
			t.Errorf("it was asked %d times while the router was found anew each minute", n)
		}
		after(time.Hour)
		before := r.count()
		wan.Store(fact.KnownAddr(netip.MustParseAddr("11.22.33.55"), "test", time.Now()))
		after(time.Minute)
		if r.count() != before+1 {
			t.Errorf("another public address had it asked %d times", r.count()-before)
		}
		wan.Store(fact.UnknownAddr("test", time.Now()))
		after(48 * time.Hour)
		if r.count() != before+1 {
			t.Error("it was asked without a public address")
		}
	})
}

// Where the services say that the router does not loop back, or say nothing
// because calls get lost, there is nothing to find.
func TestNoCallWithoutUse(t *testing.T) {
	for name, refuses := range map[string]bool{"refused": true, "timeout": false} {
		t.Run(name, func(t *testing.T) {
			withMapper(t, false, refuses, func(t *testing.T, r *refuser, _ *hairpin.Prober, _ *watch.Value[fact.Observation]) {
				after(48 * time.Hour)
				if r.count() != 0 {
					t.Errorf("the router was asked %d times", r.count())
				}
			})
		})
	}
}

// What a person does by hand is theirs: nothing is asked, and it is looked at
// again whether that is still so.
func TestNoCallWhereNothingMayBeAsked(t *testing.T) {
	withMapper(t, true, false, func(t *testing.T, r *refuser, _ *hairpin.Prober, _ *watch.Value[fact.Observation]) {
		r.mu.Lock()
		r.off = nonce.ErrOff
		r.mu.Unlock()
		after(48 * time.Hour)
		if r.count() != 0 {
			t.Fatalf("the router was asked %d times", r.count())
		}
		r.mu.Lock()
		r.off = nil
		r.mu.Unlock()
		after(2 * time.Hour)
		if r.count() != 1 {
			t.Errorf("once it may be asked, it was asked %d times", r.count())
		}
	})
}

// withMapper runs test in a bubble with a router that maps nothing, and a service
// that is down, or at whose public address calls are refused or get lost.
func withMapper(t *testing.T, down, refuses bool, test func(t *testing.T, r *refuser, p *hairpin.Prober, wan *watch.Value[fact.Observation])) {
	t.Helper()
	r := &refuser{}
	bubbleOf(t, hairpin.Config{Mapper: r, Interval: time.Hour}, down, refuses, func(t *testing.T, _ *network, _ *authority, p *hairpin.Prober, wan *watch.Value[fact.Observation]) {
		test(t, r, p, wan)
	})
}

// What a call found, as it is published beside what the services said.
func TestWhatACallMeans(t *testing.T) {
	ca := newCA(t, "Home CA")
	cert := ca.issue(t, []string{"mqtt.example.com"}, nil)
	wan, router, own := netip.MustParseAddr(public), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.10")
	for name, c := range map[string]struct {
		outcome nonce.Outcome
		source  netip.Addr
		broker  bool // the service answers, and at the public address, too
		verdict hairpin.Loopback
		seen    netip.Addr
		says    []string
	}{
		"masquerade":                   {nonce.Seen, router, true, hairpin.LoopbackYes, router, []string{"own key", "as 127.0.0.1, the router", "cannot tell them apart"}},
		"masquerade, no broker":        {nonce.Seen, router, false, hairpin.LoopbackYes, router, []string{"arrived", "as 127.0.0.1, the router"}},
		"SNAT":                         {nonce.Seen, wan, false, hairpin.LoopbackYes, wan, []string{"as 127.0.0.2, the public address", "lets only the LAN in refuses them"}},
		"no SNAT":                      {nonce.Seen, own, false, hairpin.LoopbackYes, own, []string{"its own address", "can tell them apart"}},
		"another NAT":                  {nonce.Seen, netip.MustParseAddr("10.0.0.1"), false, hairpin.LoopbackYes, netip.MustParseAddr("10.0.0.1"), []string{"10.0.0.1, which is neither"}},
		"refused":                      {nonce.Refused, netip.Addr{}, false, hairpin.LoopbackNo, netip.Addr{}, []string{"refused"}},
		"a refusal proves less":        {nonce.Refused, netip.Addr{}, true, hairpin.LoopbackYes, netip.Addr{}, []string{"own key"}},
		"a timeout is no no":           {nonce.Silent, netip.Addr{}, false, hairpin.LoopbackUnknown, netip.Addr{}, []string{"no service answers", "did not arrive (timeout)"}},
		"taken by something else":      {nonce.Elsewhere, netip.Addr{}, false, hairpin.LoopbackUnknown, netip.Addr{}, []string{"taken by something else"}},
		"a timeout beside the service": {nonce.Silent, netip.Addr{}, true, hairpin.LoopbackYes, netip.Addr{}, []string{"own key"}},
	} {
		t.Run(name, func(t *testing.T) {
			direct := newBroker(cert, accepted()...)
			s := service(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), closedPort(t)), ca)
			s.ExternalPort = closedPort(t)
			if c.broker {
				s.Address = listen(t, "127.0.0.1", direct.handle)
				s.ExternalPort = listen(t, public, newBroker(cert, accepted()...).handle).Port()
			}
			p := hairpin.New(hairpin.Config{Services: []hairpin.Service{s}}, wanValue(public))
			start(t, p)
			looked(t, p)
			p.Found(wan, nonce.Finding{Outcome: c.outcome, Source: c.source, Own: own, Router: router})
			status := await(t, p, "the finding", func(s hairpin.Status) bool {
				return s.Loopback == c.verdict && s.SourceSeen == c.seen && strings.Contains(strings.Join(s.Evidence, "\n"), c.says[len(c.says)-1])
			})
			for _, word := range c.says {
				if !slices.ContainsFunc(status.Evidence, func(line string) bool { return strings.Contains(line, word) }) {
					t.Errorf("nothing says %q: %q", word, status.Evidence)
				}
			}
			if l := status.Hairpin; l.Summary == "" || (l.Verdict == fact.VerdictPass) != (c.verdict != hairpin.LoopbackUnknown) {
				t.Errorf("link %+v", l)
			}
		})
	}
}
