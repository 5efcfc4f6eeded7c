package cert

// Obtaining a certificate: what for, by which key, and what comes after.

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/acme"
	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/loop"
)

const (
	leastBackoff   = time.Minute
	longestBackoff = 6 * time.Hour
	// mostNotBefore bounds for how long a CA can forbid us the next attempt.
	mostNotBefore = 8 * 24 * time.Hour
	// leastLife is what a new certificate must have left.
	leastLife = 5 * time.Minute
	// obtainTime bounds an attempt, which waits for the DNS most of the time.
	obtainTime = 2 * time.Hour
)

var errObtainTime = errors.New("obtaining a certificate took longer than two hours")

// issuing is how obtaining goes.
type issuing struct {
	need     need
	asked    bool      // a person has asked, and has not got one yet
	failures int       // in a row
	retryAt  time.Time // when the next attempt may be; zero: now
	err      string    // of the last attempt, in words; empty when it did not fail
	action   string
	// askAt is when the CA's window may be asked for again after failures.
	askAt       time.Time
	askFailures int
	// pending was obtained and could not be saved yet; zero: none.
	pending      keys.Pair
	pendingAbout about
}

// need is whether a certificate is needed.
type need struct {
	now bool
	at  time.Time // when it will be; zero where there is no saying
	why string
}

// issue starts what is due, and returns how long there is nothing to do.
func (k *Keeper) issue(ctx context.Context, now time.Time) time.Duration {
	if k.working == obtaining {
		return k.tick
	}
	k.issuing.need = k.needs(now)
	if k.asked.Load() {
		k.issuing.asked, k.issuing.retryAt = true, time.Time{}
	}
	switch {
	case !k.issuing.pending.IsZero():
		k.savePending(now)
		return k.tick
	case !k.issuing.need.now:
		k.issuing.failures, k.issuing.err, k.issuing.action, k.issuing.retryAt = 0, "", "", time.Time{}
		return min(k.ask(ctx, now), k.issuing.need.at.Sub(now))
	case k.working != idle || k.cfg.Mode == OwnCA && k.own.err != nil:
		return k.tick
	}
	wait := k.issuing.retryAt.Sub(now)
	if !k.asked.Swap(false) {
		wait = max(wait, k.clock.settled())
	}
	if wait > 0 {
		return wait
	}
	k.obtain(ctx, now)
	return k.tick
}

// needs says whether a certificate is needed, and why.
func (k *Keeper) needs(now time.Time) need {
	if why := k.unfit(); why != "" {
		return need{now: true, why: why}
	}
	leaf := k.held.Leaf()
	life := k.life()
	n := need{at: life.renewAt(), why: wordsAge(life)}
	if life.Window != nil {
		n.why = becauseWindow
	}
	switch {
	case k.issuing.asked || k.asked.Load():
		n.why = becauseAsked
	case !now.Before(leaf.NotAfter):
		n.why = becauseExpired
	case !validAt(leaf, now):
		n.why = becauseFuture
	default:
		n.now = !now.Before(n.at)
		return n
	}
	n.now = true
	return n
}

// life is what the renewal of the pair goes by.
func (k *Keeper) life() life {
	leaf := k.held.Leaf()
	l := life{NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, Obtained: k.about.ObtainedAt, Draw: k.about.Draw}
	if k.cfg.Mode == ACME {
		l.Window = k.about.Window
	}
	return l
}

// unfit says why the pair is not what the config wants, whatever its age; empty
// where it is. A pair of which nothing is known but what stands in it is taken
// as it is: better than an order for nothing.
func (k *Keeper) unfit() string {
	if k.held.IsZero() {
		return becauseNone
	}
	leaf, about := k.held.Leaf(), k.about
	kind, _ := keys.KindOf(leaf.PublicKey)
	switch {
	case about.Mode != "" && about.Mode != k.cfg.Mode:
		return becauseMode
	case about.Mode == ACME && about.Server != k.cfg.ACME.Directory:
		return becauseServer
	case about.Mode == "" && k.cfg.Mode == ACME && k.own.root != nil && k.issuedByOwn():
		return becauseMode
	case k.cfg.Mode == OwnCA && k.own.root != nil && !k.issuedByOwn():
		return becauseRoot
	case kind != k.cfg.Key:
		return becauseKey
	}
	if missing := k.missing(leaf); missing != "" {
		return fmt.Sprintf(becauseNames, missing)
	}
	return ""
}

