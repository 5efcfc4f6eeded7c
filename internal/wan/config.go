package wan

// What the watcher of the public address needs, and where it asks.

import (
	"cmp"
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
	// Router is the home's own router, asked over the LAN, or an interface of
	// this host that faces the internet. It is cheap to ask and
	// unauthenticated: alone it is never believed.
	Router Kind = iota + 1
	// Outside is a third party on the internet, to be spared.
	Outside
	// Word is a person, who wrote the address into the config.
	Word
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

// Config is what a Watcher needs. The zero value of every field but OwnPrefixes
// means its default.
type Config struct {
	// Family is the family of address to watch; default IPv4.
	Family Family
	// PollRouter is how often the router, or an interface of ours, is asked;
	// default 4 s for IPv4, and 1 min for IPv6, where the kernel's events come
	// before. Each wait is up to a tenth shorter or longer. What costs the router
	// more than a datagram, "igd" and "pcp", is asked once a minute while
	// "natpmp" or an interface says the same, and every 20 s while Eventful.
	PollRouter time.Duration
	// Eventful reports whether the router's events reach us, so that it tells of
	// a change before a poll could find it; nil means that it does not. It is
	// not relied on for 12 h after a change that no Hint came with.
	Eventful func() bool
	// RecheckOutside is how often an outside source is asked while nothing
	// changes and the router answers; default 6 h for IPv4 and 12 h for IPv6.
	// Each wait is up to a quarter longer.
	RecheckOutside time.Duration
	// RecheckAlone is the same where no router answers, so that only the
	// outside shows a change; default 3 h. One service is asked then, and a
	// second only where it says something new.
	RecheckAlone time.Duration
	// Timeout bounds one question to one source; default 10 s.
	Timeout time.Duration
	// OwnPrefixes lists the prefixes of the home's own networks, in which no
	// public IPv4 address can lie; required, called once a round.
	OwnPrefixes func() []netip.Prefix
	// SecondRouter looks for another router in front of ours, on whose public
	// side is wan, a private address; description names what was found, as in
	// "FRITZ!Box 7590 at 192.168.1.1". It is asked once for each such address,
	// and again every 12 h, in a goroutine of its own, within a minute. Nil means
	// that nobody can look.
	SecondRouter func(ctx context.Context, wan netip.Addr) (description string, found bool, err error)
	// Rand gives the jitter; nil means the process's own source.
	Rand *rand.Rand
	// Log; nil means none.
	Log *slog.Logger
}

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	poll, recheck := 4*time.Second, 6*time.Hour
	if c.Family == IPv6 {
		poll, recheck = time.Minute, 12*time.Hour
	}
	c.PollRouter = cmp.Or(c.PollRouter, poll)
	c.RecheckOutside = cmp.Or(c.RecheckOutside, recheck)
	c.RecheckAlone = cmp.Or(c.RecheckAlone, 3*time.Hour)
	c.Timeout = cmp.Or(c.Timeout, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
