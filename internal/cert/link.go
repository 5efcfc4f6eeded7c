package cert

// What this says of the chain's link "certificate".

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

// rootWarning is how long before its end it is said that the own CA ends: a
// new root has to be taken to every device by hand.
const rootWarning = 90 * 24 * time.Hour

// link is the worst that there is to say; a pass without words where all is well.
func (k *Keeper) link(now time.Time) fact.Link {
	if k.cfg.Mode == None {
		return fact.Link{Verdict: fact.VerdictPass}
	}
	if !k.clockSet(now) {
		return fact.Link{Summary: fmt.Sprintf(saysClock, day(now)), Action: setClock}
	}
	link := fact.Link{Verdict: fact.VerdictPass}
	for _, say := range []func(time.Time) fact.Link{k.sayHeld, k.sayRenewal, k.sayOwn, k.sayHanding, k.sayServed} {
		if l := say(now); l.Summary != "" && fact.Worse(l.Verdict, link.Verdict) != link.Verdict {
			link = l
		}
	}
	link.Evidence = k.evidence(now)
	return link
}

func linkOf(v fact.Verdict, action, format string, args ...any) fact.Link {
	return fact.Link{Verdict: v, Summary: tidy.Sentence(fmt.Sprintf(format, args...)), Action: action}
}

// sayHeld says whether there is a certificate that is valid.
func (k *Keeper) sayHeld(now time.Time) fact.Link {
	leaf := k.held.Leaf()
	failed := k.failure()
	switch {
	case k.loadErr != "":
		return linkOf(fact.VerdictFail, fmt.Sprintf(letRead, k.cfg.Folder), saysUnreadable, k.loadErr)
	case leaf == nil && k.cfg.Mode == OwnCA && errors.Is(k.own.err, authority.ErrNone):
		return linkOf(fact.VerdictFail, makeCA, saysNoCA)
	case leaf == nil && failed != "":
		return linkOf(fact.VerdictFail, k.failureAction(), saysNone, failed)
	case leaf == nil:
		return linkOf(fact.VerdictWarn, "", saysObtaining)
	case validAt(leaf, now):
		return fact.Link{}
	case k.clock.settled() > 0:
		return linkOf(fact.VerdictUnknown, "", saysClockJumped)
	}
	why := fmt.Sprintf(saysExpired, day(leaf.NotAfter))
	if failed == "" {
		return linkOf(fact.VerdictFail, "", "%s%s", why, saysRenewing)
	}
	return linkOf(fact.VerdictFail, k.failureAction(), "%s"+saysAttempt, why, failed)
}

// failure is why no certificate can be obtained at the moment; empty where
// nothing is known to stand against it.
func (k *Keeper) failure() string {
	if k.cfg.Mode == OwnCA && k.own.err != nil {
		return plain(k.own.err)
	}
	return k.issuing.err
}

func (k *Keeper) failureAction() string {
	switch {
	case k.cfg.Mode == OwnCA && k.own.err != nil:
		return k.ownAction()
	case k.issuing.action != "":
		return k.issuing.action
	}
	return lookAtLog
}

// ownAction is what to do about an own CA that cannot be used.
func (k *Keeper) ownAction() string {
	switch {
	case errors.Is(k.own.err, authority.ErrNone):
		return makeCA
	case !errors.Is(k.own.err, authority.ErrLocked):
		return repairCA
	case k.cfg.PassphraseFile == "":
		return unlockCA
	}
	return fmt.Sprintf(unlockCAFile, k.cfg.PassphraseFile)
}

// sayRenewal says that a renewal fails, once people should know: a CA that is
// away for a day is nobody's business.
func (k *Keeper) sayRenewal(now time.Time) fact.Link {
	leaf := k.held.Leaf()
	if leaf == nil || k.issuing.err == "" || !validAt(leaf, now) {
		return fact.Link{}
	}
	if unfit := k.unfit(); unfit != "" {
		return linkOf(fact.VerdictWarn, k.failureAction(), saysUnfit, unfit, k.issuing.err)
	}
	if left := leaf.NotAfter.Sub(now); left < k.life().margin()/2 || k.issuing.asked {
		return linkOf(fact.VerdictWarn, k.failureAction(), saysLate, day(leaf.NotAfter), k.issuing.err)
	}
	return fact.Link{}
}

