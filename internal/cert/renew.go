package cert

// When a certificate is renewed: pure arithmetic.

import (
	"time"
)

const (
	shortLife   = 10 * 24 * time.Hour // what lives shorter is renewed at its half
	mostSpacing = 6 * time.Hour       // a CA cannot make us renew sooner than that after the last time
)

// life is what the renewal of a certificate goes by.
type life struct {
	NotBefore, NotAfter time.Time
	Obtained            time.Time // zero where it is not known
	// Draw is by lot, in [0, 1), and kept with the certificate, so that a restart
	// does not choose anew.
	Draw   float64
	Window *window // nil where the CA says nothing
}

// window is when a CA wants a certificate to be renewed.
type window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// margin is how long before its end a certificate is renewed at the latest when
// all goes well: a third of its life, or half of a short one, so that several
// attempts can fail.
func margin(lifetime time.Duration) time.Duration {
	if lifetime < shortLife {
		return lifetime / 2
	}
	return lifetime / 3
}

func (l life) margin() time.Duration { return margin(l.NotAfter.Sub(l.NotBefore)) }

// renewAt is when it is renewed. By its age that is when no more than the margin
// is left, up to a tenth of that sooner by lot. The CA's window goes before,
// within bounds: not so soon after the certificate was obtained that a window
// which is always past makes us renew without end, and not so late that half of
// the margin is gone.
func (l life) renewAt() time.Time {
	lifetime, rest := l.NotAfter.Sub(l.NotBefore), l.margin()
	if l.Window == nil {
		return l.NotAfter.Add(-rest - time.Duration(l.Draw*float64(rest/10)))
	}
	latest := l.NotAfter.Add(-rest / 2)
	soonest := l.NotBefore
	if l.Obtained.After(soonest) {
		soonest = l.Obtained
	}
	soonest = earlier(soonest.Add(min(lifetime/10, mostSpacing)), latest)
	start, end := later(l.Window.Start, soonest), earlier(l.Window.End, latest)
	switch {
	case end.After(start):
		return start.Add(time.Duration(l.Draw * float64(end.Sub(start))))
	case l.Window.Start.After(latest):
		return latest
	}
	return soonest
}

// mostBackoff is the longest wait between two attempts: several fit into what is
// left.
func (l life) mostBackoff() time.Duration {
	return min(max(l.margin()/6, leastBackoff), longestBackoff)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
