package portmap

// Ports of services that have not been found yet: not known is not none.

import (
	"fmt"
	"slices"

	"github.com/edgeguard/edgeguard/internal/fact"
)

func (k *Keeper) waitsFor(p fact.Protocol, external uint16) bool {
	return slices.ContainsFunc(k.cfg.Waiting, func(w Forward) bool { return w.Protocol == p && w.ExternalPort == external })
}

// withWaiting is l, the link of so many forwards, with those that wait.
func withWaiting(l fact.Link, waiting []Forward, forwards int) fact.Link {
	if len(waiting) == 0 {
		return l
	}
	first := waiting[0]
	said := fmt.Sprintf("Where %s is in the LAN is not known yet, so port %d is not asked for; a forward that is there already stays.", first.Service, first.ExternalPort)
	if forwards > 0 && fact.Worse(l.Verdict, fact.VerdictUnknown) == l.Verdict {
		l.Evidence = append(slices.Clone(l.Evidence), said)
		return l
	}
	return fact.Link{Summary: said, Evidence: l.Evidence}
}
