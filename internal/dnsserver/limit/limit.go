// Package limit says how often a client may ask and how much it may hold, in
// bounded memory and without allocating. It knows nothing of questions, and not
// which address is a client: who calls decides that.
package limit

import "time"

const (
	// inlineFactor is how many more questions may be asked that cost us little.
	inlineFactor = 20
	// burstSeconds is for how long a client may ask at twice its rate.
	burstSeconds = 2
	// maxRateLimit is a tenth of a microsecond between questions.
	maxRateLimit = 10_000_000
)

// Pace is a token bucket's shape as GCRA has it: a question moves the client's
// clock on by interval, and the clock may be ahead of ours by slack.
type Pace struct{ interval, slack time.Duration }

// PaceOf returns the pace of rate questions a second; a rate of 0 or less is
// no limit.
func PaceOf(rate int) Pace {
	if rate <= 0 {
		return Pace{}
	}
	rate = min(rate, maxRateLimit)
	return Pace{time.Second / time.Duration(rate), burstSeconds * time.Second}
}

// None reports whether p is no limit.
func (p Pace) None() bool { return p.interval == 0 }

// Paces are the limits of one client: Miss for questions that need upstream,
// Inline for all.
type Paces struct{ Miss, Inline Pace }

// PacesOf returns the paces of a client that may ask rate questions a second that
// need upstream; a rate of 0 or less is no limit.
func PacesOf(rate int) Paces {
	if rate <= 0 {
		return Paces{}
	}
	return Paces{PaceOf(rate), PaceOf(rate * inlineFactor)}
}

// Kind is which of its clocks a client moves on.
type Kind uint8

const (
	// Miss is the clock of questions that need upstream.
	Miss Kind = iota
	// Inline is the clock of all questions.
	Inline
	kinds
)
