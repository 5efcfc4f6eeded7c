package wan

// Routers that contradict each other: of the ways of asking one router, or of
// two routers' answers, often one is wrong for ever, as firmware gives the
// octets reversed in one protocol and right in the other, or keeps a stale
// address in it.

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// withSplit judges a round in which routers contradict each other. An answer
// that shows a NAT, or that there is no connection, leaves no agreement, as it
// is the others that may be stale; but nothing is made of the reversal of an
// address that has been confirmed. Beside these, the one address that the
// outside confirms is agreed on.
func (v *voices) withSplit(own []netip.Prefix) Finding {
	f := Finding{Cause: RoutersSplit, Outside: v.firstOutside()}
	if v.routerNone {
		return f
	}
	var confirmed []netip.Addr
	for _, r := range v.routers {
		if classify(r, own) == classPublic && v.parties[r] != nil {
			confirmed = append(confirmed, r)
		}
	}
	for _, r := range v.routers {
		turned := len(confirmed) == 1 && isReversed(r, confirmed[0])
		if showsNAT(r, own) && !turned {
			return f
		}
		if classify(r, own) == classPublic && !f.Router.IsValid() {
			f.Router = r // a voice from outside may settle it
		}
	}
	if len(confirmed) != 1 {
		return f
	}
	f.Cause, f.Addr, f.Router, f.Outside, f.NAT = Agreed, confirmed[0], confirmed[0], confirmed[0], "none"
	f.By = v.saying(f.Addr)
	for _, a := range v.answers {
		if a.Kind == Router && a.Observation.State == fact.Known && a.Observation.Addr.Unmap() != f.Addr {
			f.Against = append(f.Against, a)
		}
	}
	return f
}

// showsNAT reports whether a router's address means that another NAT stands
// before it, or that it is no address of the router's public side.
func showsNAT(addr netip.Addr, own []netip.Prefix) bool {
	switch classify(addr, own) {
	case classPrivate, classCGNAT, classLAN:
		return true
	}
	return dsLite.Contains(addr)
}

// isReversed reports whether addr is another address than right, with the
// octets of right the other way round.
func isReversed(addr, right netip.Addr) bool {
	return addr != right && addr.Is4() && right.Is4() && reversed(addr) == right
}

// contradictions is what routers said against an agreed address, in words, and
// whether it could be an address of the home's all the same: a stale one, or
// that of a second connection.
func (f Finding) contradictions() (text string, plausible bool) {
	var parts []string
	for _, a := range f.Against {
		addr := a.Observation.Addr.Unmap()
		part := a.Source + " says " + addr.String()
		switch what := classify(addr, nil); {
		case isReversed(addr, f.Addr):
			part += ", which is the same with its octets in the wrong order"
		case what != classPublic:
			part += ", " + what.String()
		default:
			plausible = true
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; "), plausible
}

// saidBy is what the routers say as one text that changes when it does: their
// different answers, in order. Empty means that none said anything.
func saidBy(near []Answer) string {
	var all []string
	for _, a := range near {
		if a.Kind != Router || a.Observation.State == fact.Unknown {
			continue
		}
		if text := a.Observation.String(); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
