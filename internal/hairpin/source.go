package hairpin

// Whom a service sees when a device of the home comes by the public address: our
// own call to a door of our own, made rarely, beside the loop that looks at the
// services.

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin/nonce"
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/watch"
)

const (
	// sourceSettle is how long a call must have been of use before it is made: a
	// broker that starts after us, or an address that comes and goes, is no
	// reason to ask the router for anything.
	sourceSettle = 30 * time.Second
	// sourceGap keeps two calls apart, whatever changes.
	sourceGap = 10 * time.Minute
	// sourceAgain is when a call is made again that has found nothing out.
	sourceAgain = 24 * time.Hour
	// sourceOff is when it is seen to again whether calls may be made.
	sourceOff = time.Hour
)

// sourcer makes the calls. Its loop is its own, so that a router that is slow to
// map keeps nobody from looking at the services.
type sourcer struct {
	cfg   nonce.Config
	log   *slog.Logger
	loop  *loop.Loop
	want  *watch.Value[wanted]
	heard *watch.Value[heard]
	news  func() // tells that heard is another one

	mu sync.Mutex // held while want is changed

	// What follows belongs to the loop.
	last  time.Time // of the last call; zero: never
	asked wanted    // what it was for
	found bool      // and whether it found anything out
}

// wanted is what a call is to be made for. The zero wanted is none.
type wanted struct {
	wan    netip.Addr
	router uint64    // counts the routers, and their restarts
	since  time.Time // when it became so
}

// same reports whether nothing that a call finds out has changed.
func (w wanted) same(other wanted) bool { return w.wan == other.wan && w.router == other.router }

// heard is what a call found. The zero heard is nothing.
type heard struct {
	wan     netip.Addr
	finding nonce.Finding
}

func newSourcer(cfg Config, dial dialFunc, news func()) *sourcer {
	s := &sourcer{
		cfg: nonce.Config{Mapper: cfg.Mapper, Dial: nonce.DialFunc(dial), Log: cfg.Log}, log: cfg.Log, news: news,
		want:  watch.New(wanted{}, func(a, b wanted) bool { return a == b }),
		heard: watch.New(heard{}, func(a, b heard) bool { return a == b }),
	}
	s.loop = loop.New(loop.Config{Name: "loopback source", Step: s.step, Log: cfg.Log})
	return s
}

// run makes calls until ctx ends; no mapping is left then.
func (s *sourcer) run(ctx context.Context) error {
	if s.cfg.Mapper == nil {
		return nil
	}
	return s.loop.Run(ctx)
}

// told takes in a round's verdict of the services. A call is of use where they
// were reached by wan, for the source, and where none could be called, for the
// verdict itself; where the services say no there is nothing to find.
func (s *sourcer) told(l loopback, wan netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.want.Load()
	now := wanted{wan: wan, router: before.router, since: before.since}
	if l.verdict == LoopbackNo || l.verdict == LoopbackUnknown && l.services != nil {
		now.wan = netip.Addr{}
	}
	if now.wan != before.wan {
		now.since = time.Now().Round(0)
	}
	if s.want.Store(now) {
		s.loop.Kick()
	}
}

// routerChanged is Prober.RouterChanged.
func (s *sourcer) routerChanged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.want.Load()
	w.router++
	w.since = time.Now().Round(0)
	s.want.Store(w)
	s.loop.Kick()
}

// step makes a call where one is due.
func (s *sourcer) step(ctx context.Context) (time.Duration, error) {
	w := s.want.Load()
	if wait := s.due(w, time.Now()); wait > 0 {
		return wait, nil
	}
	before := s.last
	s.last, s.asked, s.found = time.Now(), w, false
	f, err := nonce.Probe(ctx, s.cfg, w.wan)
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case errors.Is(err, nonce.ErrOff):
		s.log.Debug("nobody looks whom services see by the public address", "why", err)
		s.last = before // nothing was asked of the router
		return sourceOff, nil
	case err != nil:
		s.log.Info("whom services see by the public address cannot be found out", "why", err)
	default:
		s.found = f.Outcome == nonce.Seen || f.Outcome == nonce.Refused
		s.log.Info("called ourselves by the public address", "outcome", wordsNonce(f.Outcome), "source", f.Source)
		if s.heard.Store(heard{w.wan, f}) {
			s.news()
		}
	}
	return s.due(s.want.Load(), time.Now()), nil
}

// due is how long it is until a call is to be made; zero where that is now.
func (s *sourcer) due(w wanted, now time.Time) time.Duration {
	switch {
	case !w.wan.IsValid():
		return sourceAgain // told wakes the loop
	case s.last.IsZero():
		return max(w.since.Add(sourceSettle).Sub(now), 0)
	case !w.same(s.asked):
		return max(w.since.Add(sourceSettle).Sub(now), s.last.Add(sourceGap).Sub(now), 0)
	case s.found:
		return sourceAgain // nothing has changed, so there is nothing to find
	}
	return max(s.last.Add(sourceAgain).Sub(now), 0)
}

// RouterChanged tells that the router is another one, or has started anew: whom
// services see may be another then. It never blocks.
func (p *Prober) RouterChanged() { p.source.routerChanged() }

// tellSource tells the sourcer what a round has found.
func (p *Prober) tellSource() {
	wan := p.wan.Load()
	if wan.State != fact.Known || !wan.Addr.Is4() || slices.Contains(p.own(), wan.Addr) {
		wan.Addr = netip.Addr{}
	}
	p.source.told(p.loopback, wan.Addr)
}

// judged is l with what our own call found, and the source that it arrived from;
// zero where that is not known.
func (s *sourcer) judged(l loopback) (loopback, netip.Addr) {
	h := s.heard.Load()
	if !h.wan.IsValid() || h.wan != s.want.Load().wan {
		return l, netip.Addr{}
	}
	f := h.finding
	line := wordsNonce(f.Outcome)
	switch {
	case f.Outcome == nonce.Seen && l.verdict == LoopbackYes:
		l.evidence = append(slices.Clone(l.evidence), wordsSource(f, h.wan))
	case f.Outcome == nonce.Seen:
		l.verdict, l.evidence = LoopbackYes, []string{line, wordsSource(f, h.wan)}
	case l.verdict == LoopbackYes:
		// One call that arrived proves more than another that did not.
	case f.Outcome == nonce.Refused:
		l.verdict, l.evidence = LoopbackNo, []string{line}
	default:
		l.evidence = append(slices.Clone(l.evidence), line)
	}
	return l, f.Source
}
