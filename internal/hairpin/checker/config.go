package checker

// What a Checker needs, and what it knows.

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
)

// Port is one port of the home that is checked.
type Port struct {
	// Service is the name of what is behind it.
	Service string
	// Host is what the Internet calls it by; empty means the public address.
	Host string
	// External is the port on the public address.
	External uint16
}

// Config is what a Checker needs.
type Config struct {
	// URL is asked, with {host}, {port} and {address} in it replaced. CheckURL
	// takes it. It may hold secrets.
	URL secret.Value
	// Expect is what the answer holds where the port is open; empty means that
	// any status of 2xx says so, and 503 that it is closed.
	Expect string
	// Interval is how often each port is checked; default 1 h.
	Interval time.Duration
	// Timeout bounds one question up to the end of its answer; default 30 s, as
	// the checker has to wait for a timeout of its own.
	Timeout time.Duration
	// Ports are checked in this order.
	Ports []Port
	// Dial connects, and finds host names through the configured upstreams, never
	// through ourselves; nil means net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// RootCAs are for tests; nil means the system's.
	RootCAs *x509.CertPool
	// Log; nil means none.
	Log *slog.Logger
}

// Verdict is what the checker said of a port.
type Verdict string

// The verdicts. Whatever is no answer is Unknown.
const (
	Unknown Verdict = "unknown"
	Open    Verdict = "open"
	Closed  Verdict = "closed"
)

// Check is what is known of one port.
type Check struct {
	Port Port
	// Address is the public address that was checked; zero before any was.
	Address netip.Addr
	Verdict Verdict
	// Detail is why it is Unknown, or what Closed rests on; without secrets, and
	// the same as long as it is so. It may be empty.
	Detail string
	// CheckedAt is when the checker was asked last; zero while it was not.
	CheckedAt time.Time
}

// Status is what is known of all ports. It is immutable. The zero Status is that
// of a daemon without a checker.
type Status struct {
	// Host is the checker's, for people; empty where none is configured.
	Host string
	// Checks are in the order of the config.
	Checks []Check
}
