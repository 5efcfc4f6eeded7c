package cert

// Asking a public CA when it wants the certificate to be renewed (RFC 9773).

import (
	"context"
	"errors"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/acme"
	"github.com/edgeguard/edgeguard/internal/loop"
)

const (
	askTime     = 2 * time.Minute
	leastAsking = time.Hour // a CA that names less is not followed; RFC 9773, section 4.3.2
	mostAsking  = 24 * time.Hour
	askBackoff  = 10 * time.Minute
)

// ask asks where it is time to, and returns how long it is until then.
func (k *Keeper) ask(ctx context.Context, now time.Time) time.Duration {
	leaf := k.held.Leaf()
	if k.cfg.Mode != ACME || k.about.Mode == OwnCA || k.working != idle {
		return k.tick
	}
	at := later(earlier(k.about.AskAgain, now.Add(mostAsking)), k.issuing.askAt)
	if k.about.AskAgain.After(now.Add(mostAsking + time.Hour)) {
		at = k.issuing.askAt // written down by a clock that was ahead
	}
	if wait := at.Sub(now); wait > 0 {
		return wait
	}
	k.begin(asking, func() func() {
		bounded, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		w, err := k.cfg.Issuer.Window(bounded, leaf)
		if err != nil && ctx.Err() != nil {
			return func() {}
		}
		return func() { k.told(w, err) }
	})
	return k.tick
}

// told takes in what the CA said.
func (k *Keeper) told(w acme.Window, err error) {
	now := k.clock.read()
	if err == nil && !w.End.After(w.Start) {
		err = errors.New("the CA's window ends before it begins")
	}
	if err != nil && !errors.Is(err, acme.ErrNoWindow) {
		k.log.Debug("the CA did not say when to renew", "err", err)
		k.issuing.askAt = now.Add(loop.Backoff(k.issuing.askFailures, askBackoff, k.life().mostBackoff(), k.cfg.Rand))
		k.issuing.askFailures++
		return // what it said before still holds
	}
	a := k.about
	a.Window, a.AskAgain = nil, now.Add(loop.Jitter(mostAsking*9/10, k.cfg.Rand))
	if err == nil {
		a.Window = &window{Start: w.Start.UTC(), End: w.End.UTC()}
		leaf := k.held.Leaf()
		least := min(leastAsking, leaf.NotAfter.Sub(leaf.NotBefore)/20)
		a.AskAgain = later(earlier(w.AskAgain, now.Add(mostAsking)), now.Add(least))
	}
	a.AskAgain = a.AskAgain.UTC().Truncate(time.Second)
	if k.about.Window == nil || a.Window == nil || *a.Window != *k.about.Window {
		k.log.Info("the CA said when to renew", "window", a.Window)
	}
	k.about, k.issuing.askFailures = a, 0
	if err := k.store.saveAbout(k.held, a); err != nil {
		k.log.Warn("what the CA said cannot be remembered", "err", err)
	}
}
