package cert

// Handing the certificate over: written, told, and looked at until it is served.

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

const (
	rewrite   = 5 * time.Minute  // between two checks that the folder holds everything
	await     = 2 * time.Second  // between two looks at what was seen after a reload
	awaiting  = 30 * time.Second // for how long it is waited for that closely
	lookAgain = 5 * time.Minute  // between two looks at a service that was not reached
	patience  = 2 * time.Minute  // until it is said that something does not work
)

// ladder are the waits between two reloads that did not help. It grows long, as
// a reload is not free of risk: a broker may end over another file of its own.
var ladder = []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour}

// handing is how handing over goes.
type handing struct {
	mark      string    // of what was last written; empty: nothing
	writtenAt time.Time // when that changed something
	triedAt   time.Time // when it was last written or tried
	writeErr  string
	// owed is whether the broker still has to be told; reloadErr why that failed.
	owed      bool
	reloadErr string
	byOthers  bool      // others tell it
	failing   time.Time // since when writing or telling fails; zero: it does not
	toldAt    time.Time // what was seen before says nothing of what is served
	reloaded  time.Time // when it was last told by us
	lookedAt  time.Time // when the services were last to be looked at
	tries     int       // reloads that did not help
	nextTell  time.Time

	leaf    [sha256.Size]byte // of which serving speaks
	serving map[string]seen
}

// seen is what a service served when it was last looked at.
type seen struct {
	state ServingState
	at    time.Time
	leaf  *x509.Certificate
	since time.Time // since when the state is no
}

// forgetTimes drops every appointment made by another clock.
func (h *handing) forgetTimes(now time.Time) {
	h.triedAt, h.nextTell, h.lookedAt = time.Time{}, time.Time{}, time.Time{}
	h.toldAt, h.failing = earlier(h.toldAt, now), earlier(h.failing, now)
	for name, s := range h.serving {
		s.since = earlier(s.since, now)
		h.serving[name] = s
	}
}

// handOver hands over what is held, and returns how long there is nothing to do.
// While the clock is not set, nothing is said of what is served.
func (k *Keeper) handOver(ctx context.Context, now time.Time, set bool) time.Duration {
	if k.held.IsZero() || k.cfg.Deployer == nil {
		return k.tick
	}
	h := &k.handing
	handed := k.handed()
	mark := markOf(handed)
	if kicked := k.kicked.Swap(false); kicked || mark != h.mark || h.writeErr != "" || now.Sub(h.triedAt) >= rewrite {
		if !k.write(handed, mark, now) {
			return k.tick
		}
	}
	if set {
		k.judge(now)
	}
	if (h.owed || h.refused()) && !now.Before(h.nextTell) {
		k.tell(ctx)
		now = k.clock.read()
	}
	wait := k.tick
	if h.owed || h.refused() {
		wait = min(wait, max(h.nextTell.Sub(now), time.Second))
	}
	if !set || !k.unseen() {
		return wait
	}
	if now.Sub(h.lookedAt) >= lookAgain {
		k.look(now)
	}
	if now.Sub(h.lookedAt) < awaiting {
		wait = min(wait, await)
	}
	return wait
}

// handed is what the folder should hold.
func (k *Keeper) handed() deploy.Handed {
	h := deploy.Handed{Pair: k.held, CRL: k.own.crl}
	if k.own.root != nil {
		h.Authorities = []*x509.Certificate{k.own.root}
		if !k.own.issuer.Equal(k.own.root) {
			h.Authorities = append(h.Authorities, k.own.issuer)
		}
	}
	return h
}

// markOf is by what the same is recognized.
func markOf(h deploy.Handed) string {
	sum := sha256.New()
	add := func(b []byte) {
		_ = binary.Write(sum, binary.BigEndian, uint64(len(b))) // a hash takes it all
		sum.Write(b)
	}
	for _, c := range h.Pair.Chain {
		add(c.Raw)
	}
	add(nil)
	for _, c := range h.Authorities {
		add(c.Raw)
	}
	add(nil)
	add(h.CRL)
	return hex.EncodeToString(sum.Sum(nil))
}

// write makes the folder hold it, and reports whether it does.
func (k *Keeper) write(handed deploy.Handed, mark string, now time.Time) bool {
	h := &k.handing
	h.triedAt = now
	changed, err := k.cfg.Deployer.Write(handed)
	if err != nil {
		if text := plain(err); text != h.writeErr {
			h.writeErr = text
			k.log.Warn("the certificate cannot be handed over", "directory", k.cfg.Deploy.Directory, "err", err)
		}
		h.fails(now)
		return false
	}
	h.writeErr = ""
	if changed {
		h.writtenAt = now
	}
	if changed || mark != h.mark && mark != k.store.state.Told {
		h.owed, h.tries, h.nextTell = true, 0, time.Time{}
	}
	h.mark = mark
	if leaf := handed.Pair.Fingerprint(); leaf != h.leaf {
		h.leaf, h.serving = leaf, nil
	}
	if !h.owed {
		h.failing = time.Time{}
	}
	return true
}

