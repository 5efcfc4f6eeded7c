package locate_test

// Following, in a world that is made up and on a clock that is not the wall's.

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/locate"
)

var (
	one, two = netip.MustParseAddr("192.168.1.10"), netip.MustParseAddr("192.168.1.11")
	broker   = locate.Service{Name: "mqtt", Host: "broker.lan", Port: 8883}
	cloud    = locate.Service{Name: "cloud", Host: "broker.example.com", Port: 8883, Remote: true}
)

const (
	ownKey   = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	otherKey = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// world is a LAN as the locator sees it.
type world struct {
	mu     sync.Mutex
	answer locate.Answer
	err    error
	alive  map[netip.Addr]bool
	serves map[netip.Addr]locate.Vouched
	asked  int
}

func newWorld() *world {
	return &world{alive: map[netip.Addr]bool{}, serves: map[netip.Addr]locate.Vouched{}}
}

func (w *world) set(change func(w *world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

// stand has a device with a key at an address, and says so.
func (w *world) stand(addr netip.Addr, key string, trusted bool) {
	w.set(func(w *world) {
		clear(w.alive)
		clear(w.serves)
		w.alive[addr] = true
		w.serves[addr] = locate.Vouched{Answers: true, SPKI: key, Trusted: trusted, Why: "self-made"}
		w.answer, w.err = locate.Answer{Addrs: []netip.Addr{addr}, TTL: time.Hour}, nil
	})
}

func (w *world) config(file string, services ...locate.Service) locate.Config {
	return locate.Config{
		Services: services, StateFile: file,
		Find: func(context.Context, locate.Service) (locate.Answer, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.asked++
			return w.answer, w.err
		},
		Alive: func(_ context.Context, _ locate.Service, addr netip.Addr) locate.Liveness {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.alive[addr] {
				return locate.There
			}
			return locate.Gone
		},
		Unfit: func(s locate.Service, addr netip.Addr) string {
			if !s.Remote && !addr.IsPrivate() {
				return "is not in the home"
			}
			return ""
		},
		Vouch: func(_ context.Context, _ locate.Service, at netip.AddrPort) locate.Vouched {
			w.mu.Lock()
			defer w.mu.Unlock()
			if v, ok := w.serves[at.Addr()]; ok {
				return v
			}
			return locate.Vouched{Why: "nobody answers"}
		},
	}
}

// in runs a test in a bubble with a locator that runs.
func in(t *testing.T, w *world, services []locate.Service, test func(t *testing.T, l *locate.Locator, file string)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "located.json")
	synctest.Test(t, func(t *testing.T) {
		l := locate.New(w.config(file, services...))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		synctest.Wait()
		test(t, l, file)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func after(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

func want(t *testing.T, l *locate.Locator, addr netip.Addr, problem, stranger bool) {
	t.Helper()
	if got := l.Status().Load()[0]; got.Addr != addr || (got.Problem != "") != problem || got.Stranger != stranger {
		t.Errorf("located: %+v; want %v, a problem: %v, a stranger: %v", got, addr, problem, stranger)
	}
}

func TestFollowsADeviceThatMoves(t *testing.T) {
	w := newWorld()
	w.stand(one, ownKey, false)
	in(t, w, []locate.Service{broker}, func(t *testing.T, l *locate.Locator, _ string) {
		want(t, l, one, false, false)
		after(10 * time.Second)
		w.stand(two, ownKey, false)
		after(3 * time.Second) // it is looked at every two
		want(t, l, two, false, false)
	})
}

func TestNotKnownWithdrawsNothing(t *testing.T) {
	w := newWorld()
	w.stand(one, ownKey, false)
	in(t, w, []locate.Service{broker}, func(t *testing.T, l *locate.Locator, file string) {
		for _, err := range []error{errors.New("no answer"), nil} {
			w.set(func(w *world) { w.answer, w.err = locate.Answer{}, err; clear(w.alive) })
			after(time.Minute)
			want(t, l, one, true, false)
		}
		w.set(func(w *world) { w.answer = locate.Answer{Addrs: []netip.Addr{netip.MustParseAddr("203.0.113.1")}} })
		after(time.Minute)
		want(t, l, one, true, false)
		// Nor does a restart; another thing to be found by does.
		want(t, locate.New(w.config(file, broker)), one, false, false)
		other := broker
		other.Host = "other.lan"
		want(t, locate.New(w.config(file, other)), netip.Addr{}, false, false)
		next := locate.New(w.config("", broker))
		next.Inherit(l)
		want(t, next, one, false, false)
		w.stand(one, ownKey, false)
		after(time.Minute)
		want(t, l, one, false, false)
	})
}

func TestIsNotLedToAStranger(t *testing.T) {
	w := newWorld()
	w.stand(one, ownKey, false)
	in(t, w, []locate.Service{broker}, func(t *testing.T, l *locate.Locator, _ string) {
		w.stand(two, otherKey, false)
		after(time.Minute)
		want(t, l, one, true, true)
		l.Seen("mqtt", one, otherKey) // whoever was given the old address
		after(time.Minute)
		want(t, l, one, true, true)
		w.stand(two, otherKey, true) // it is the service after all
		after(time.Minute)
		want(t, l, two, false, false)
		l.Seen("mqtt", two, ownKey) // renewed where it is
		w.stand(one, ownKey, false)
		after(time.Minute)
		want(t, l, one, false, false)
	})
}

func TestOfSeveralAddressesTheOneThatAnswersCounts(t *testing.T) {
	w := newWorld()
	w.set(func(w *world) {
		w.answer = locate.Answer{Addrs: []netip.Addr{one, two}, TTL: time.Hour}
		w.alive[one], w.alive[two] = true, true
		w.serves[two] = locate.Vouched{Answers: true, SPKI: ownKey}
	})
	in(t, w, []locate.Service{broker}, func(t *testing.T, l *locate.Locator, _ string) {
		want(t, l, two, false, false)
		w.set(func(w *world) { clear(w.serves); w.serves[one] = locate.Vouched{Answers: true, SPKI: ownKey} })
		after(30 * time.Second)
		want(t, l, two, false, false) // nobody has complained
		l.Kick("mqtt")
		after(time.Second)
		want(t, l, one, false, false)
	})
}

func TestQuestionsAreBounded(t *testing.T) {
	w := newWorld()
	w.stand(one, ownKey, false)
	in(t, w, []locate.Service{broker}, func(t *testing.T, l *locate.Locator, _ string) {
		count := func(d time.Duration) int {
			w.set(func(w *world) { w.asked = 0 })
			after(d)
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.asked
		}
		after(61 * time.Second)
		if n := count(time.Hour); n < 59 || n > 61 {
			t.Errorf("%d questions in an hour with a TTL of an hour", n)
		}
		w.set(func(w *world) { w.answer.TTL = 0 })
		after(61 * time.Second)
		if n := count(time.Minute); n < 29 || n > 31 {
			t.Errorf("%d questions in a minute with a TTL of 0", n)
		}
		w.set(func(w *world) { w.asked = 0 })
		for range 1000 { // a flood of announcements over ten seconds
			l.KickBy("broker.lan")
			after(10 * time.Millisecond)
		}
		if n := count(0); n > 21 {
			t.Errorf("%d questions in ten seconds of hints", n)
		}
	})
}

func TestRemoteServiceIsTakenAsItIsNamed(t *testing.T) {
	w := newWorld()
	public := netip.MustParseAddr("203.0.113.7")
	w.set(func(w *world) { w.answer = locate.Answer{Addrs: []netip.Addr{public}, TTL: time.Minute} })
	in(t, w, []locate.Service{cloud}, func(t *testing.T, l *locate.Locator, _ string) {
		want(t, l, public, false, false)
		next := netip.MustParseAddr("203.0.113.8")
		w.set(func(w *world) { w.answer.Addrs = []netip.Addr{next, public} })
		after(2 * time.Minute)
		want(t, l, public, false, false) // one of several is as good as before
		w.set(func(w *world) { w.answer.Addrs = []netip.Addr{next} })
		after(2 * time.Minute)
		want(t, l, next, false, false)
	})
}
