package wan

// What the watcher knows, for the status page.

import (
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Status is what is known of the public address. It is immutable.
type Status struct {
	// IPv4 is the agreed public IPv4 address: the one that is published. A
	// Watcher of IPv6 leaves it Unknown.
	IPv4 fact.Observation
	// IPv6 is the agreed IPv6 address; Unknown where nobody watches it.
	IPv6 fact.Observation
	// NAT is "none", "double", "cgnat" or "" while it is unknown; of IPv4.
	NAT string
	// ChangedAt is when the address last became another; zero until it is
	// known.
	ChangedAt time.Time
	// Sources is what each source said last, in the order of the config.
	Sources []SourceStatus
	// LastHint is the latest hint that woke the Watcher; zero before any.
	LastHint Hint
	// Link is the chain's link "wan".
	Link fact.Link
}

// Hint is something that was heard and may mean a change.
type Hint struct {
	// Kind names what it was, as given to Watcher.Hint.
	Kind string
	At   time.Time
}

// SourceStatus is what one source said last.
type SourceStatus struct {
	// Name is the source's, as in the config.
	Name string
	// Observation is its last answer; Unknown while it has not given one.
	Observation fact.Observation
	// Err is its last error in words; empty when it answered.
	Err string
}

// With6 is the status of both families: s of a Watcher of IPv4, six of one of
// IPv6. Its link is that of IPv4, unless IPv6 is worse off: then it says so as
// well. ChangedAt and
// LastHint are the later ones of both.
func (s Status) With6(six Status) Status {
	s.IPv6 = six.IPv6
	if six.ChangedAt.After(s.ChangedAt) {
		s.ChangedAt = six.ChangedAt
	}
	if six.LastHint.At.After(s.LastHint.At) {
		s.LastHint = six.LastHint
	}
	s.Sources = slices.Concat(s.Sources, six.Sources)
	s.Link.Evidence = slices.Concat(s.Link.Evidence, six.Link.Evidence)
	worse := fact.Worse(s.Link.Verdict, six.Link.Verdict)
	switch {
	case worse != s.Link.Verdict:
		s.Link.Summary += " IPv6: " + six.Link.Summary
		s.Link.Action = six.Link.Action
	case six.Link.Verdict != fact.VerdictPass:
		s.Link.Summary += " IPv6: " + six.Link.Summary
	}
	s.Link.Verdict = worse
	return s
}
