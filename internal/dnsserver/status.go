package dnsserver

// What the server has done, for the status page.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// Status is a reading of the server's counters. It is immutable.
type Status struct {
	// Listen are the addresses bound now, with their real ports.
	Listen []netip.AddrPort
	// TLSListen are those for DNS over TLS.
	TLSListen []netip.AddrPort
	// Waiting are the addresses of the config that are not bound now.
	Waiting []WaitingAddress
	// Overrides are the names answered from the zone, sorted.
	Overrides []zone.Override
	// Public are what the world says of overrides, by name, and Shadowed the
	// names of overrides in whose place a record of the user's is answered.
	Public   []PublicView
	Shadowed []string
	// Upstreams are in the order of the config.
	Upstreams []UpstreamStatus
	Cache     CacheStatus
	Queries   QueryCounts
	// Clients are the addresses that asked within the last hour, the latest
	// first, loopback left out; at most 256 are listed and ClientsTotal counts
	// all that are remembered.
	Clients      []ClientSeen
	ClientsTotal int
	// Private are devices that seem to ask another server in a private way, the
	// latest first; at most 64.
	Private []PrivateClient
	// Until is when the link "clients" says something else though nobody asks:
	// the first of Clients has not asked for an hour then. Zero means never.
	Until time.Time
	// Asked is whether this is what asking the server brought and not its own
	// word, as Look has it: then Overrides are the names that were asked for,
	// Listen is where it answers, Clients may be known from elsewhere, and
	// nothing else but the links is known.
	Asked bool
	// DNS and Links for clients are the chain's links "dns" and "clients".
	DNS, ClientsLink fact.Link
}

// UpstreamStatus is what is known of one upstream.
type UpstreamStatus struct {
	// Address is the one in use; invalid while that of a host name is not
	// known yet.
	Address netip.AddrPort
	// Healthy is Pass while it answers, Fail while it does not, Unknown
	// before it was asked.
	Healthy fact.Verdict
	// RTT is its smoothed round trip; zero while unknown.
	RTT time.Duration
	// Queries and Failures count since the start.
	Queries, Failures uint64
	// LastError is its last failure in words; empty after a success.
	LastError string
	// Name is the server as it was configured.
	Name string
	// Protocol is what is spoken to it: "udp", "tcp", "tls" or "https".
	Protocol string
	// PlainFallback is whether it is asked unencrypted against its Protocol,
	// because this host's clock is wrong.
	PlainFallback bool
}

// CacheStatus is how full the cache is and what it was good for.
type CacheStatus struct {
	Entries, Bytes, LimitBytes int64
	Hits, Misses               uint64
	// StaleEntries are those of Entries that are past their time.
	StaleEntries int64
	// Prefetches are answers fetched before anybody had to wait for them,
	// StaleAnswers those given past their time, Loaded the entries that
	// outlived a restart; all since the start.
	Prefetches, StaleAnswers, Loaded uint64
}

// QueryCounts counts answers since the start by where they came from.
type QueryCounts struct {
	Total, Override, Cached, Forwarded, Refused, Malformed, Failed, Dropped uint64
	// Stale are answers past their time, given as upstream did not answer.
	Stale uint64
	// Rebind counts answers of upstream that were not passed on, as they lead
	// into the house; they are counted where else they belong too.
	Rebind uint64
	// Limited are those over a client's rate limit, and refusals to strangers
	// that were kept back.
	Limited uint64
}

// ClientSeen is one LAN device that asked us.
type ClientSeen struct {
	Address netip.Addr
	LastAt  time.Time
	Queries uint64
}

// PrivateClient is a device that looked for a server that is asked over TLS, and
// has asked next to nothing since: what Android does whose private DNS is set to
// a host name.
type PrivateClient struct {
	Address netip.Addr
	// Server is the server's name; of names that hold a customer's number, what
	// is the same for all.
	Server string
	// At is when it looked for it last.
	At time.Time
}

// WaitingAddress is an address that is to be listened on, and is not yet.
type WaitingAddress struct {
	Address netip.AddrPort
	// TLS is whether it is for DNS over TLS.
	TLS bool
	// Absent is whether this host does not have the address. It is then bound
	// as soon as it appears; after any other failure it is tried again after a
	// growing while.
	Absent bool
	// Reason says in words why it is not bound.
	Reason string
}
