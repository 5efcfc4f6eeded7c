package hairpin

// All that is said of the router's loopback: the link hairpin for each verdict,
// and the lines of evidence. No line holds a time or a port of the moment.

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin/nonce"
)

// loopbackLinks is the link for each verdict. A no is no failure: this DNS server
// is there to make up for it.
var loopbackLinks = map[Loopback]fact.Link{
	LoopbackYes: {
		Verdict: fact.VerdictPass,
		Summary: "Your router loops back the public address, so devices at home would reach the service even without our DNS; the DNS answer is a short cut.",
	},
	LoopbackNo: {
		Verdict: fact.VerdictPass,
		Summary: "Your router does not loop back the public address, so phones at home depend on this DNS server to reach the service.",
	},
	LoopbackUnknown: {
		Summary: "It is not known whether the router loops back the public address%s. Devices at home that ask this DNS server reach the service either way.",
	},
}

// hairpinLink is the link hairpin of a verdict.
func hairpinLink(l loopback) fact.Link {
	if slices.Equal(l.evidence, []string{noneAtHome}) {
		return fact.Link{Verdict: fact.VerdictPass, Summary: "No service is at home, so it does not matter whether the router loops back the public address."}
	}
	link, known := loopbackLinks[l.verdict]
	if !known || l.verdict == LoopbackUnknown {
		why := ""
		if len(l.evidence) > 0 {
			why = ": " + l.evidence[0]
		}
		link.Summary = fmt.Sprintf(loopbackLinks[LoopbackUnknown].Summary, why)
	}
	link.Evidence = l.evidence
	return link
}

// The lines on what answered a service's public address from inside; %s is that
// address and port.
const (
	saysOwnKey   = "%s, called from inside, serves the service's own key"
	saysTimeout  = "%s did not answer from inside (timeout), which can have many reasons"
	saysRefused  = "%s refuses calls from inside (connection refused)"
	saysPlainWeb = "plain HTTP answers at %s from inside, as of a web page of the router or of another device: not the service"
	saysNotTLS   = "something that does not speak TLS answers at %s from inside, not the service"
	// %s is whose certificate it is as well, and then whose page that makes it.
	saysOther = "another certificate answers at %s from inside: %s%s"
)

// What makes another certificate the router's; %s is the router's address, or
// the word in the certificate.
const (
	becauseSameKey = "; it is the router's own page, as %s serves the same key"
	becauseName    = "; it is a router's own page by its name (%s)"
	becauseUnknown = "; it is the page of the router or of another device"
)

// The lines on our own call to our own door.
const (
	saysNonceSeen    = "a call from inside to a port that the router forwards to edgeguard for a moment arrived"
	saysNonceRefused = "a call from inside to a port that the router forwards to edgeguard for a moment was refused (connection refused)"
	saysNonceSilent  = "a call from inside to a port that the router forwards to edgeguard for a moment did not arrive (timeout), which can have many reasons"
	saysNonceOther   = "a call from inside to a port that the router forwards to edgeguard for a moment was taken by something else"
)

// What the address that a service sees means for who reads its log.
const (
	seenAsRouter = "the broker sees every LAN device that comes by the public address as %s, the router, so its log and its per-address limits cannot tell them apart"
	seenAsWAN    = "the broker sees every LAN device that comes by the public address as %s, the public address, so its log and its per-address limits cannot tell them apart, and a rule that lets only the LAN in refuses them"
	seenAsItself = "the broker sees a LAN device that comes by the public address with its own address (as %s saw itself), so its log and its per-address limits can tell them apart"
	seenAsOther  = "the broker sees a LAN device that comes by the public address as %s, which is neither the router nor the public address: another device in between translates addresses, and the broker's log cannot tell the devices behind it apart"
)

// wordsSource says what the source address of f means; wan is the public address.
func wordsSource(f nonce.Finding, wan netip.Addr) string {
	switch f.Source {
	case f.Own:
		return fmt.Sprintf(seenAsItself, f.Source)
	case wan:
		return fmt.Sprintf(seenAsWAN, f.Source)
	case f.Router:
		return fmt.Sprintf(seenAsRouter, f.Source)
	}
	return fmt.Sprintf(seenAsOther, f.Source)
}

// wordsNonce says what came of the call.
func wordsNonce(o nonce.Outcome) string {
	switch o {
	case nonce.Seen:
		return saysNonceSeen
	case nonce.Refused:
		return saysNonceRefused
	case nonce.Elsewhere:
		return saysNonceOther
	}
	return saysNonceSilent
}