// missing is the first name or address that leaf lacks; empty where it has all.
func (k *Keeper) missing(leaf *x509.Certificate) string {
	for _, name := range k.cfg.Names {
		if !names(leaf, name) {
			return name
		}
	}
	if k.cfg.Mode == OwnCA {
		for _, a := range k.cfg.Addresses {
			if leaf.VerifyHostname(a.String()) != nil {
				return a.String()
			}
		}
	}
	return ""
}

// names reports whether leaf is good for a name, which may be a wildcard itself.
func names(leaf *x509.Certificate, name string) bool {
	for _, has := range leaf.DNSNames {
		if strings.EqualFold(has, name) {
			return true
		}
	}
	return !strings.HasPrefix(name, "*") && leaf.VerifyHostname(name) == nil
}

// obtain makes an attempt.
func (k *Keeper) obtain(ctx context.Context, now time.Time) {
	key, err := k.orderKey()
	if err != nil {
		k.failed(&acme.Fault{Text: fmt.Sprintf("%s: %v", saysNoKey, err), Action: fmt.Sprintf(makeRoom, k.cfg.Folder)}, now)
		return
	}
	k.log.Info("a certificate is being obtained", "names", k.cfg.Names, "mode", k.cfg.Mode, "why", k.issuing.need.why)
	if k.cfg.Mode == OwnCA {
		pair, err := k.issueOwn(key)
		k.obtained(pair, err)
		return
	}
	request := acme.Request{Names: k.cfg.Names, Key: key}
	if a := k.about; a.Mode == "" || a.Mode == ACME && a.Server == k.cfg.ACME.Directory {
		request.Replaces = k.held.Leaf() // without it the issuer may hand out the same again
	}
	k.begin(obtaining, func() func() {
		bounded, cancel := context.WithTimeoutCause(ctx, obtainTime, errObtainTime)
		defer cancel()
		chain, err := k.cfg.Issuer.Obtain(bounded, request)
		var pair keys.Pair
		if err == nil {
			pair, err = keys.New(chain, key)
		}
		if err != nil && ctx.Err() != nil {
			return func() {} // it is taken up again after the restart
		}
		return func() { k.obtained(pair, err) }
	})
}

func (k *Keeper) issueOwn(key crypto.Signer) (keys.Pair, error) {
	a, err := k.cfg.Authority()
	if err != nil {
		return keys.Pair{}, err
	}
	return a.IssueServer(authority.ServerRequest{Names: k.cfg.Names, Addresses: k.cfg.Addresses, Lifetime: k.cfg.Lifetime}, key)
}

// orderKey returns the key to obtain a certificate for, which is on the disk by
// then: that of the order under way, or the one in use, or a new one.
func (k *Keeper) orderKey() (crypto.Signer, error) {
	next, err := k.store.nextKey(k.log)
	if err != nil {
		return nil, err
	}
	if next != nil && k.rightKey(next) {
		return next, nil
	}
	key := k.held.Key
	if key == nil || !k.rightKey(key) {
		if key, err = k.cfg.Key.Generate(); err != nil {
			return nil, err
		}
	}
	return key, k.store.saveNextKey(key)
}

// rightKey reports whether a key may be that of the next certificate. One that
// is in use already may not where each is to have its own.
func (k *Keeper) rightKey(key crypto.Signer) bool {
	kind, ok := keys.KindOf(key.Public())
	if !ok || kind != k.cfg.Key {
		return false
	}
	if !k.cfg.NewKey || k.held.Key == nil {
		return true
	}
	used, ok := k.held.Key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && !used.Equal(key.Public())
}

