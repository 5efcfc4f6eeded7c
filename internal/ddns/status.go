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
	// PhaseVerified means that the authoritative servers show the address, or
	// that a resolver does over an encrypted connection where those servers
	// cannot be asked.
	PhaseVerified Phase = "verified"
	// PhaseUnconfirmed means that nobody could say what the record is: a
	// write's outcome is unknown, the authoritative servers are silent, or
	// something on the way answers in their place.
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
	// Name is the domain, Type its record type ("A" or "AAAA").
	Name, Type, Provider string
	// Desired is what the record should say, Published what the authoritative
	// servers said last, or what a resolver said where they cannot be asked
	// (Source tells).
	Desired, Published fact.Observation
	Phase              Phase
	// VerifiedAt is when the authoritative servers last showed Desired; zero
	// when they have not.
	VerifiedAt time.Time
	// WrongSince is since when the servers have been saying something else, or
	// since when writing Desired has been failing, whichever began first; zero
	// while the record is right and while nobody knows that it is not.
	WrongSince time.Time
	// Change is when the provider last took another address than the one that
	// it had before; zero where that has not happened since the start.
	Change time.Time
	// Intercepted is whether something on the way answers DNS questions in the
	// authoritative servers' place.
	Intercepted bool
	// LastError is the last failure in words, without secrets; empty when the
	// last round succeeded.
	LastError string
	// NextAttemptAt is when the record is looked at next; zero when never.
	NextAttemptAt time.Time
}
