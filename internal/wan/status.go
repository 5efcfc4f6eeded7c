package wan

// What the watcher knows, for the status page.

import (
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Status is what is known of the public address. It is immutable.
type Status struct {
	// IPv4 is the agreed public IPv4 address: the one that is published.
	IPv4 fact.Observation
	// NAT is "none", "double", "cgnat" or "" while it is unknown.
	NAT string
	// ChangedAt is when IPv4 last became another; zero until it is known.
	ChangedAt time.Time
	// Sources is what each source said last, in the order of the config.
	Sources []SourceStatus
	// Link is the chain's link "wan".
	Link fact.Link
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
