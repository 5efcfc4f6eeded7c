package authority

// What was issued, what of it is revoked, and the list that says so (RFC 5280,
// section 5).

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

const (
	// crlLifetime is for how long a list is good: a broker takes no client at all
	// with a list that is past its end, and reads a new one only when reloaded.
	crlLifetime = 30 * day
	// crlRenewal is how much of that is left when a new one is signed, crlUrgent
	// when it is an error that this fails.
	crlRenewal = 15 * day
	crlUrgent  = 7 * day
)

// Issued returns every certificate that was issued, the oldest first. The list
// is the caller's own.
func (a *Authority) Issued() ([]Issued, error) {
	st, err := a.store.load()
	if err != nil {
		return nil, err
	}
	return st.issued, nil
}

// Revoke revokes every certificate of a client's or a server's name that has not
// ended, or the one with a serial number (hexadecimal, colons allowed), signs
// the list anew and returns those that it revoked: none where all were revoked
// before. It returns ErrUnknown where there never was one.
func (a *Authority) Revoke(nameOrSerial string) (revoked []Issued, err error) {
	err = a.change(func(st *state, now time.Time) error {
		found := matching(st.issued, nameOrSerial)
		if len(found) == 0 {
			return fmt.Errorf("%.80q: %w", nameOrSerial, ErrUnknown)
		}
		for _, i := range found {
			if c := &st.issued[i]; c.RevokedAt.IsZero() && now.Before(c.NotAfter) {
				c.RevokedAt = now.UTC().Truncate(time.Second)
				revoked = append(revoked, *c)
			}
		}
		if len(revoked) == 0 {
			return errUnchanged
		}
		return st.signCRL(a.key, now)
	})
	if errors.Is(err, errUnchanged) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return revoked, nil
}

// errUnchanged ends a change that changes nothing.
var errUnchanged = errors.New("nothing to change")

// matching returns the indexes of the one with this serial number, or of those
// with this name.
func matching(list []Issued, nameOrSerial string) (found []int) {
	serial := strings.ToLower(strings.ReplaceAll(nameOrSerial, ":", ""))
	for i, c := range list {
		if c.Serial == serial {
			return []int{i}
		}
		if c.Name == nameOrSerial {
			found = append(found, i)
		}
	}
	return found
}

// CRL is the list of revoked certificates in DER. It is good for 30 days, and is
// signed anew when half of them are over; while that fails the old one is
// returned until it has a week left.
func (a *Authority) CRL() ([]byte, error) {
	st, err := a.store.load()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if fresh(st.crl, now, crlRenewal) {
		return st.crl.Raw, nil
	}
	der := st.crl.Raw
	err = a.change(func(st *state, now time.Time) error {
		if fresh(st.crl, now, crlRenewal) { // another process was faster
			der = st.crl.Raw
			return errUnchanged
		}
		err := st.signCRL(a.key, now)
		if err == nil {
			der = st.crl.Raw
		}
		return err
	})
	if err == nil || errors.Is(err, errUnchanged) {
		return der, nil
	}
	if fresh(st.crl, now, crlUrgent) {
		return st.crl.Raw, nil
	}
	return nil, fmt.Errorf("signing the list of revoked certificates anew: %w", err)
}

// fresh reports whether a list is good for so much longer. One of the future,
// signed while the clock was wrong, is not: nobody takes it.
func fresh(l *x509.RevocationList, now time.Time, left time.Duration) bool {
	return !now.Before(l.ThisUpdate) && now.Add(left).Before(l.NextUpdate) &&
		!l.NextUpdate.After(now.Add(crlLifetime+backdated))
}

// signCRL signs the list for st with the next number.
func (s *state) signCRL(key crypto.Signer, now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	t := &x509.RevocationList{
		Number:     big.NewInt(s.number + 1),
		ThisUpdate: now.Add(-backdated),
		NextUpdate: now.Add(crlLifetime),
	}
	for _, c := range s.issued {
		if c.RevokedAt.IsZero() {
			continue
		}
		raw, err := hex.DecodeString(c.Serial)
		if err != nil {
			return err
		}
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: new(big.Int).SetBytes(raw), RevocationTime: c.RevokedAt})
	}
	der, err := x509.CreateRevocationList(rand.Reader, t, s.issuer(), key)
	if err != nil {
		return fmt.Errorf("signing the list of revoked certificates: %w", err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return err
	}
	s.number, s.crl = s.number+1, list
	return nil
}
