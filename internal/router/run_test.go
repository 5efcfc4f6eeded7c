package router_test

// Run: events in, hints and generations out.

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

// run runs r until the test ends, or the function is called.
func run(t *testing.T, r *router.Router) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	stop = func() {
		if cancel(); !stopped {
			if err := <-done; err != nil {
				t.Errorf("Run returned %v", err)
			}
		}
		stopped = true
	}
	t.Cleanup(stop)
	return stop
}

// until waits for the status to be as wanted.
func until(t *testing.T, r *router.Router, what string, good func(router.Status) bool) {
	t.Helper()
	limit := time.After(3 * time.Minute)
	for {
		s, changed := r.Status().Get()
		if good(s) {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("never became %s: %+v", what, s)
		}
	}
}

// hintAfter waits for a hint beyond the count and returns it.
func hintAfter(t *testing.T, r *router.Router, count uint64) router.Hint {
	t.Helper()
	limit := time.After(3 * time.Minute)
	for {
		h, changed := r.Hints().Get()
		if h.Count > count {
			return h
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("no hint after %d", count)
		}
	}
}

func subscribed(s router.Status) bool { return s.Found && s.Events.GENA.On }

// generation is a status of at least this generation.
func generation(least uint64) func(router.Status) bool {
	return func(s router.Status) bool { return s.Found && s.Generation >= least }
}

func TestEventsAreHints(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	stop := run(t, r)
	until(t, r, "subscribed", subscribed)
	h := hintAfter(t, r, 0) // the first event, which comes with the subscription
	if h.Kind != "gena" || h.At.IsZero() {
		t.Errorf("hint %+v", h)
	}
	if fake.Notify(igdtest.Address) != 1 {
		t.Error("an event was not taken")
	}
	h = hintAfter(t, r, h.Count)
	if fake.Notify(netip.MustParseAddr("127.0.0.3")) != 0 {
		t.Error("an event from elsewhere was taken")
	}
	if now := r.Hints().Load(); now != h {
		t.Errorf("a hint came of it: %+v", now)
	}
	stop()
	if fake.Subscribers() != 0 {
		t.Error("the subscription was not given back")
	}
	if s := r.Status().Load(); s.Events.GENA.On || s.Events.GENA.Why == "" || s.Events.SSDP.On || s.Events.Announcements.On {
		t.Errorf("after the end: %+v", s.Events)
	}
}

// That a subscription stands says nothing of whether its events arrive.
func TestEventsAreKnownToArriveOnceOneHas(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	run(t, r)
	until(t, r, "heard", func(s router.Status) bool { return s.Events.GENA.On && s.Events.GENA.Heard })

	// It takes the subscription, and what it sends is lost on the way.
	silent := igdtest.Start(t)
	silent.Behave(func(b *igdtest.Behaviour) {
		b.Events = func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header()["SID"], w.Header()["TIMEOUT"] = []string{"uuid:lost"}, []string{"Second-1800"}
			return true
		}
	})
	r = newRouter(silent)
	run(t, r)
	until(t, r, "subscribed", subscribed)
	if events := r.Status().Load().Events; events.GENA.Heard {
		t.Errorf("nothing has come, and yet: %+v", events)
	}
}

