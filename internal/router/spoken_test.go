package router_test

// Routers that speak NAT-PMP and PCP only: how they are named, and how whoever
// keeps something on them hears that it may be gone.

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
	"github.com/edgeguard/edgeguard/internal/router/pcptest"
)

// announcements are an announcement of an epoch, by kind.
var announcements = map[string]func(uint32) []byte{
	"natpmp": func(epoch uint32) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0, 128, 0, 0}, epoch), 11, 22, 33, 91)
	},
	"pcp": func(epoch uint32) []byte {
		p := make([]byte, 24)
		p[0], p[1] = 2, 0x80
		binary.BigEndian.PutUint32(p[8:], epoch)
		return p
	},
}

func TestARouterWithoutUPnPIsNamedByItsAddress(t *testing.T) {
	fake, r := plain(t, 2)
	if _, err := r.ExternalAddress(t.Context()); !errors.Is(err, fact.ErrNoRouter) || r.Describe() != "" || r.Identity() != "" {
		t.Fatalf("before it was asked: %v, %q, %q", err, r.Describe(), r.Identity())
	}
	before := r.Status().Load()
	for i, q := range []fact.Request{mqtt(fact.MethodNATPMP), mqtt(fact.MethodPCP)} {
		fake.Restart()
		if _, err := r.Map(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		s := r.Status().Load()
		// Who was told that there is no router tries again.
		if want := methods[1-i:]; !slices.Equal(s.Speaks, want) || s.Generation != before.Generation+uint64(i)+1 {
			t.Errorf("it speaks %v in generation %d, want %v", s.Speaks, s.Generation, want)
		}
		if s.Found || s.Err == "" || s.Address != igdtest.Address || s.Local != netip.MustParseAddr("127.0.0.1") {
			t.Errorf("status %+v", s)
		}
	}
	if r.Describe() != "router at 127.0.0.2" || r.Identity() != "127.0.0.2" {
		t.Errorf("it is called %q, %q", r.Describe(), r.Identity())
	}
	// A search that fails again leaves that as it is.
	r.ShortenMemory(0)
	s := r.Status().Load()
	if _, err := r.ExternalAddress(t.Context()); !errors.Is(err, fact.ErrNoRouter) {
		t.Fatal(err)
	}
	if now := r.Status().Load(); !slices.Equal(now.Speaks, methods) || now.Address != s.Address || now.Generation != s.Generation {
		t.Errorf("after another search: %+v, before: %+v", now, s)
	}
	// It is switched off.
	fake.Behave(func(b *pcptest.Behaviour) { b.NoPCP = true })
	_, _ = r.Map(t.Context(), mqtt(fact.MethodPCP))
	if now := r.Status().Load(); !slices.Equal(now.Speaks, methods[1:]) || r.Describe() == "" {
		t.Errorf("without PCP: %+v", now)
	}
	fake.Behave(func(b *pcptest.Behaviour) { b.Silent = true })
	for range 2 {
		_, _ = r.Map(t.Context(), mqtt(fact.MethodNATPMP))
	}
	if now := r.Status().Load(); now.Speaks != nil || now.Address.IsValid() || r.Describe() != "" {
		t.Errorf("silent: %+v", now)
	}
}

func TestARouterWithBothIsNamedByUPnP(t *testing.T) {
	fake, datagrams := igdtest.Start(t), pcptest.Start(t, igdtest.Address)
	r := newRouter(fake)
	r.ControlPort(datagrams.Port(), 2)
	if _, err := r.Map(t.Context(), mqtt(fact.MethodPCP)); err != nil {
		t.Fatal(err)
	}
	if s := r.Status().Load(); s.Generation != 0 {
		t.Errorf("generation %d: nobody has been told that there is none", s.Generation)
	}
	if _, err := r.ExternalAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := r.Status().Load(); !s.Found || !slices.Equal(s.Speaks, methods[:1]) || s.Generation != 1 || r.Identity() != s.UDN {
		t.Errorf("status %+v", s)
	}
}

// What one router said counts for no other: its epoch and its protocols.
func TestAnotherGatewayBeginsAnew(t *testing.T) {
	first, gateway := pcptest.Start(t, igdtest.Address), igdtest.Address
	there := netip.MustParseAddr("127.0.0.3")
	upnp, second := igdtest.StartAt(t, there), pcptest.Start(t, there)
	r := newRouter(upnp, func(c *router.Config) { c.Gateway = func() (netip.Addr, error) { return gateway, nil } })
	r.ControlPort(first.Port(), 2)
	if _, err := r.Map(t.Context(), mqtt(fact.MethodPCP)); err != nil || r.Describe() != "router at 127.0.0.2" {
		t.Fatalf("%v, %q", err, r.Describe())
	}
	gateway = there
	second.Restart() // just now, and the first one long ago
	if _, err := r.ExternalAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := r.Status().Load(); s.Speaks != nil || s.Address != there || s.Generation != 1 {
		t.Errorf("status %+v", s)
	}
	upnp.Behave(func(b *igdtest.Behaviour) { b.Silent = true })
	upnp.Stop()
	_, _ = r.ExternalAddress(t.Context()) // it is no longer found
	before := r.Status().Load().Generation
	r.ControlPort(second.Port(), 2)
	if _, err := r.Map(t.Context(), mqtt(fact.MethodPCP)); err != nil {
		t.Fatal(err)
	}
	// One for a router that answers where none was found; none for its epoch.
	if s := r.Status().Load(); s.Address != there || s.Generation != before+1 {
		t.Errorf("status %+v, generation %d before", s, before)
	}
}

// Without Run there are the answers, and each restart is one Generation.
func TestAnEpochThatStartsAnewIsANewGenerationWithoutUPnP(t *testing.T) {
	eachMethod(t, func(t *testing.T, q fact.Request) {
		fake, r := plain(t, 2)
		ask := func(want uint64) {
			t.Helper()
			if _, err := r.Map(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			if s := r.Status().Load(); s.Generation != want {
				t.Errorf("generation %d, want %d", s.Generation, want)
			}
		}
		ask(0)
		ask(0)
		fake.Restart()
		ask(1)
		ask(1)
	})
}

func TestAnnouncementsAreGenerationsWithoutUPnP(t *testing.T) {
	for kind, announce := range announcements {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			_, r := plain(t, 2)
			run(t, r)
			until(t, r, "known to be absent", func(s router.Status) bool { return s.Err != "" && s.Events.Announcements != (router.EventSource{}) })
			before := r.Status().Load().Generation
			// The service restarts, and its clock, the machine's, goes on.
			r.HearAnnouncement(announce(5000))
			until(t, r, "one generation on", func(s router.Status) bool { return s.Generation == before+1 })
			// The machine restarts.
			r.HearAnnouncement(announce(1))
			until(t, r, "two generations on", func(s router.Status) bool { return s.Generation == before+2 })
		})
	}
}

