package pcp

// Refusals, in words: what happened, and what to do.

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

// Result codes of PCP's that somebody decides on (RFC 6887, section 7.4).
const (
	NotAuthorized = 2
	NoResources   = 8
)

const (
	byHand      = "forward the port by hand in its settings"
	makeRoom    = "remove forwards that nobody needs from its list, or restart it"
	mendLine    = "look at its connection to the internet; it is asked again by itself"
	noAddress   = "network failure: it has no address from its provider, or does not know it; " + mendLine
	otherWay    = "it is asked in the other protocols; where it speaks none, " + byHand
	newFirmware = "newer firmware for it may help; otherwise " + byHand
)

var natpmpCodes = map[uint16]string{
	1: "it does not speak this version; " + otherWay,
	2: "not authorised: NAT-PMP is switched off in its settings, or this host may not have this port; allow it there",
	3: noAddress,
	4: "it is out of resources: its list of forwards is full; " + makeRoom,
	5: "it does not know the request; " + otherWay,
}

var pcpCodes = map[uint16]string{
	1:  "it does not speak this version; " + otherWay,
	2:  "not authorised: PCP is switched off in its settings, or this host may not have this port, or the mapping was made by somebody else; allow it there",
	3:  "it could not read the request; " + newFirmware,
	4:  "it does not know the request: its PCP forwards no ports; " + otherWay,
	5:  "it does not know an option of the request; " + newFirmware,
	6:  "it could not read an option of the request; " + newFirmware,
	7:  noAddress,
	8:  "it is out of resources: its list of forwards is full; " + makeRoom,
	9:  "it does not forward this transport protocol; " + byHand,
	10: "this host has as many forwards as it may; remove some of them, or raise the limit in its settings",
	11: "it cannot give the external address or port asked for: another host has it; look in its list of forwards who does",
	12: "address mismatch: the request came to it from another address than this host's, so there is another NAT in between; " +
		"run edgeguard in the host's own network, or tell it the host's LAN address",
	13: "it cannot restrict the forward to so many remote hosts; " + newFirmware,
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
		text = "a reason that is not known; look in its log, or " + byHand
	}
	return fmt.Sprintf("the router refused a %s request with code %d (%s)", r.Protocol, r.Code, text)
}

// IsVersion reports whether the router does not speak the protocol at all.
func (r *Refusal) IsVersion() bool { return r.Code == 1 }