// obtained takes in what an attempt gave.
func (k *Keeper) obtained(pair keys.Pair, err error) {
	now := k.clock.read()
	if err == nil {
		err = k.accept(pair, now)
	}
	if err != nil {
		k.failed(err, now)
		return
	}
	k.issuing.pending = pair
	k.issuing.pendingAbout = about{Mode: k.cfg.Mode, ObtainedAt: now.UTC().Truncate(time.Second), Draw: k.draw()}
	if k.cfg.Mode == ACME {
		k.issuing.pendingAbout.Server = k.cfg.ACME.Directory
	}
	if was := k.held.Leaf(); was != nil {
		if kind, _ := keys.KindOf(was.PublicKey); kind != k.cfg.Key {
			k.issuing.pendingAbout.FormerKey, k.issuing.pendingAbout.FormerEnds = kind, was.NotAfter
		}
	}
	k.savePending(now)
}

// accept returns what is wrong with a pair that was obtained.
func (k *Keeper) accept(pair keys.Pair, now time.Time) error {
	if err := pair.Check(); err != nil {
		return err
	}
	leaf := pair.Leaf()
	if leaf.Equal(k.held.Leaf()) {
		return errors.New(saysSame)
	}
	if missing := k.missing(leaf); missing != "" {
		return fmt.Errorf(saysLacksName, missing)
	}
	if kind, _ := keys.KindOf(leaf.PublicKey); kind != k.cfg.Key {
		return errors.New(saysOtherKey)
	}
	if !validAt(leaf, now) {
		return &acme.Fault{Text: fmt.Sprintf(saysOtherClock, day(leaf.NotBefore), day(leaf.NotAfter), day(now)), Action: setClock}
	}
	if leaf.NotAfter.Sub(now) < leastLife {
		return fmt.Errorf(saysTooShort, day(leaf.NotAfter)) // to renew it at once would have no end
	}
	return nil
}

// savePending makes what was obtained the pair that is held.
func (k *Keeper) savePending(now time.Time) {
	pair, a := k.issuing.pending, k.issuing.pendingAbout
	if err := k.store.savePair(pair, k.held, a); err != nil {
		k.log.Warn("a new certificate cannot be saved", "err", err)
		k.issuing.err, k.issuing.action = fmt.Sprintf(saysNotSaved, plain(err)), fmt.Sprintf(makeRoom, k.cfg.Folder)
		k.issuing.retryAt = now.Add(leastBackoff)
		return
	}
	if err := k.store.dropNextKey(); err != nil {
		k.log.Warn("the key of a finished order cannot be removed", "err", err)
	}
	k.held, k.about = pair, a
	k.asked.Store(false)
	k.issuing = issuing{}
	k.issuing.need = k.needs(now)
	k.log.Info("a new certificate is held", "names", k.cfg.Names, "ends", pair.Leaf().NotAfter, "renewal", k.issuing.need.at)
}

// failed notes an attempt that failed.
func (k *Keeper) failed(err error, now time.Time) {
	most := longestBackoff
	if !k.held.IsZero() {
		most = k.life().mostBackoff()
	}
	i := &k.issuing
	i.retryAt = now.Add(loop.Backoff(i.failures, leastBackoff, most, k.cfg.Rand))
	i.failures++
	i.asked = k.asked.Swap(false) || i.asked // who asked meanwhile has this answer
	i.err, i.action = plain(err), ""
	if fault := (*acme.Fault)(nil); errors.As(err, &fault) {
		i.err, i.action = plain(fault), fault.Action
		i.retryAt = later(i.retryAt, earlier(fault.NotBefore, now.Add(mostNotBefore)))
	}
	k.log.Warn("a certificate could not be obtained", "err", i.err, "attempts", i.failures, "next", i.retryAt)
}

// draw is by lot, in [0, 1).
func (k *Keeper) draw() float64 {
	if k.cfg.Rand != nil {
		return k.cfg.Rand.Float64()
	}
	return rand.Float64()
}
