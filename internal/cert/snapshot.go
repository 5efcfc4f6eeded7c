package cert

// The Status of the moment.

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

// publish tells how it is.
func (k *Keeper) publish(now time.Time) { k.status.Store(k.snapshot(now)) }

// snapshot shares nothing with the Keeper that will change.
func (k *Keeper) snapshot(now time.Time) Status {
	s := Status{
		Mode: k.cfg.Mode, Phase: k.phase(now), Names: slices.Clone(k.cfg.Names),
		Held: describe(k.held.Leaf()), Serving: k.servings(),
		Root: k.own.root, CRL: k.own.crl, Link: k.link(now),
		WrittenAt: k.handing.writtenAt, ReloadedAt: k.handing.reloaded,
	}
	if k.cfg.Mode == None {
		return s
	}
	if k.cfg.Deployer != nil {
		s.Directory = k.cfg.Deploy.Directory
	}
	if s.Held != nil {
		s.NextRenewalAt, s.RenewalReason = k.issuing.need.at.Truncate(time.Second), k.issuing.need.why
	}
	s.LastError = k.lastError()
	if k.issuing.err != "" {
		s.NextAttemptAt = k.issuing.retryAt
	}
	return s
}

// lastError is what failed, the first of what everything else hangs on.
func (k *Keeper) lastError() string {
	switch {
	case k.loadErr != "":
		return k.loadErr
	case k.cfg.Mode == OwnCA && k.own.err != nil:
		return plain(k.own.err)
	case k.issuing.err != "":
		return k.issuing.err
	case k.handing.writeErr != "":
		return k.handing.writeErr
	}
	return k.handing.reloadErr
}

// phase is what the Keeper is about.
func (k *Keeper) phase(now time.Time) Phase {
	switch {
	case k.cfg.Mode == None:
		return PhaseOff
	case !k.clockSet(now):
		return PhaseClock
	case k.working == obtaining:
		return PhaseIssuing
	case k.cfg.Mode == OwnCA && errors.Is(k.own.err, authority.ErrNone):
		return PhaseNoAuthority
	case !k.loaded, k.held.IsZero(), k.issuing.need.now:
		return PhaseWaiting
	case k.handing.writeErr != "", k.handing.owed, k.unserved():
		return PhaseHanding
	}
	return PhaseKept
}

// unserved reports whether a service is not known to serve what is held.
func (k *Keeper) unserved() bool {
	for _, s := range k.servings() {
		if s.State != ServingYes {
			return true
		}
	}
	return false
}

// describe is a certificate for people; nil for none.
func describe(c *x509.Certificate) *Held {
	if c == nil {
		return nil
	}
	h := &Held{
		Names: slices.Clone(c.DNSNames), Issuer: issuer(c), Serial: serial(c),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, Key: kindOf(c),
		SHA256: sha256.Sum256(c.Raw), SPKI: sha256.Sum256(c.RawSubjectPublicKeyInfo),
		TasmotaFingerprint: keys.TasmotaFingerprint(c.PublicKey),
	}
	for _, a := range c.IPAddresses {
		h.Names = append(h.Names, a.String())
	}
	return h
}

// issuer is who issued a certificate, in its own words.
func issuer(c *x509.Certificate) string {
	name := c.Issuer.CommonName
	if name == "" && len(c.Issuer.Organization) > 0 {
		name = c.Issuer.Organization[0]
	}
	return tidy.Line(name, 100)
}

func serial(c *x509.Certificate) string { return fmt.Sprintf("%x", c.SerialNumber) }

// plain is an error's text for people.
func plain(err error) string { return tidy.Line(err.Error(), 400) }

// day is a moment as people read it.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
