package status

// What a checker on the Internet said, and what of the forward is proven at all.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/hairpin/checker"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

// outside lists what the checker said; nil where there is none, or it was not
// asked yet.
func (m maker) outside(s checker.Status) []OutsideCheck {
	asked := slices.ContainsFunc(s.Checks, func(c checker.Check) bool { return !c.CheckedAt.IsZero() })
	return each(asked, s.Checks, func(c checker.Check) OutsideCheck {
		return OutsideCheck{Service: m.text(c.Port.Service), Verdict: m.text(string(c.Verdict)), Detail: m.optional(c.Detail), CheckedAt: instant(c.CheckedAt)}
	})
}

// What the forward's link says of the outside.
const (
	outsideNone     = "from outside: not tested. Neither what the router says nor a call that it loops back comes from the Internet, so nothing from inside can prove that the Internet reaches a port; a checker there can (check_url under [outside])"
	outsideOpen     = "from outside: a checker on the Internet (%s) reached %s at port %d"
	outsideClosed   = "from outside: a checker on the Internet (%s) could not reach %s at port %d: %s"
	outsideUnknown  = "from outside: a checker on the Internet (%s) could not say whether it reaches %s at port %d: %s"
	provenReadBack  = "proven from inside: the router says that it forwards port %d (%s)"
	provenGranted   = "proven from inside: the router granted port %d (%s); it cannot be read back"
	provenLoopback  = "proven from inside: %s"
	closedSummary   = "A checker on the Internet does not reach %s at port %d, though %s: something in front of the router, or on the way to the service, drops the call."
	closedAction    = "Ask your provider whether it blocks incoming port %d; look for a second router in front of this one, and forward the port there, too; look into the router's and the service's host's firewall. Another external_port may get through."
	byHandOpen      = "The forward of port %d, made by hand, works: a checker on the Internet reached %s there."
	byHandOpenMany  = "All %d ports, forwarded by hand, work: a checker on the Internet reached them."
	closedByHand    = "it should be forwarded by hand"
	closedForwarded = "the router forwards it"
)

// withOutside adds to the forward's link what is proven from inside, and what the
// checker said from outside. A port that is forwarded and that the checker calls
// closed is a warning; one that was made by hand and that it reaches works.
func withOutside(link fact.Link, in Inputs) fact.Link {
	out, forwards := in.Outside, in.Portmap
	if len(forwards.Forwards) == 0 {
		return link
	}
	lines := proven(forwards, in.Hairpin)
	if out.Host == "" {
		lines = append(lines, outsideNone)
	}
	open := 0
	var closed *portmap.ForwardStatus
	for i, f := range forwards.Forwards {
		c, checked := out.Of(f.Service, f.ExternalPort)
		if !checked || f.Protocol != fact.TCP {
			continue
		}
		switch c.Verdict {
		case checker.Open:
			open++
			lines = append(lines, fmt.Sprintf(outsideOpen, out.Host, f.Service, f.ExternalPort))
		case checker.Closed:
			if closed == nil {
				closed = &forwards.Forwards[i]
			}
			lines = append(lines, fmt.Sprintf(outsideClosed, out.Host, f.Service, f.ExternalPort, c.Detail))
		default:
			lines = append(lines, fmt.Sprintf(outsideUnknown, out.Host, f.Service, f.ExternalPort, c.Detail))
		}
	}
	link.Evidence = slices.Concat(link.Evidence, lines) // the link's own belongs to the concern
	switch {
	case closed != nil && (link.Verdict == fact.VerdictPass || link.Verdict == fact.VerdictUnknown):
		why := closedForwarded
		if closed.State == portmap.StateManual {
			why = closedByHand
		}
		link.Verdict = fact.VerdictWarn
		link.Summary = fmt.Sprintf(closedSummary, closed.Service, closed.ExternalPort, why)
		link.Action = strings.TrimSpace(fmt.Sprintf(closedAction, closed.ExternalPort) + " " + link.Action)
	case closed == nil && open == len(forwards.Forwards) && link.Verdict != fact.VerdictPass && allByHand(forwards):
		link.Verdict, link.Action = fact.VerdictPass, ""
		link.Summary = fmt.Sprintf(byHandOpenMany, open)
		if open == 1 {
			link.Summary = fmt.Sprintf(byHandOpen, forwards.Forwards[0].ExternalPort, forwards.Forwards[0].Service)
		}
	}
	return link
}

// allByHand reports whether every forward is left to a person, and has nothing to
// warn of but that nobody saw it.
func allByHand(s portmap.Status) bool {
	return !slices.ContainsFunc(s.Forwards, func(f portmap.ForwardStatus) bool {
		return f.State != portmap.StateManual || f.Warning != ""
	})
}

// proven lists what is known of the forwards from inside.
func proven(forwards portmap.Status, seen hairpin.Status) (lines []string) {
	for _, f := range forwards.Forwards {
		if f.State == portmap.StateActive {
			format := provenGranted
			if f.Method == string(fact.MethodIGD) {
				format = provenReadBack
			}
			lines = append(lines, fmt.Sprintf(format, f.ExternalPort, f.Service))
		}
		for _, s := range seen.Services {
			if s.Name == f.Service && s.Outside == hairpin.LoopbackYes {
				lines = append(lines, fmt.Sprintf(provenLoopback, s.OutsideEvidence))
			}
		}
	}
	return lines
}