// sayOwn says that the own CA cannot be used.
func (k *Keeper) sayOwn(now time.Time) fact.Link {
	leaf := k.held.Leaf()
	switch {
	case errors.Is(k.own.err, authority.ErrNone) && k.cfg.Mode == OwnCA && leaf != nil:
		return linkOf(fact.VerdictWarn, makeCA, saysNoCANow, day(leaf.NotAfter))
	case errors.Is(k.own.err, authority.ErrNone):
	case k.own.err != nil:
		return linkOf(fact.VerdictWarn, k.ownAction(), saysLockedCA, plain(k.own.err))
	case k.own.crlErr != nil:
		return linkOf(fact.VerdictWarn, repairCA, saysCRL, plain(k.own.crlErr))
	case k.own.root != nil && k.own.root.NotAfter.Sub(now) < rootWarning:
		return linkOf(fact.VerdictWarn, replaceRoot, saysRootEnds, day(k.own.root.NotAfter))
	case k.own.issuer != nil && k.own.issuer.NotAfter.Sub(now) < rootWarning:
		return linkOf(fact.VerdictWarn, renewIssuer, saysIssuerEnds, day(k.own.issuer.NotAfter))
	}
	return fact.Link{}
}

// sayHanding says that the broker could not be given or told of it.
func (k *Keeper) sayHanding(now time.Time) fact.Link {
	h := &k.handing
	if h.failing.IsZero() || now.Sub(h.failing) < patience {
		return fact.Link{}
	}
	if h.writeErr != "" {
		return linkOf(fact.VerdictWarn, fmt.Sprintf(letWrite, k.cfg.Deploy.Directory), saysNotWritten, h.writeErr)
	}
	return linkOf(fact.VerdictWarn, reloadRepair, saysNotTold, h.reloadErr)
}

// sayServed says which service serves another certificate, the first one.
func (k *Keeper) sayServed(now time.Time) fact.Link {
	for _, name := range k.cfg.Services {
		s := k.handing.serving[name]
		if s.state != ServingNo || now.Sub(s.since) < patience {
			continue
		}
		ends := day(s.leaf.NotAfter)
		if !now.Before(s.leaf.NotAfter) && k.clock.settled() == 0 {
			return linkOf(fact.VerdictFail, k.servedAction(s), saysOldExpired, name, serial(s.leaf), ends)
		}
		return linkOf(fact.VerdictWarn, k.servedAction(s), saysOldServed, name, serial(s.leaf), ends, day(s.since))
	}
	return fact.Link{}
}

// servedAction is what to do about a service that serves another certificate.
func (k *Keeper) servedAction(s seen) string {
	switch {
	case k.handing.reloadErr != "":
		return reloadRepair
	case kindOf(s.leaf) != kindOf(k.held.Leaf()):
		return restartBroker
	case k.handing.byOthers:
		return reloadByHand
	}
	return fmt.Sprintf(pointBroker, k.cfg.Deploy.Directory)
}

// evidence is what the verdict rests on.
func (k *Keeper) evidence(now time.Time) (lines []string) {
	held := k.describe()
	if held == nil {
		return nil
	}
	lines = append(lines, fmt.Sprintf(evidenceHeld, tidy.Line(strings.Join(held.Names, ", "), 300), held.Issuer, held.Serial, day(held.NotBefore), day(held.NotAfter)))
	for _, s := range k.servings() {
		lines = append(lines, fmt.Sprintf(evidenceServed, s.Service, s.State))
	}
	if a := k.about; a.FormerKey != "" && now.Before(a.FormerEnds) {
		lines = append(lines, fmt.Sprintf(evidenceFormer, a.FormerKey, held.Key))
	}
	return lines
}
