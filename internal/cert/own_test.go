package cert_test

// The own CA: made, locked, changed and revoking beside the daemon.

import (
	"bytes"
	"crypto/x509"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/fact"

	cert "github.com/edgeguard/edgeguard/internal/cert"
)

// TestOwnCA waits for a CA, for its passphrase, follows another root, and hands
// lists of revoked clients on within a minute.
func TestOwnCA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t).own()
		h.cfg.PassphraseFile = "/etc/pass"
		h.ca.err = authority.ErrNone
		h.start()
		defer func() { h.stop() }()
		h.sleep(day)
		h.phase(cert.PhaseNoAuthority)
		h.says(fact.VerdictFail, "`edgeguard cert ca init`")

		h.ca.set(func() { h.ca.err = authority.ErrLocked })
		h.sleep(time.Minute)
		h.phase(cert.PhaseWaiting)
		h.says(fact.VerdictFail, "passphrase", "/etc/pass", "passphrase_file")

		h.ca.set(func() { h.ca.err = nil })
		h.sleep(65 * time.Second)
		h.phase(cert.PhaseKept)
		h.orders(1)
		if s := h.status(); !s.Root.Equal(h.ca.root) || !bytes.Equal(s.CRL, h.ca.crl) || !h.broker.folder.Authorities[0].Equal(h.ca.root) {
			t.Errorf("the CA is not told of: %+v", s)
		}

		told := len(h.broker.told())
		h.ca.set(func() { h.ca.crl = []byte("number 4") })
		h.sleep(time.Minute)
		if string(h.broker.crl) != "number 4" || string(h.status().CRL) != "number 4" || len(h.broker.told()) != told+1 {
			t.Errorf("after a minute the broker has the list %q, told %d times", h.broker.crl, len(h.broker.told())-told)
		}

		other := newCA(t, "Another Root")
		h.ca.set(func() { h.ca.root, h.ca.key = other.root, other.key })
		h.sleep(65 * time.Second)
		h.orders(2)
		h.phase(cert.PhaseKept)
		if !h.broker.folder.Authorities[0].Equal(other.root) || h.broker.serves.CheckSignatureFrom(other.root) != nil {
			t.Error("the broker goes on with the old root")
		}
	})
}

// TestOwnCALocked holds that the list of revoked clients stays with the broker
// while the CA cannot be opened, over restarts and renewals.
func TestOwnCALocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		own := newCA(t, "Own CA") // for clients only: the broker's is public
		own.crl = []byte("number 9")
		h.cfg.Authority = own.Authority
		h.kept()
		defer func() { h.stop() }()
		own.set(func() { own.err = authority.ErrLocked })
		h.restart()
		h.keeper.Renew()
		h.sleep(2 * time.Minute)
		h.orders(2)
		if string(h.broker.crl) != "number 9" || !h.broker.folder.Authorities[0].Equal(own.root) {
			t.Error("the list is gone while the CA is locked")
		}
		h.says(fact.VerdictWarn, "passphrase")
		own.set(func() { own.err = authority.ErrNone })
		h.sleep(2 * time.Minute)
		h.says(fact.VerdictPass)
		if h.status().Root != nil || h.broker.folder.Authorities != nil {
			t.Error("a CA that is known to be gone is still told of")
		}
	})
}

// TestOwnCAOffLine holds that the broker is given what issues for an off-line
// root as well, also while the CA is locked after a restart: Tasmota sends no
// more than its own certificate.
func TestOwnCAOffLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		own := newCA(t, "Own CA")
		own.issuer = newCA(t, "Intermediate").root
		h.cfg.Authority = own.Authority
		h.kept()
		defer func() { h.stop() }()
		want := []*x509.Certificate{own.root, own.issuer}
		if got := h.broker.folder.Authorities; !slices.EqualFunc(got, want, (*x509.Certificate).Equal) {
			t.Errorf("the broker has %d authorities, want the root and what issues for it", len(got))
		}
		own.set(func() { own.err = authority.ErrLocked })
		h.restart()
		h.keeper.Renew()
		h.sleep(2 * time.Minute)
		h.orders(2)
		if got := h.broker.folder.Authorities; !slices.EqualFunc(got, want, (*x509.Certificate).Equal) {
			t.Errorf("the broker has %d authorities after a restart, want the root and what issues for it", len(got))
		}
	})
}

// TestOff holds that mode none touches nothing and says nothing, but tells of an
// own CA.
func TestOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		h.cfg.Mode, h.cfg.Folder, h.cfg.Names = cert.None, "", nil
		h.cfg.Authority = h.ca.Authority
		h.start()
		defer func() { h.stop() }()
		h.sleep(time.Hour)
		h.phase(cert.PhaseOff)
		h.says(fact.VerdictPass)
		if h.status().Root == nil || h.broker.writes != 0 {
			t.Errorf("the status is %+v, the folder was written %d times", h.status(), h.broker.writes)
		}
	})
}