// A router says its news up to ten times over: that is one Generation.
func TestAnnouncementsThatAreRepeatedAreNoNews(t *testing.T) {
	for kind, announce := range announcements {
		_, r := plain(t, 2) // without Run, nothing is put off
		for range 10 {
			r.HearAnnouncement(announce(5000))
		}
		if s := r.Status().Load(); s.Generation != 1 {
			t.Errorf("%s: generation %d after repetitions", kind, s.Generation)
		}
		r.HearAnnouncement(announce(1))
		if s := r.Status().Load(); s.Generation != 2 {
			t.Errorf("%s: generation %d after a restart", kind, s.Generation)
		}
	}
}

// A liar in the LAN announces restarts without end: few searches and few
// Generations come of it, and what is true is heard all the same.
func TestForgedAnnouncementsAreFewGenerations(t *testing.T) {
	fake, r := plain(t, 2)
	run(t, r)
	until(t, r, "known to be absent", func(s router.Status) bool { return s.Err != "" && s.Events.Announcements != (router.EventSource{}) })
	before, began := r.Status().Load().Generation, time.Now()
	told := uint32(0)
	for ; told < 10000 || time.Since(began) < 1500*time.Millisecond; told++ {
		r.HearAnnouncement(announcements["pcp"](told % 2 * 5000))
		if told%100 == 0 {
			time.Sleep(time.Millisecond) // others run, too
		}
	}
	until(t, r, "another generation", func(s router.Status) bool { return s.Generation > before })
	if s, most := r.Status().Load(), 2+uint64(time.Since(began)/(2*time.Second)); s.Generation > before+most {
		t.Errorf("%d generations of %d announcements", s.Generation-before, told)
	}
	now := r.Status().Load().Generation
	if _, err := r.Map(t.Context(), mqtt(fact.MethodPCP)); err != nil { // the true epoch
		t.Fatal(err)
	}
	fake.Restart()
	if _, err := r.Map(t.Context(), mqtt(fact.MethodPCP)); err != nil {
		t.Fatal(err)
	}
	until(t, r, "a generation for what is true", func(s router.Status) bool { return s.Generation > now })
}

