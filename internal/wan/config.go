package wan

// What the watcher of the public address needs, and where it asks.

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Kind tells on which side of the router a source stands. Two sources are
// independent only where their kinds differ or both are Outside.
type Kind uint8

const (
	// Router is the home's own router, asked over the LAN. It is cheap to ask
	// and unauthenticated: alone it is never believed.
	Router Kind = iota + 1
	// Outside is a third party on the internet, to be spared.
	Outside
)

// Source is one place to ask for the public address.
type Source interface {
	// Name names the source as it stands in the config ("igd", "https://…").
	Name() string
	// Kind tells where the source stands.
	Kind() Kind
	// Observe asks once, within ctx. An error always comes with State Unknown;
	// None is a source's positive statement that there is no address.
	Observe(ctx context.Context) (fact.Observation, error)
}

// DialFunc dials as net.Dialer.DialContext does, but finds host names through
// the configured upstream resolvers, never through ourselves.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// SourceSpec is one entry of [wan] sources, parsed. Make it with ParseSource.
type SourceSpec struct {
	// Type is "igd", "https" or "http".
	Type string
	// URL is the echo service's, where Type is "https" or "http"; else empty.
	URL string
}

// Config is what a Watcher needs. The zero value of every field but OwnPrefixes
// means its default.
type Config struct {
	// PollRouter is how often the router is asked; default 10 s.
	PollRouter time.Duration
	// RecheckOutside is how often an outside source is asked while nothing
	// changes; default 2 h, so that two services see 24 questions a day.
	RecheckOutside time.Duration
	// Timeout bounds one question to one source; default 10 s.
	Timeout time.Duration
	// OwnPrefixes lists the prefixes of the home's own networks, in which no
	// public address can lie; required, called once a round.
	OwnPrefixes func() []netip.Prefix
	// Rand gives the jitter; nil means the process's own source.
	Rand *rand.Rand
	// Log; nil means none.
	Log *slog.Logger
}
