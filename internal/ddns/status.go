package ddns

// What is known of the public records, for the status page.

import (
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Phase is how far a record is on its way to say what it should.
type Phase string

// The phases, in the order in which a change goes through them.
const (
	// PhaseObserved means that the record has been looked at or is about to
	// be; nothing has been written.
	PhaseObserved Phase = "observed"
	// PhasePending means that a write is due and has not succeeded.
	PhasePending Phase = "pending"
	// PhaseWritten means that the provider took the write; the authoritative
	// servers do not show it yet.
	PhaseWritten Phase = "written"
	// PhaseVerified means that the authoritative servers show the address.
	PhaseVerified Phase = "verified"
	// PhaseUnconfirmed means that nobody could say what the record is: a
	// write's outcome is unknown or the authoritative servers are silent.
	PhaseUnconfirmed Phase = "unconfirmed"
	// PhaseStopped means that the provider refused in a way that repeating
	// would only make worse; it waits for another config.
	PhaseStopped Phase = "stopped"
)

// Status is what is known of all records. It is immutable.
type Status struct {
	// Records are in the order of the config.
	Records []RecordStatus
	// Link is the chain's link "ddns".
	Link fact.Link
}

// RecordStatus is what is known of one record.
type RecordStatus struct {
	// Name is the domain, Type its record type ("A").
	Name, Type, Provider string
	// Desired is what the record should say, Published what the authoritative
	// servers said last.
	Desired, Published fact.Observation
	Phase              Phase
	// VerifiedAt is when the authoritative servers last showed Desired; zero
	// when they have not.
	VerifiedAt time.Time
	// LastError is the last failure in words, without secrets; empty when the
	// last round succeeded.
	LastError string
	// NextAttemptAt is when the record is looked at next; zero when never.
	NextAttemptAt time.Time
}
