package wan_test

// A home in a synctest bubble: sources that say what a test lets them say, and
// count how often they were asked.

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// voice is a source that says the word of its script; see seen. "-" is an
// error, "hang" never answers.
type voice struct {
	name string
	kind wan.Kind

	mu     sync.Mutex
	script func() string // guarded by mu
	times  []time.Time   // guarded by mu
}

// says makes the voice say word from now on.
func (v *voice) says(word string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.script = says(word)
}

// asked is when it was asked.
func (v *voice) asked() []time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.times)
}

func (v *voice) Name() string   { return v.name }
func (v *voice) Kind() wan.Kind { return v.kind }

func (v *voice) Observe(ctx context.Context) (fact.Observation, error) {
	v.mu.Lock()
	v.times = append(v.times, time.Now())
	word := v.script()
	v.mu.Unlock()
	switch word {
	case "hang":
		<-ctx.Done()
		return fact.Observation{}, ctx.Err()
	case "-":
		return fact.Observation{}, errors.New("out of order")
	}
	o := seen(word)
	o.Source, o.At = v.name, time.Now()
	return o, nil
}

func says(word string) func() string { return func() string { return word } }

func router(f func() string) *voice { return &voice{name: "igd", kind: wan.Router, script: f} }

func outside(name string, f func() string) *voice {
	return &voice{name: "https://" + name + "/", kind: wan.Outside, script: f}
}

// home runs test with a watcher of the given sources, after what it does at
// once.
func home(t *testing.T, test func(t *testing.T, w *wan.Watcher), voices ...*voice) {
	t.Helper()
	homeWith(t, wan.Config{}, test, voices...)
}

func homeWith(t *testing.T, cfg wan.Config, test func(t *testing.T, w *wan.Watcher), voices ...*voice) {
	t.Helper()
	sources := make([]wan.Source, len(voices))
	for i, v := range voices {
		sources[i] = v
	}
	runWith(t, cfg, test, sources...)
}

// runWith is homeWith for any sources.
func runWith(t *testing.T, cfg wan.Config, test func(t *testing.T, w *wan.Watcher), sources ...wan.Source) {
	t.Helper()
	if cfg.OwnPrefixes == nil {
		cfg.OwnPrefixes = func() []netip.Prefix { return own }
	}
	cfg.Rand = rand.New(rand.NewPCG(1, 2))
	run(t, cfg, test, sources...)
}

// runSeeded is runWith with another chance every time.
func runSeeded(t *testing.T, cfg wan.Config, test func(t *testing.T, w *wan.Watcher), voices ...*voice) {
	t.Helper()
	sources := make([]wan.Source, len(voices))
	for i, v := range voices {
		sources[i] = v
	}
	run(t, cfg, test, sources...)
}

func run(t *testing.T, cfg wan.Config, test func(t *testing.T, w *wan.Watcher), sources ...wan.Source) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := wan.New(cfg, sources)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		synctest.Wait()
		test(t, w)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
}

// after lets time pass, and what happens then happen.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func wantAddress(t *testing.T, w *wan.Watcher, want string) {
	t.Helper()
	if got := w.Address().Load(); got.String() != want {
		t.Errorf("published %s, want %s; link: %+v", got, want, w.Status().Load().Link)
	}
	s := w.Status().Load()
	got := s.IPv4
	if s.IPv6.State != fact.Unknown {
		got = s.IPv6
	}
	if got.String() != want {
		t.Errorf("status says %s, want %s", got, want)
	}
}

func wantVerdict(t *testing.T, w *wan.Watcher, want fact.Verdict) {
	t.Helper()
	if got := w.Status().Load().Link; got.Verdict != want || got.Summary == "" || (want == fact.VerdictPass) != (got.Action == "") {
		t.Errorf("link %+v, want %s, and an action unless it passes", got, want)
	}
}
