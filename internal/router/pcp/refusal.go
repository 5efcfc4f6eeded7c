package pcp

// Refusals, in words.

import (
	"errors"
	"fmt"
)

// ErrStray is a datagram that is no answer to what was asked.
var ErrStray = errors.New("the datagram is no answer to the request")

// ErrSilent means that the router did not answer, or has nothing that listens.
var ErrSilent = errors.New("no answer")

// Refusal is a router's answer that it will not. Found with errors.As.
type Refusal struct {
	// Protocol is what was spoken: "NAT-PMP" or "PCP".
	Protocol string
	// Code is the result code (RFC 6886, section 3.5; RFC 6887, section 7.4).
	Code uint16
	// Speaks is the protocol that the router answered in, where it is another
	// one; empty otherwise.
	Speaks string
}

var natpmpCodes = map[uint16]string{
	1: "it does not speak this version",
	2: "not authorised: NAT-PMP is switched off in its settings, or not allowed to this host",
	3: "network failure: it has no address from its provider, or does not know it",
	4: "it is out of resources",
	5: "it does not know the request",
}

var pcpCodes = map[uint16]string{
	1:  "it does not speak this version",
	2:  "not authorised: PCP is switched off in its settings, or not allowed to this host",
	3:  "it could not read the request",
	4:  "it does not know the request",
	5:  "it does not know an option",
	6:  "it could not read an option",
	7:  "network failure: it has no address from its provider, or does not know it",
	8:  "it is out of resources",
	9:  "it does not map this protocol",
	10: "this host has as many mappings as it may",
	11: "it cannot give the external address asked for",
	12: "address mismatch: there is another NAT between this host and it",
	13: "too many remote peers",
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Speaks != "" {
		return fmt.Sprintf("the router does not speak %s, but %s", r.Protocol, r.Speaks)
	}
	codes := natpmpCodes
	if r.Protocol == "PCP" {
		codes = pcpCodes
	}
	text := codes[r.Code]
	if text == "" {
		text = "a reason that is not known"
	}
	return fmt.Sprintf("the router refused a %s request with code %d (%s)", r.Protocol, r.Code, text)
}

// IsVersion reports whether the router does not speak the protocol at all.
func (r *Refusal) IsVersion() bool { return r.Code == 1 }
