package portmap

// Taking away at the end what is ours.

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/portmap/memory"
)

const (
	stopTime = 5 * time.Second // for taking the forwards away at the end
	lastLook = time.Second     // before the end of it, and between two tries
)

// withdraw takes away what is ours and nobody goes on with, IGD's only where
// read-back shows it. ctx has ended. What does not come off, or may come yet, is looked at again until
// shortly before the time is up.
func (k *Keeper) withdraw(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	k.changing = ctx
	k.meet()
	left := slices.DeleteFunc(slices.Clone(k.forwards), k.bequeath)
	for {
		left = slices.DeleteFunc(left, func(f *forward) bool {
			retracted := k.retract(ctx, f)
			return k.returnGrants(f) && retracted
		})
		if len(left) == 0 || !loop.Rest(ctx, lastLook, lastLook) {
			break
		}
	}
	for _, f := range left {
		k.tellLeft(f)
	}
	k.memory.Save()
}

// returnGrants gives back what PCP and NAT-PMP made for f, and reports whether
// there is nothing left to try. What the router did not answer stays
// remembered: the next life needs the nonce to ask for the same mapping.
func (k *Keeper) returnGrants(f *forward) (done bool) {
	done = true
	for _, m := range k.grantsOf(f) {
		err := k.unmap(m)
		switch {
		case f.doubtful(true):
			done = false // it may be granted after this
			f.stays = errNoAnswer
		case err == nil:
			k.memory.Forget(m)
			if f.grant != nil && f.grant.method == m.Method {
				f.grant = nil
				k.log.Info("gave the forward back", "service", f.Service, "port", f.ExternalPort, "method", m.Method)
			}
		case settled(err):
			k.memory.Forget(m)
			if f.grantStands() && f.grant.method == m.Method {
				k.warnLeft(f, f.grant.until, err)
				f.grant = nil
			}
		case f.grantStands() && f.grant.method == m.Method:
			done, f.stays = false, err
		}
	}
	return done
}

// retract deletes f's entry by IGD where read-back shows that it is ours, and
// reports whether there is nothing left to try.
func (k *Keeper) retract(ctx context.Context, f *forward) (done bool) {
	if !f.asked && !k.askedBefore(f) {
		return true // nothing of ours can be there
	}
	entry, err := k.gw.Get(ctx, f.Protocol, f.ExternalPort)
	switch {
	case isNoMapping(err) && f.doubtful(false):
		f.stays = errNoAnswer
		return false
	case isNoMapping(err):
		k.forget(f, fact.Mapping{})
		return true
	case err != nil:
		f.stays = err
		return errors.As(err, new(*fact.GatewayFault)) && k.warnLeft(f, f.ends(), err)
	}
	whose := k.holder(f, entry)
	if whose != ours && (whose != moved || !k.recorded(f, entry)) {
		return true
	}
	f.seen(entry.Lease, time.Now())
	if err = k.delete(ctx, f.Protocol, f.ExternalPort); err != nil {
		f.stays = err
		return errors.As(err, new(*fact.GatewayFault)) && k.warnLeft(f, f.ends(), err)
	}
	k.log.Info("took the forward away", "service", f.Service, "port", f.ExternalPort)
	if f.doubtful(false) && !f.doubt.fresh {
		f.stays = errNoAnswer // one stood there before, so this may not be what was asked for last
		return false
	}
	k.forget(f, entry)
	return true
}

// errNoAnswer is why something may be left that cannot be seen.
var errNoAnswer = errors.New("the router has not answered when it was last asked for it, and may make it yet")

// tellLeft warns of what could not be taken away in time.
func (k *Keeper) tellLeft(f *forward) {
	if f.grantStands() {
		k.warnLeft(f, f.grant.until, f.stays)
		return
	}
	k.warnLeft(f, f.ends(), f.stays)
}

// warnLeft says that f's forward stays, and until when. It returns true.
func (k *Keeper) warnLeft(f *forward, until time.Time, err error) bool {
	attrs := []any{"service", f.Service, "port", f.ExternalPort, "router", k.describe(), "err", err}
	sentence := "could not take the forward away"
	if errors.Is(err, errNoAnswer) {
		sentence = "the forward may come back"
	}
	if until.IsZero() {
		k.log.Warn(sentence+", and nothing tells when it ends: delete it in the router, or start edgeguard again", attrs...)
	} else {
		k.log.Warn(sentence+"; it stands until its lease ends", append(attrs, "until", until.UTC().Truncate(time.Second))...)
	}
	return true
}

// ends is when our entry by IGD ends by itself at the latest, as far as is
// known; zero where it does not, or where nothing is known.
func (f *forward) ends() time.Time {
	end := f.expires
	if end.IsZero() && f.addedLease > 0 {
		end = f.addedAt.Add(f.addedLease)
	}
	if f.doubtful(false) && (f.doubt.ends.IsZero() || f.doubt.ends.After(end)) {
		return f.doubt.ends
	}
	return end
}

// askedBefore reports whether f's entry by IGD is remembered on this router.
func (k *Keeper) askedBefore(f *forward) bool {
	_, ok := k.memory.Find(k.router, f.Protocol, f.ExternalPort, fact.MethodIGD, func(memory.Made) bool { return true })
	return ok
}

// forget drops the records of f's entry by IGD: of e, or of all where there is
// none.
func (k *Keeper) forget(f *forward, e fact.Mapping) {
	f.asked = false
	for _, m := range k.memory.Made(k.router) {
		if m.Method == fact.MethodIGD && m.Protocol == f.Protocol && m.ExternalPort == f.ExternalPort &&
			(!e.Internal.IsValid() || m.Internal == e.Internal) {
			k.memory.Forget(m)
		}
	}
}
