package status

// The snapshot's history: what changed, and how busy the DNS was.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// History is what is remembered.
type History struct {
	// WAN are the public addresses, the latest first.
	WAN []AddressChange `json:"wan"`
	// Links are the changes of the links' verdicts, the latest first.
	Links []LinkChange `json:"links"`
	// DNS is how busy the DNS server was; nil before the first interval.
	DNS *Series `json:"dns"`
}

// AddressChange is a public address that came.
type AddressChange struct {
	At time.Time `json:"at"`
	// Family is "ipv4" or "ipv6".
	Family string `json:"family"`
	// Address is null where it was known that there is none.
	Address *netip.Addr `json:"address"`
}

// LinkChange is a verdict that came.
type LinkChange struct {
	At      time.Time    `json:"at"`
	ID      string       `json:"id"`
	Status  fact.Verdict `json:"status"`
	Summary string       `json:"summary"`
}

// Series are figures of the DNS server, one for each interval, the oldest
// first; all lists are of one length.
type Series struct {
	// End is the end of the last interval.
	End         time.Time `json:"end"`
	StepSeconds float64   `json:"step_seconds"`
	// Queries counts the answers of each interval, Hits those of them that came
	// from the cache or an override.
	Queries []uint64 `json:"queries"`
	Hits    []uint64 `json:"hits"`
	// UpstreamSeconds is the smoothed time of the fastest upstream at the end of
	// each interval; zero where none had answered.
	UpstreamSeconds []float64 `json:"upstream_seconds"`
}
