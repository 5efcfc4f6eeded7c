package fact

// What is known of an address: unknown, known to be none, or known.

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// State tells how much is known of a value. The zero State is Unknown, so a
// value nobody has filled in can never be mistaken for an empty one.
type State uint8

const (
	// Unknown means that nobody could say: a probe failed or has not run.
	// Nothing may be deleted, withdrawn or rewritten because of it.
	Unknown State = iota
	// None means that a source answered and said that there is no address.
	None
	// Known means that there is an address, in Observation.Addr.
	Known
)

// String names the state in lower case.
func (s State) String() string {
	switch s {
	case None:
		return "none"
	case Known:
		return "known"
	default:
		return "unknown"
	}
}

// Observation is what one look at an address found. It is immutable.
type Observation struct {
	// State says whether Addr means anything.
	State State
	// Addr is the address, never in its 4-in-6 form; the zero Addr unless
	// State is Known.
	Addr netip.Addr
	// Source names who said so, for people ("igd", "https://…"); may be empty.
	Source string
	// At is when it was seen; zero when State is Unknown and nobody looked.
	At time.Time
}

// KnownAddr returns an observation of addr, unmapped from its 4-in-6 form. An
// invalid addr gives an Unknown observation rather than a Known lie.
func KnownAddr(addr netip.Addr, source string, at time.Time) Observation {
	if !addr.IsValid() {
		return UnknownAddr(source, at)
	}
	return Observation{State: Known, Addr: addr.Unmap(), Source: source, At: at}
}

// NoAddr returns the observation that there is no address.
func NoAddr(source string, at time.Time) Observation {
	return Observation{State: None, Source: source, At: at}
}

// UnknownAddr returns the observation that nothing could be learned.
func UnknownAddr(source string, at time.Time) Observation {
	return Observation{State: Unknown, Source: source, At: at}
}

// SameValue reports whether o and p say the same, whoever said it and when.
func (o Observation) SameValue(p Observation) bool {
	return o.State == p.State && o.Addr == p.Addr
}

// String is the address, or the state where there is none.
func (o Observation) String() string {
	if o.State == Known {
		return o.Addr.String()
	}
	return o.State.String()
}

// LogValue implements slog.LogValuer: logs say it as people do.
func (o Observation) LogValue() slog.Value { return slog.StringValue(o.String()) }

// GoString says everything, for test failures.
func (o Observation) GoString() string {
	return fmt.Sprintf("fact.Observation{%s from %q at %s}", o, o.Source, o.At.Format(time.RFC3339Nano))
}