func TestAnAddressIsOneCallAndNoSearchWhileRunRuns(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	run(t, r)
	until(t, r, "subscribed", subscribed)
	r.ExpireRecheck() // without Run, the next call would search
	searches := fake.Searches()
	for range 5 {
		if _, err := r.ExternalAddress(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if calls := len(fake.Calls()); calls != 5 {
		t.Errorf("%d calls for five addresses", calls)
	}
	if now := fake.Searches(); now != searches {
		t.Errorf("%d searches for it", now-searches)
	}
}

func TestARestartThatIsAnnouncedIsANewGeneration(t *testing.T) {
	for name, announce := range map[string]func(hear func([]byte), fake *igdtest.Router){
		"another boot": func(hear func([]byte), fake *igdtest.Router) {
			fake.Restart()
			hear(aliveAt(fake.Location(), "2"))
		},
		"back after a goodbye": func(hear func([]byte), fake *igdtest.Router) {
			hear([]byte("NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\nNT: " + igdDevice + "\r\n\r\n"))
			hear(aliveAt(fake.Location(), "1"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			r := newRouter(fake)
			run(t, r)
			until(t, r, "subscribed", subscribed)
			hear := r.HearSSDP(igdtest.Address)
			hear(aliveAt(fake.Location(), "1")) // no news
			hear([]byte("garbage"))
			count := hintAfter(t, r, 0).Count
			announce(hear, fake)
			until(t, r, "found anew", generation(2))
			hintAfter(t, r, count)
			until(t, r, "subscribed again", subscribed)
		})
	}
}

const igdDevice = "urn:schemas-upnp-org:device:InternetGatewayDevice:2"

func aliveAt(location, bootID string) []byte {
	return []byte("NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\nNT: " + igdDevice + "\r\nLOCATION: " + location + "\r\nBOOTID.UPNP.ORG: " + bootID + "\r\n\r\n")
}

func TestAnEpochThatWentBackIsANewGeneration(t *testing.T) {
	natpmp := func(epoch uint32) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0, 128, 0, 0}, epoch), 11, 22, 33, 91)
	}
	pcp := func(epoch uint32) []byte {
		p := make([]byte, 24)
		p[0], p[1] = 2, 0x80
		binary.BigEndian.PutUint32(p[8:], epoch)
		return p
	}
	for kind, announcement := range map[string]func(uint32) []byte{"natpmp": natpmp, "pcp": pcp} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			r := newRouter(fake)
			run(t, r)
			until(t, r, "subscribed", subscribed)
			r.ForgetEpochs() // Run begins to listen at any time
			h := hintAfter(t, r, 0)
			r.HearAnnouncement([]byte("garbage"))
			r.HearAnnouncement(announcement(5000))
			if h = hintAfter(t, r, h.Count); h.Kind != kind {
				t.Errorf("hint %+v", h)
			}
			r.HearAnnouncement(announcement(5000))
			if s := r.Status().Load(); s.Generation != 1 {
				t.Errorf("generation %d though nothing restarted", s.Generation)
			}
			r.HearAnnouncement(announcement(3))
			until(t, r, "found anew", generation(2))
		})
	}
}

func TestASubscriptionThatIsRefusedIsSaid(t *testing.T) {
	other := bystander(t)
	for name, answer := range map[string]http.HandlerFunc{
		"HTTP 412": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(412) },
		"HTTP 307": igdtest.RedirectTo(other),
		"did not answer within": func(_ http.ResponseWriter, req *http.Request) {
			<-req.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			fake.Behave(func(b *igdtest.Behaviour) {
				b.Events = func(w http.ResponseWriter, req *http.Request) bool { answer(w, req); return true }
			})
			r := newRouter(fake, func(c *router.Config) { c.Timeout = 300 * time.Millisecond })
			run(t, r)
			until(t, r, "refused", func(s router.Status) bool { return strings.Contains(s.Events.GENA.Why, name) })
			if s := r.Status().Load(); s.Generation != 1 {
				t.Errorf("generation %d: a router without events is no other router", s.Generation)
			}
			if _, err := r.ExternalAddress(t.Context()); err != nil {
				t.Errorf("its other services: %v", err)
			}
		})
	}
}

func TestRunWithoutARouter(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) { b.Silent = true })
	r := newRouter(fake)
	run(t, r)
	until(t, r, "known to be absent", func(s router.Status) bool { return s.Err != "" && s.Events.GENA.Why != "" })
	// It comes, and says so.
	fake.Behave(func(b *igdtest.Behaviour) { b.Silent = false })
	hear := r.HearSSDP(igdtest.Address)
	hear([]byte("NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\nNT: " + igdDevice + "\r\n\r\n"))
	hear(aliveAt(fake.Location(), "1"))
	until(t, r, "subscribed", subscribed)
}

func TestTheEventPortIsUsed(t *testing.T) {
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := free.Addr().(*net.TCPAddr).AddrPort()
	free.Close()
	r := newRouter(igdtest.Start(t), func(c *router.Config) { c.EventPort = at.Port() })
	run(t, r)
	until(t, r, "subscribed", subscribed)
	conn, err := net.Dial("tcp4", at.String())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestTheEventHostIsTold(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake, func(c *router.Config) {
		// The router refuses another address than the one that asks.
		c.Host = netip.MustParseAddr("127.0.0.9")
	})
	run(t, r)
	until(t, r, "refused", func(s router.Status) bool { return strings.Contains(fmt.Sprint(s.Events.GENA), "HTTP 412") })
}
