package portmap

// The refusals of PCP and NAT-PMP, in plain words.

import (
	"fmt"
	"net/netip"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Result codes of PCP (RFC 6887, section 7.4). NAT-PMP's (RFC 6886, section
// 3.5) are turned into them.
const (
	pcpNotAuthorized   = 2
	pcpMalformed       = 3
	pcpUnknownOpcode   = 4
	pcpUnknownOption   = 5
	pcpBadOption       = 6
	pcpNetworkFailure  = 7
	pcpNoResources     = 8
	pcpNoProtocol      = 9
	pcpQuota           = 10
	pcpNoExternal      = 11
	pcpAddressMismatch = 12
	pcpTooManyPeers    = 13
)

// pcpCode is the code in the terms of PCP.
func pcpCode(fault *fact.MapFault) uint16 {
	if fault.Method == fact.MethodNATPMP {
		switch fault.Code {
		case 3:
			return pcpNetworkFailure
		case 4:
			return pcpNoResources
		case 5:
			return pcpUnknownOpcode
		}
	}
	return fault.Code
}

// mapRefused is the outcome where the router answered that it will not.
func (k *Keeper) mapRefused(f *forward, fault *fact.MapFault) outcome {
	problem, action := explainMap(fault, f.Forward)
	out := k.refusal(f, problem, action)
	switch pcpCode(fault) {
	case pcpNotAuthorized, pcpAddressMismatch:
		out.wait = k.backoff(f, leastNotAuthorized, mostNotAuthorized)
	}
	return out
}

// explainMap says in words what a result code means, and what to do about it.
func explainMap(fault *fact.MapFault, f Forward) (problem, action string) {
	name := names[fault.Method]
	code := fmt.Sprintf(" (%s code %d)", name, fault.Code)
	switch pcpCode(fault) {
	case pcpNotAuthorized:
		return "the router does not permit this forward" + code + ": the protocol is switched off in its settings, or this host may not use it",
			fmt.Sprintf("Allow this host to forward ports by %s or UPnP in the router, or forward the port there by hand and set methods = [\"manual\"] under [portmap].", name)
	case pcpNetworkFailure:
		return "the router has no address from its provider, or does not know it" + code, actionWAN
	case pcpNoResources:
		return "the router's table of forwards is full" + code, "Delete forwards in the router that nobody needs, or restart it."
	case pcpNoProtocol:
		return fmt.Sprintf("the router does not forward %s ports%s", f.Protocol, code), actionByHand
	case pcpQuota:
		return "this host holds as many forwards as the router allows it" + code,
			"End programs on this host that forward ports and are not needed, or delete their forwards in the router."
	case pcpNoExternal:
		return fmt.Sprintf("the router cannot give port %d of its address%s: it is taken, or kept for the router itself", f.ExternalPort, code),
			fmt.Sprintf("Delete the router's rule for port %d (or move its remote access to another port), or choose another external_port for the service %q.", f.ExternalPort, f.Service)
	case pcpAddressMismatch:
		return "there is another NAT between this host and the router" + code,
			"Run edgeguard with the host's network, or, behind another router, forward the port there too."
	case pcpTooManyPeers, pcpMalformed, pcpUnknownOpcode, pcpUnknownOption, pcpBadOption:
		return "the router does not take the request" + code, actionOwnRequest
	}
	return fmt.Sprintf("the router refused the forward: %s", fault.Text), actionByHand
}

// public reports whether the internet can reach addr. It explains a refusal
// and decides nothing.
func public(addr netip.Addr) bool {
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && !fact.IsShared(addr)
}
