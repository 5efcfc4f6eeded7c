// Package status turns what the concerns of edgeguard know into one immutable
// Snapshot, and renders that one value: as JSON for programs, as a page for
// browsers and as text for a terminal. No rendering asks anybody anything, so
// all of them always agree.
//
// The package is also the last border before the outside: foreign text is
// cleaned and cut here, and the config's secrets are taken out, whatever the
// concerns have done already.
package status

// The snapshot, field by field as it stands in the JSON. docs/status.schema.json
// describes the same; a test holds them together.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Snapshot is all that is known at one instant. It is immutable and shares no
// memory with what it was built from. A nil pointer, and a nil list, is absent
// knowledge and null in the JSON; a list known to be empty is [].
// Times are in UTC and whole seconds.
type Snapshot struct {
	// Status is the worst verdict of the chain.
	Status      fact.Verdict `json:"status"`
	Version     string       `json:"version"`
	StartedAt   *time.Time   `json:"started_at"`
	GeneratedAt time.Time    `json:"generated_at"`
	Config      Config       `json:"config"`
	// Chain holds every link, in the order of the chain.
	Chain []Link   `json:"chain"`
	WAN   WAN      `json:"wan"`
	DDNS  []Record `json:"ddns"`
	// Router is nil before it has been spoken of.
	Router   *Router   `json:"router"`
	Forwards []Forward `json:"forwards"`
	Services []Service `json:"services"`
	// Certificate is the one that edgeguard keeps; nil where its keeper has not
	// said anything.
	Certificate *Kept   `json:"certificate"`
	Hairpin     Hairpin `json:"hairpin"`
	// Outside is what a checker on the Internet said, one entry a service; nil
	// where none is configured or it was not asked yet.
	Outside []OutsideCheck `json:"outside"`
	DNS     DNS            `json:"dns"`
	// LAN is what the LAN tells its devices; nil while nobody has looked.
	LAN *LAN `json:"lan"`
	// History is what changed and how busy the DNS was; nil while nothing is
	// remembered.
	History *History `json:"history"`
}

// Config is the config in force.
type Config struct {
	// File is the file it came from, or "environment".
	File     *string    `json:"file"`
	LoadedAt *time.Time `json:"loaded_at"`
	// Error is why a newer one could not be taken over; nil when none was
	// refused.
	Error *string `json:"error"`
}

// Link is one link of the chain.
type Link struct {
	// ID is one of LinkIDs.
	ID      string       `json:"id"`
	Status  fact.Verdict `json:"status"`
	Summary string       `json:"summary"`
	// Since is when Status last became another one; a change of words leaves
	// it alone.
	Since time.Time `json:"since"`
	// Action is what a person can do; nil when there is nothing to do.
	Action   *string  `json:"action"`
	Evidence []string `json:"evidence"`
}

// WAN is what is known of the public address. Where an address is null its
// state tells "unknown" from "none"; "none" is a positive answer.
type WAN struct {
	IPv4      *netip.Addr `json:"ipv4"`
	IPv4State string      `json:"ipv4_state"`
	IPv6      *netip.Addr `json:"ipv6"`
	IPv6State string      `json:"ipv6_state"`
	// NAT is "none", "double" or "cgnat".
	NAT       *string    `json:"nat"`
	ChangedAt *time.Time `json:"changed_at"`
	Sources   []Source   `json:"sources"`
	// Events are the ways in which the router may tell of a change at once;
	// nil while it is not known who listens.
	Events []EventSource `json:"events"`
	// LastHint is what last had the address looked at out of turn; nil before
	// anything did.
	LastHint *Hint `json:"last_hint"`
}

// EventSource is one way in which the router may tell of a change.
type EventSource struct {
	// Name is "gena", "announcements" (of NAT-PMP and PCP) or "ssdp".
	Name string `json:"name"`
	// On is whether it is listened to.
	On bool `json:"on"`
	// Detail says why it is not; nil where it is, or nobody has tried yet.
	Detail *string `json:"detail"`
}

// Hint is something that may have meant a change.
type Hint struct {
	// Kind is what it was: "gena", "push", "route" and so on.
	Kind string    `json:"kind"`
	At   time.Time `json:"at"`
}

// Source is what one source of the public address said last.
type Source struct {
	Name string `json:"name"`
	// State is "unknown", "none" or "known".
	State      string      `json:"state"`
	Address    *netip.Addr `json:"address"`
	ObservedAt *time.Time  `json:"observed_at"`
	LastError  *string     `json:"last_error"`
}

