package wan

// The rule of agreement for IPv6. What is published is the address of our own
// interface; the outside sees another one in the same network, as what a host
// sends from is a temporary address (RFC 8981).

import (
	"net/netip"
	"slices"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// AgreeIPv6 judges the answers of one round about IPv6: an address of our own
// interface is agreed where an outside source sees an address of the same /64.
// Of several networks on the interface, that one is taken which the outside
// sees. Answers that are Unknown never change the outcome, nor does the order
// of those from outside.
func AgreeIPv6(answers []Answer) Finding {
	candidates, who, none := ownAddresses(answers)
	subnets, odd := outsideSubnets(answers)
	f := Finding{}
	if len(candidates) > 0 {
		f.Router = candidates[0]
	}
	if len(subnets) > 0 {
		f.Outside = subnets[0].addr
	}
	switch {
	case none && len(candidates) == 0:
		f.Cause = RouterNone
	case len(candidates) == 0 && len(subnets) > 0:
		f.Cause = OneVoice
	case len(candidates) == 0:
	case classify6(f.Router) != classPublic:
		f.Cause = RouterOdd
	case len(subnets) == 0 && odd.IsValid():
		f.Cause, f.Outside = OutsideOdd, odd
	case len(subnets) == 0:
		f.Cause = OutsideSilent
	default:
		f.match(candidates, subnets)
		if f.Cause == Agreed {
			f.By = append([]string{who}, f.By...)
		}
	}
	return f
}

// view is an address that the outside saw, and its source.
type view struct {
	addr   netip.Addr
	source string
}

// match looks for the best candidate in a network that the outside sees.
func (f *Finding) match(candidates []netip.Addr, views []view) {
	f.Cause = Differ
	for _, c := range candidates {
		if classify6(c) != classPublic {
			continue
		}
		for _, v := range views {
			if subnet(v.addr) != subnet(c) {
				continue
			}
			if f.Cause != Agreed {
				f.Cause, f.Addr, f.Router, f.Outside, f.NAT = Agreed, c, c, v.addr, "none"
			}
			f.By = append(f.By, v.source)
		}
		if f.Cause == Agreed {
			return
		}
	}
}

// ownAddresses are those of our interface, the best first, the source that gave
// them, and whether an interface says that it has none.
func ownAddresses(answers []Answer) (addrs []netip.Addr, who string, none bool) {
	for _, a := range answers {
		switch {
		case a.Kind != Router:
		case a.Observation.State == fact.None:
			none = true
		case a.Observation.State == fact.Known:
			addrs = append(append(addrs, a.Observation.Addr), a.More...)
			if who == "" {
				who = a.Source
			}
		}
	}
	return addrs, who, none
}

// outsideSubnets are the public addresses that the outside saw, in the order of
// the addresses, and one that is not public.
func outsideSubnets(answers []Answer) (views []view, odd netip.Addr) {
	for _, a := range answers {
		switch addr := a.Observation.Addr; {
		case a.Kind != Outside || a.Observation.State != fact.Known:
		case classify6(addr) != classPublic:
			odd = addr
		default:
			views = append(views, view{addr, a.Source})
		}
	}
	slices.SortStableFunc(views, func(a, b view) int { return a.addr.Compare(b.addr) })
	return views, odd
}
