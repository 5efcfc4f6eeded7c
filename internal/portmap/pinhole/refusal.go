package pinhole

// What the router's refusals mean, in plain words, and what a person can do.

import (
	"fmt"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
)

// UPnP error codes (WANIPv6FirewallControl:1, section 2.5.3 and following;
// Device Architecture 2.0, section 3.2.2).
const (
	codeNotAuthorized    = 606
	codeSpaceExhausted   = 701 // PinholeSpaceExhausted
	codeFirewallDisabled = 702 // FirewallDisabled
	codeNotAllowed       = 703 // InboundPinholeNotAllowed
	codeNoSuchEntry      = 704 // NoSuchEntry
	codeProtocol         = 705 // ProtocolNotSupported
	codeWildPort         = 706 // InternalPortWildcardingNotAllowed
	codeWildProtocol     = 707 // ProtocolWildcardingNotAllowed
	codeWildSource       = 708 // WildCardNotPermittedInSrcIP
)

const actionRouter = "Look whether the router answers at all; restarting it often helps."

// byHand is what to enter in a router that opens no pinhole for us.
func byHand(r record) string {
	return fmt.Sprintf("Open %s port %d for the device with %s on the router's page for IPv6 "+
		"(many call it pinhole, IPv6 port sharing or IPv6 host exposure), or do without IPv6 from outside and publish no AAAA record (types under [[ddns]]).", r.protocol, r.internal.Port(), r.internal.Addr())
}

// refused is the outcome of a refusal by UPnP.
func (k *Keeper) refused(h *hole, want record, fault *fact.GatewayFault) outcome {
	if fault.Code == codeFirewallDisabled {
		return k.unfiltered()
	}
	problem, action := explain(fault, want, k.fw.Describe())
	if own := k.cfg.Own; fault.Code == codeNotAuthorized && own != nil && own(want.internal.Addr()) {
		problem, action = explainOwn(problem, action, want)
	}
	out := k.failed(h, problem, action)
	out.elsewhere = true // PCP may be allowed where UPnP is not
	out.wait = loop.Backoff(h.failures, 30*time.Second, 15*time.Minute, k.cfg.Rand)
	switch fault.Code {
	case codeNotAuthorized, codeNotAllowed, codeProtocol, codeWildPort, codeWildProtocol, codeWildSource:
		out.wait = loop.Backoff(h.failures, 5*time.Minute, 30*time.Minute, k.cfg.Rand) // only a person can change it
	}
	return out
}

// explain says in words what an error code means, and what to do about it.
func explain(fault *fact.GatewayFault, want record, router string) (problem, action string) {
	switch fault.Code {
	case codeNotAuthorized:
		if strings.Contains(strings.ToUpper(router), "FRITZ") {
			return "the FRITZ!Box does not permit this host to open a pinhole (error 606)",
				"In the FRITZ!Box, open this host under Internet > Freigaben > Portfreigaben and tick “Selbstständige Portfreigaben” (permit independent port sharing)."
		}
		if want.internal.Port() < 1024 {
			return fmt.Sprintf("the router does not permit the pinhole (error 606): many open no port below 1024, and this is %d", want.internal.Port()), byHand(want)
		}
		return fmt.Sprintf("the router does not permit the pinhole (error 606): many open one only to the host that asks, over IPv6 from the address itself (%s)", want.internal.Addr()),
			"Run edgeguard on that device (in a container, with the host's network). Or: " + byHand(want)
	case codeSpaceExhausted:
		return "the router's table of pinholes is full (error 701)", "Delete pinholes in the router that nobody needs, or restart it."
	case codeNotAllowed:
		return "the router's settings permit no pinholes from inside (error 703)",
			"Permit them on the router's page for UPnP or for the IPv6 firewall. Or: " + byHand(want)
	case codeNoSuchEntry:
		return "the router says that it has no such pinhole (error 704)", actionRouter
	case codeProtocol:
		return fmt.Sprintf("the router opens no pinholes for %s (error 705)", want.protocol), byHand(want)
	case codeWildPort, codeWildProtocol:
		return fmt.Sprintf("the router wants one port and one protocol, and says that %s port %d is not (error %d)", want.protocol, want.internal.Port(), fault.Code), byHand(want)
	case codeWildSource:
		return "the router opens a pinhole to one known host alone and not to the whole internet (error 708)", byHand(want)
	}
	return fmt.Sprintf("the router refused the pinhole: error %d (%s)", fault.Code, fault.Text), byHand(want)
}

// explainOwn explains error 606 where the pinhole is for this very host: that
// others may not ask for it is not the reason then.
func explainOwn(problem, action string, want record) (string, string) {
	if !strings.Contains(problem, "only to the host that asks") {
		return problem, action
	}
	return "the router does not permit the pinhole (error 606), though it is for this host, which asks for it: it may let no program open one, or not over IPv6",
		"Permit it for this host on the router's page for UPnP or for the IPv6 firewall. Or: " + byHand(want)
}

// unfiltered is the outcome where the router lets everything through.
func (k *Keeper) unfiltered() outcome {
	return outcome{state: StateOpen, wait: loop.Jitter(15*time.Minute, k.cfg.Rand),
		note: "the router does not filter IPv6, so the internet reaches this address without a pinhole, and every other one in the home, too"}
}

// none is the outcome where the router speaks no protocol for pinholes.
func (k *Keeper) none(h *hole, want record, why string) outcome {
	out := outcome{state: StateNone, action: byHand(want), wait: loop.Jitter(15*time.Minute, k.cfg.Rand),
		problem: "the router opens no pinhole for programs, neither by UPnP nor by PCP, so its IPv6 firewall most likely keeps the internet out (" + why + ")"}
	if h.made != nil && time.Now().Before(h.made.ends) {
		// It did once: it may be about to come back.
		out.state, out.refused, out.action = StateUnconfirmed, true, actionRouter
		out.problem = "the router that opened it does not answer: " + why
		out.wait = loop.Backoff(h.failures, 5*time.Second, 5*time.Minute, k.cfg.Rand)
	}
	return out
}
