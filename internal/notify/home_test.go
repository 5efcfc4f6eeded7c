package notify

// A home in a bubble of synctest, in which a notifier runs.

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/watch"
)

const topic = "ntfy://ntfy.sh/topic"

// home runs a notifier in a bubble.
type home struct {
	t     *testing.T
	cfg   Config
	in    *watch.Value[Input]
	begin time.Time
	stop  func()

	mu  sync.Mutex
	got []string              // guarded by mu; "SECONDS TITLE | BODY"
	say func(Message) attempt // guarded by mu; nil: all is delivered
}

// newHome returns a home whose notifier runs.
func newHome(t *testing.T, change func(*Config)) *home {
	h := &home{t: t, begin: time.Now(), in: watch.New(Input{}, Input.Equal)}
	h.cfg = Config{
		Targets: []Target{{Name: "notify[0]", URL: secret.New(topic)}},
		Dial:    func(context.Context, string, string) (net.Conn, error) { panic("nothing is dialed here") },
		Log:     slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(&h.cfg)
	}
	h.start()
	return h
}

func (h *home) start() {
	h.t.Helper()
	n, err := New(h.cfg, h.in)
	if err != nil {
		h.t.Fatal(err)
	}
	n.send = func(_ context.Context, e *endpoint, m Message) attempt {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.say != nil {
			if a := h.say(m); a.outcome != delivered {
				return a
			}
		}
		body := strings.ReplaceAll(m.body(time.Now()), "\n", " / ")
		h.got = append(h.got, fmt.Sprintf("%d %s | %s", int(time.Since(h.begin).Seconds()), strings.TrimPrefix(m.title(), "edgeguard: "), body))
		return attempt{}
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("Run = %v", err)
		}
	}
	synctest.Wait()
}

// restart ends the notifier and starts another with the same state file.
func (h *home) restart() {
	h.stop()
	h.start()
}

// verdict sets one link's verdict.
func (h *home) verdict(id string, v fact.Verdict) {
	old := h.in.Load()
	links := slices.DeleteFunc(slices.Clone(old.Links), func(l Link) bool { return l.ID == id })
	old.Links = append(links, Link{ID: id, Verdict: v, Summary: "it is " + v.String()})
	h.in.Store(old)
	synctest.Wait()
}

func (h *home) address(text string) {
	in := h.in.Load()
	in.IPv4 = fact.KnownAddr(netip.MustParseAddr(text), "", time.Time{})
	h.in.Store(in)
	synctest.Wait()
}

func (h *home) record(address string, verified bool) {
	in := h.in.Load()
	in.Records = []Record{{"a.example.org", "A", netip.MustParseAddr(address), verified}}
	h.in.Store(in)
	synctest.Wait()
}

func (h *home) after(d time.Duration) { time.Sleep(d); synctest.Wait() }

// answers sets what the services say from now on.
func (h *home) answers(say func(Message) attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.say = say
}

// sent lists what was delivered so far.
func (h *home) sent() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
}

// want compares what was delivered so far.
func (h *home) want(lines ...string) {
	h.t.Helper()
	got := h.sent()
	ok := len(lines) == len(got)
	for i := 0; ok && i < len(lines); i++ {
		ok = strings.HasPrefix(got[i], lines[i])
	}
	if !ok {
		h.t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(lines, "\n  "))
	}
}
