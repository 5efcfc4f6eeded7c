package notify

// What a Notifier needs.

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
)

// Event says what a message is about.
type Event string

// The events, those first that a message of several is named after.
const (
	// Failure is a link of the chain that has been broken for some time.
	Failure Event = "failure"
	// Change is another public address.
	Change Event = "change"
	// Recovery is a link that is whole again after a Failure.
	Recovery Event = "recovery"
	// Test is a message that somebody asked for.
	Test Event = "test"
)

// Events lists the events that a target can choose from.
func Events() []Event { return []Event{Change, Failure, Recovery} }

// DefaultAfter is how long a failure must last where the target does not say.
const DefaultAfter = 10 * time.Minute

// DialFunc dials as net.Dialer.DialContext does, but finds host names through
// the configured upstream resolvers, never through ourselves.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Target is one receiver of messages.
type Target struct {
	// Name is the target for people, such as "notify[0]"; it holds no secret.
	Name string
	// URL is where messages go; CheckURL takes it.
	URL secret.Value
	// On are the events that are sent; nil means all.
	On []Event
	// After is how long a link must have failed; zero means DefaultAfter.
	After time.Duration
}

// Config is what a Notifier needs.
type Config struct {
	// Targets are who is told; empty means nobody.
	Targets []Target
	// StateFile is where queues and what was told outlive a restart; empty
	// means that they do not.
	StateFile string
	// Dial reaches the services; required where there are Targets.
	Dial DialFunc
	// RootCAs are who the services' certificates must chain to; nil means the
	// system's roots, which is right outside of tests.
	RootCAs *x509.CertPool
	// Timeout bounds one attempt to send; default 20 s.
	Timeout time.Duration
	// Rand gives the jitter; nil means the process's own source.
	Rand *rand.Rand
	// Log; nil means none.
	Log *slog.Logger
}

// maxTargets bounds what the state file must hold.
const maxTargets = 16

// checked returns cfg with its defaults, or what is wrong with it.
func (cfg Config) checked() (Config, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 20 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Targets) > 0 && cfg.Dial == nil {
		return cfg, errors.New("setting up notifications: Config.Dial is required")
	}
	if len(cfg.Targets) > maxTargets {
		return cfg, fmt.Errorf("setting up notifications: %d targets are more than %d", len(cfg.Targets), maxTargets)
	}
	return cfg, nil
}
