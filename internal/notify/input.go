package notify

// What the notifier is fed with.

import (
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Input is all that messages can be about. It is immutable.
type Input struct {
	// IPv4 and IPv6 are the public addresses; only Known ones count.
	IPv4, IPv6 fact.Observation
	// Links are the links of the chain, each once.
	Links []Link
	// Records are the public records that should say the addresses.
	Records []Record
}

// Link is how one link of the chain is.
type Link struct {
	// ID is the link's name, such as "wan".
	ID      string
	Verdict fact.Verdict
	// Summary and Action are the link's own words; Action may be empty.
	Summary, Action string
	// Since is when Verdict became what it is; zero where that is not known.
	Since time.Time
}

// Record is how one public record is. Its JSON is the webhook's.
type Record struct {
	// Name is the domain, Type "A" or "AAAA".
	Name string `json:"name"`
	Type string `json:"type"`
	// Address is what the authoritative servers said last; the zero Addr where
	// they said none, or nothing.
	Address netip.Addr `json:"address,omitzero"`
	// Verified is whether that is what the record should say.
	Verified bool `json:"verified"`
}

// Equal reports whether two inputs say the same, whoever said it and when.
func (in Input) Equal(other Input) bool {
	return in.IPv4.SameValue(other.IPv4) && in.IPv6.SameValue(other.IPv6) &&
		slices.Equal(in.Links, other.Links) && slices.Equal(in.Records, other.Records)
}