// Record is one public DNS record that is kept.
type Record struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Provider string `json:"provider"`
	// Desired and Published are addresses, each with its state beside it.
	Desired        *netip.Addr `json:"desired"`
	DesiredState   string      `json:"desired_state"`
	Published      *netip.Addr `json:"published"`
	PublishedState string      `json:"published_state"`
	Phase          *string     `json:"phase"`
	VerifiedAt     *time.Time  `json:"verified_at"`
	// WrongSince is since when the record has said something else, or writing
	// it has failed; nil while it is right, or that is not known.
	WrongSince *time.Time `json:"wrong_since"`
	// ChangedAt is when the provider last took another address; nil where it
	// has not since the start.
	ChangedAt *time.Time `json:"changed_at"`
	// Intercepted is whether something on the way answers DNS questions in the
	// authoritative servers' place.
	Intercepted   bool       `json:"intercepted"`
	LastError     *string    `json:"last_error"`
	NextAttemptAt *time.Time `json:"next_attempt_at"`
}

// DNS is what our own DNS server has done since it started.
type DNS struct {
	Listen []netip.AddrPort `json:"listen"`
	// TLSListen are the addresses of DNS over TLS; Waiting are those of the
	// config that are not bound.
	TLSListen []netip.AddrPort `json:"tls_listen"`
	Waiting   []Waiting        `json:"waiting"`
	Overrides []Override       `json:"overrides"`
	Upstreams []Upstream       `json:"upstreams"`
	Cache     *Cache           `json:"cache"`
	Queries   *Queries         `json:"queries"`
	// ClientsSeen are the devices that asked lately, the latest first; at most
	// 256. ClientsTotal counts all that are remembered.
	ClientsSeen  []Client `json:"clients_seen"`
	ClientsTotal *int     `json:"clients_total"`
}

// Override is a name that is answered with a LAN address.
type Override struct {
	Name   string       `json:"name"`
	IPv4   []netip.Addr `json:"ipv4"`
	IPv6   []netip.Addr `json:"ipv6"`
	Reason *string      `json:"reason"`
	// SignedBy is the signed zone that the name lies in; nil where it lies in
	// none, or that is not known.
	SignedBy *string `json:"signed_by"`
}

// Upstream is one recursive server that other names are asked of.
type Upstream struct {
	// Name is the server as it was configured.
	Name string `json:"name"`
	// Protocol is "udp", "tcp", "tls" or "https".
	Protocol string `json:"protocol"`
	// Address is the one in use; nil while that of a host name is not known.
	Address *netip.AddrPort `json:"address"`
	// PlainFallback is whether it is asked unencrypted because this host's
	// clock is wrong.
	PlainFallback bool `json:"plain_fallback"`
	// Healthy is whether it answers; nil before it was asked.
	Healthy    *bool    `json:"healthy"`
	RTTSeconds *float64 `json:"rtt_seconds"`
	Queries    uint64   `json:"queries"`
	Failures   uint64   `json:"failures"`
	LastError  *string  `json:"last_error"`
}

// Cache is how full the cache is and what it was good for.
type Cache struct {
	Entries    int64  `json:"entries"`
	Bytes      int64  `json:"bytes"`
	LimitBytes int64  `json:"limit_bytes"`
	Hits       uint64 `json:"hits"`
	Misses     uint64 `json:"misses"`
	// StaleEntries are those of Entries that are past their time.
	StaleEntries int64  `json:"stale_entries"`
	Prefetches   uint64 `json:"prefetches"`
	StaleAnswers uint64 `json:"stale_answers"`
	Loaded       uint64 `json:"loaded"`
}

// Queries counts answers since the start by where they came from.
type Queries struct {
	Total     uint64 `json:"total"`
	Override  uint64 `json:"override"`
	Cached    uint64 `json:"cached"`
	Forwarded uint64 `json:"forwarded"`
	Refused   uint64 `json:"refused"`
	Malformed uint64 `json:"malformed"`
	Failed    uint64 `json:"failed"`
	Dropped   uint64 `json:"dropped"`
	Stale     uint64 `json:"stale"`
	// Rebind counts answers that were not passed on, as they lead into the
	// house.
	Rebind uint64 `json:"rebind"`
	// Limited are those over a client's rate limit.
	Limited uint64 `json:"limited"`
}

// Waiting is an address that is to be listened on, and is not yet.
type Waiting struct {
	Address netip.AddrPort `json:"address"`
	// TLS is whether it is for DNS over TLS.
	TLS bool `json:"tls"`
	// Absent is whether this host does not have the address.
	Absent bool    `json:"absent"`
	Reason *string `json:"reason"`
}

// Client is one LAN device that asked our DNS.
type Client struct {
	Address *netip.Addr `json:"address"`
	LastAt  *time.Time  `json:"last_at"`
	Queries uint64      `json:"queries"`
}