// fails notes since when it fails.
func (h *handing) fails(now time.Time) {
	if h.failing.IsZero() {
		h.failing = now
	}
}

// tell has the broker read the folder.
func (k *Keeper) tell(ctx context.Context) {
	h := &k.handing
	err := k.cfg.Deployer.Reload(ctx)
	if err != nil && ctx.Err() != nil {
		return
	}
	h.toldAt = k.clock.read()
	h.nextTell = h.toldAt.Add(ladder[min(h.tries, len(ladder)-1)])
	h.tries++
	h.byOthers = errors.Is(err, deploy.ErrNoReload)
	if err != nil && !h.byOthers {
		h.owed = true
		h.fails(h.toldAt)
		if text := plain(err); text != h.reloadErr {
			h.reloadErr = text
			k.log.Warn("the broker cannot be told of the certificate", "err", err)
		}
	} else {
		k.toldBroker()
	}
	k.look(h.toldAt)
}

// look has the services looked at.
func (k *Keeper) look(now time.Time) {
	k.handing.lookedAt = now
	if k.cfg.Look != nil {
		k.cfg.Look()
	}
}

// toldBroker notes that the broker was told, or that others do it.
func (k *Keeper) toldBroker() {
	h := &k.handing
	h.owed, h.reloadErr, h.failing = false, "", time.Time{}
	if !h.byOthers {
		h.reloaded = h.toldAt
		k.log.Info("the broker was told to read the certificate anew", "time", h.tries)
	}
	if k.store.state.Told == h.mark {
		return
	}
	k.store.state.Told = h.mark
	if err := k.store.saveState(); err != nil {
		k.log.Warn("that the broker was told cannot be remembered", "err", err) // it is told once more after a restart
	}
}

// judge takes in what was seen since the broker was told.
func (k *Keeper) judge(now time.Time) {
	if k.cfg.Served == nil {
		return
	}
	h := &k.handing
	for _, s := range k.cfg.Served() {
		at := s.At.Round(0)
		if s.Leaf == nil || !slices.Contains(k.cfg.Services, s.Service) || at.Before(h.toldAt) || at.Equal(h.toldAt) && !at.IsZero() {
			continue
		}
		was := h.serving[s.Service]
		is := seen{state: ServingYes, at: at, leaf: s.Leaf}
		if sha256.Sum256(s.Leaf.Raw) != h.leaf {
			is.state, is.since = ServingNo, was.since
			if is.since.IsZero() {
				is.since = now
			}
		}
		if is.state != was.state {
			k.log.Info("what a service serves was looked at", "service", s.Service, "the_new_one", is.state, "ends", s.Leaf.NotAfter)
		}
		if h.serving == nil {
			h.serving = make(map[string]seen)
		}
		h.serving[s.Service] = is
	}
	if !h.owed && !h.refused() && h.tries > 0 && !k.unseen() {
		h.tries, h.nextTell = 0, h.toldAt.Add(time.Minute)
	}
}

// refused reports whether a service is known to serve another certificate.
func (h *handing) refused() bool {
	for _, s := range h.serving {
		if s.state == ServingNo {
			return true
		}
	}
	return false
}

// unseen reports whether a service was not looked at since the broker was told.
func (k *Keeper) unseen() bool {
	if k.cfg.Served == nil {
		return false
	}
	for _, name := range k.cfg.Services {
		if s := k.handing.serving[name]; s.state == "" || s.at.Before(k.handing.toldAt) {
			return true
		}
	}
	return false
}

// servings is the state of every service that is to serve it.
func (k *Keeper) servings() (list []Serving) {
	if k.held.IsZero() || k.cfg.Deployer == nil || k.cfg.Served == nil {
		return nil
	}
	other := k.handing.leaf != k.held.Fingerprint() // what was seen is of one that was held before
	for _, name := range k.cfg.Services {
		s := k.handing.serving[name]
		if s.state == "" || other {
			s = seen{state: ServingUnknown}
		}
		list = append(list, Serving{Service: name, State: s.state, At: s.at})
	}
	return list
}

// kindOf is the kind of a certificate's key; empty for another than ours.
func kindOf(c *x509.Certificate) keys.Kind {
	kind, _ := keys.KindOf(c.PublicKey)
	return kind
}
