package notify

// The notifier: one loop that decides, and one for each endpoint that sends, so
// that a slow service holds up nobody.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// Notifier tells people. Make one with New.
type Notifier struct {
	cfg   Config
	input *watch.Value[Input]
	// send sends; tests replace it.
	send func(context.Context, *endpoint, Message) attempt

	receivers []*receiver

	mu     sync.Mutex
	warned bool // guarded by mu; the state file could not be written last time
}

// receiver is one Target as it is followed. Its tracker belongs to Run's loop,
// its queues to nobody: they lock themselves.
type receiver struct {
	target      Target
	fingerprint string
	tracker     *tracker
	queues      []*queue
	told        stateTarget // guarded by the notifier's mu; without the queues
}

// New returns a notifier that has not started. input is what it is fed with;
// required where there are Targets.
// An error is a mistake in cfg, without secrets.
func New(cfg Config, input *watch.Value[Input]) (*Notifier, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	if input == nil && len(cfg.Targets) > 0 {
		panic("notify.New: input is nil")
	}
	n := &Notifier{cfg: cfg, input: input, send: newClient(cfg).send}
	for _, target := range cfg.Targets {
		endpoints, err := parse(target.URL)
		if err != nil {
			return nil, fmt.Errorf("setting up %s: %w", target.Name, err)
		}
		r := &receiver{target: target, fingerprint: fingerprint(target.URL), tracker: newTracker(target.On, target.After)}
		for _, e := range endpoints {
			r.queues = append(r.queues, n.newQueue(target, e))
		}
		n.receivers = append(n.receivers, r)
	}
	return n, nil
}

// Run tells until ctx ends, and then returns nil once every goroutine of its
// own has ended. What waits to be sent then is in the state file. Call it once.
func (n *Notifier) Run(ctx context.Context) error {
	if len(n.receivers) == 0 {
		<-ctx.Done()
		return nil
	}
	n.load()
	n.remember()
	var wg sync.WaitGroup
	for _, r := range n.receivers {
		for _, q := range r.queues {
			wg.Go(func() { _ = q.loop.Run(ctx) }) // it returns nil only
		}
	}
	n.decide(ctx)
	wg.Wait()
	for _, r := range n.receivers {
		r.tracker.observe(r.tracker.in, time.Now()) // up to the end
	}
	n.remember()
	return nil
}

// decide looks at the input whenever it changes and whenever a tracker wants.
func (n *Notifier) decide(ctx context.Context) {
	var before Input
	for {
		in, changed := n.input.Get()
		now := time.Now()
		next := n.step(in, now)
		if onlineAgain(before, in) {
			n.kick()
		}
		before = in
		var timer <-chan time.Time
		if next > 0 {
			timer = time.After(next)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-timer:
		}
	}
}

// step has every tracker look, queues what is to be told, and returns when to
// look again; zero means not before something changes.
func (n *Notifier) step(in Input, now time.Time) (next time.Duration) {
	news := false
	for _, r := range n.receivers {
		known := r.tracker.known()
		r.tracker.observe(in, now)
		facts, wait := r.tracker.step(now)
		if wait > 0 {
			next = sooner(next, wait)
		}
		if len(facts) > 0 {
			m := newMessage(facts, in, now)
			for _, q := range r.queues {
				q.add(m)
			}
			n.cfg.Log.Info("people are told", "target", r.target.Name, "title", m.title())
		}
		news = news || len(facts) > 0 || known != r.tracker.known()
	}
	if news {
		n.remember()
		n.kick()
	}
	return next
}

// kick has every endpoint with something to send try now, unless its service
// wants to be left alone.
func (n *Notifier) kick() {
	for _, r := range n.receivers {
		for _, q := range r.queues {
			q.loop.Kick()
		}
	}
}

// onlineAgain reports whether the line may be back: a link passes that did not,
// or an address is known that was not.
func onlineAgain(before, now Input) bool {
	if now.IPv4.State == fact.Known && !now.IPv4.SameValue(before.IPv4) {
		return true
	}
	passed := map[string]bool{}
	for _, l := range before.Links {
		passed[l.ID] = l.Verdict == fact.VerdictPass
	}
	for _, l := range now.Links {
		if l.Verdict == fact.VerdictPass && !passed[l.ID] {
			return true
		}
	}
	return false
}

// source returns a random source for one goroutine; nil means the process's.
func (n *Notifier) source() *rand.Rand {
	if n.cfg.Rand == nil {
		return nil
	}
	return rand.New(rand.NewPCG(n.cfg.Rand.Uint64(), n.cfg.Rand.Uint64()))
}

// TestResult is what became of a test message.
type TestResult struct {
	// Target is the Target's name, Service the service and its host.
	Target, Service string
	// Err is why it could not be delivered, without secrets; nil where it was.
	Err error
}

// SendTest sends a test message to every target of cfg, once, and returns what
// became of each, in the order of the targets. An error is a mistake in cfg.
func SendTest(ctx context.Context, cfg Config) ([]TestResult, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	m := newMessage([]Fact{{Event: Test, Summary: "If you can read this, edgeguard can tell you of changes and failures."}}, Input{}, now)
	c := newClient(cfg)
	var results []TestResult
	var to []*endpoint
	for _, target := range cfg.Targets {
		endpoints, err := parse(target.URL)
		if err != nil {
			return nil, fmt.Errorf("setting up %s: %w", target.Name, err)
		}
		for _, e := range endpoints {
			to = append(to, e)
			results = append(results, TestResult{Target: target.Name, Service: e.where()})
		}
	}
	var wg sync.WaitGroup
	for i, e := range to {
		wg.Go(func() {
			if a := c.send(ctx, e, m); a.outcome != delivered {
				results[i].Err = fmt.Errorf("%s", a.text)
			}
		})
	}
	wg.Wait()
	return results, nil
}