func TestAnotherGatewayIsANewGeneration(t *testing.T) {
	t.Parallel() // it waits for Run to look
	var gateway atomic.Value
	gateway.Store(igdtest.Address)
	_, r := plain(t, 1, func(c *router.Config) {
		c.Gateway = func() (netip.Addr, error) { return gateway.Load().(netip.Addr), nil }
	})
	run(t, r)
	until(t, r, "known to be absent", func(s router.Status) bool { return s.Err != "" && s.Events.Announcements != (router.EventSource{}) })
	if _, err := r.Map(t.Context(), mqtt(fact.MethodPCP)); err != nil {
		t.Fatal(err)
	}
	before := r.Status().Load().Generation
	gateway.Store(netip.MustParseAddr("127.0.0.3"))
	until(t, r, "another generation", func(s router.Status) bool { return s.Generation > before })
	if _, err := r.Map(t.Context(), mqtt(fact.MethodPCP)); !errors.Is(err, fact.ErrNotSpoken) {
		t.Errorf("nobody is there: %v", err)
	}
}

// echoCounter is a log that counts the events which were taken for echoes.
type echoCounter struct{ atomic.Int64 }

func (c *echoCounter) Enabled(context.Context, slog.Level) bool { return true }
func (c *echoCounter) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *echoCounter) WithGroup(string) slog.Handler            { return c }
func (c *echoCounter) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "it may be of that") {
		c.Add(1)
	}
	return nil
}

// A router with both tells of each mapping by GENA. Were that a hint, whoever
// asks for the address at each hint would go round and round.
func TestMappingsMakeNoHints(t *testing.T) {
	eachMethod(t, func(t *testing.T, q fact.Request) {
		fake, datagrams := igdtest.Start(t), pcptest.Start(t, igdtest.Address)
		var echoes echoCounter
		r := newRouter(fake, func(c *router.Config) { c.Log = slog.New(&echoes) })
		r.ControlPort(datagrams.Port(), 2)
		run(t, r)
		until(t, r, "subscribed", subscribed)
		hint := hintAfter(t, r, 0) // that of the subscription
		told := new(atomic.Int64)
		datagrams.Behave(func(b *pcptest.Behaviour) {
			b.Lifetime = func(asked uint32) uint32 { told.Add(int64(fake.Notify(igdtest.Address))); return asked }
		})
		// Once only: of a text that comes more often, lines are left out.
		if _, err := r.Map(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		told.Add(int64(fake.Notify(igdtest.Address))) // a little late
		if err := r.Unmap(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		told.Add(int64(fake.Notify(igdtest.Address)))
		// Hints that come close together are published later: whether there
		// will be one shows in what was made of each event.
		if now := r.Hints().Load(); now != hint || told.Load() < 3 || echoes.Load() != told.Load() {
			t.Errorf("hint %+v after %+v, %d events while it mapped, %d of them taken for echoes", now, hint, told.Load(), echoes.Load())
		}
		r.ExpireEcho()
		fake.Notify(igdtest.Address)
		hintAfter(t, r, hint.Count)
	})
}
