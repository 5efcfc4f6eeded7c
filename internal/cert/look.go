package cert

// A look at what is kept, for who must change nothing.

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// Look tells how the certificate of cfg is, from what a Keeper has left on the
// disk and from what cfg.Served says. It obtains, writes, tells and changes
// nothing, and calls nothing else of cfg. Ca is the folder of the own CA. Whether
// attempts fail is known to a running Keeper alone.
func Look(cfg Config, ca string) Status {
	k := &Keeper{cfg: cfg, log: slog.New(slog.DiscardHandler), tick: longest, clock: clock{now: time.Now}, store: store{folder: cfg.Folder}}
	if k.cfg.Mode == "" {
		k.cfg.Mode = None
	}
	if k.cfg.Key == "" {
		k.cfg.Key = keys.RSA2048
	}
	k.cfg.Deployer = nil
	k.clock.begin()
	now := k.clock.read()
	if k.cfg.Mode != None {
		if err := k.glance(ca); err != nil {
			k.loadErr = plain(err)
		} else {
			k.loaded = true
			k.issuing.need = k.needs(now)
		}
	}
	if cfg.Deploy.Directory != "" {
		k.cfg.Deployer = nobody{} // so that what is served is told
		k.handing.leaf = k.held.Fingerprint()
		if !k.held.IsZero() && k.clockSet(now) {
			k.judge(now)
		}
	}
	s := k.snapshot(now)
	s.Link = sayLooked(s, now)
	return s
}

// nobody hands nothing over.
type nobody struct{ Deployer }

// glance reads what load reads, and leaves what is damaged where it is.
func (k *Keeper) glance(ca string) error {
	text, err := durable.ReadFile(k.store.path(pairFile), maxFile)
	if err == nil {
		k.held, err = keys.ParsePair(text)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if text, err := durable.ReadFile(k.store.path(stateFile), maxFile); err == nil && json.Unmarshal(text, &k.store.state) == nil {
		k.about = k.store.state.Pairs[name(k.held)]
	}
	// With a public CA as well: clients may have certificates of our own one.
	a, err := authority.Read(ca)
	k.own.root, k.own.issuer, k.own.crl, k.own.err = a.Root, a.Issuer, a.CRL, err
	return nil
}

// sayLooked takes the words back that only a running Keeper can say: that a
// certificate is on its way.
func sayLooked(s Status, now time.Time) fact.Link {
	l := s.Link
	switch {
	case s.Mode == None || s.Phase == PhaseClock || s.LastError != "":
	case s.Held == nil:
		l.Verdict, l.Summary, l.Action = fact.VerdictWarn, saysNoneSeen, seeDaemon
	case !now.Before(s.Held.NotAfter):
		l.Summary, l.Action = saysExpiredSeen(s.Held.NotAfter), seeDaemon
	}
	return l
}
