package authority

// Issuing.

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

const (
	// maxServer is the most that a server's certificate lives, in all: one day
	// less than what Apple takes from public authorities.
	maxServer      = 397 * day
	clientLifetime = 5 * 365 * day
	maxClient      = 30 * 365 * day
)

// IssueServer issues a certificate for a server's key, and records it before it
// returns it. It ends no later than the certificate that issues it. The chain
// has the intermediate where there is one, and not the root.
func (a *Authority) IssueServer(r ServerRequest, key crypto.Signer) (keys.Pair, error) {
	if r.Lifetime < 0 || r.Lifetime > maxServer {
		return keys.Pair{}, errors.New("a server's certificate can be valid for at most 397 days, as phones take no longer ones")
	}
	if r.Lifetime == 0 {
		r.Lifetime = maxServer
	}
	kind, ok := keys.KindOf(key.Public())
	if !ok {
		return keys.Pair{}, errors.New("a server's key must be RSA with 2048 bits or ECDSA on P-256")
	}
	return a.issue(key, func(st *state, now time.Time) (*x509.Certificate, Issued, error) {
		by := st.issuer()
		if err := checkServer(r, by); err != nil {
			return nil, Issued{}, err
		}
		t, err := leafTemplate(by, now, r.Lifetime)
		if err != nil {
			return nil, Issued{}, err
		}
		if last := t.NotBefore.Add(maxServer - time.Second); t.NotAfter.After(last) {
			t.NotAfter = last // RFC 5280 counts the last second too
		}
		if len(r.Names[0]) <= maxCommonName {
			t.Subject.CommonName = r.Names[0]
		}
		t.DNSNames = r.Names
		names := slices.Clone(r.Names)
		for _, addr := range r.Addresses {
			t.IPAddresses = append(t.IPAddresses, net.IP(addr.Unmap().AsSlice()))
			names = append(names, addr.Unmap().String())
		}
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if kind == keys.RSA2048 {
			t.KeyUsage |= x509.KeyUsageKeyEncipherment
		}
		return t, Issued{Kind: KindServer, Name: r.Names[0], Names: names}, nil
	})
}

// IssueClient issues a certificate for a client's key, and records it before it
// returns it. Its name becomes the user name at the broker: it must not hold +,
// #, / or what cannot be printed, nor begin with $, nor hold a dot where the
// authority is limited to domains. One name may have many certificates. They
// have few extensions, as small devices keep them in little room.
func (a *Authority) IssueClient(r ClientRequest, key crypto.Signer) (keys.Pair, error) {
	if r.Lifetime < 0 || r.Lifetime > maxClient {
		return keys.Pair{}, errors.New("a client's certificate can be valid for at most 30 years")
	}
	if r.Lifetime == 0 {
		r.Lifetime = clientLifetime
	}
	if p, isRSA := key.Public().(*rsa.PublicKey); isRSA && p.N.BitLen() < 2048 {
		return keys.Pair{}, errors.New("a client's key must have 2048 bits or more")
	}
	return a.issue(key, func(st *state, now time.Time) (*x509.Certificate, Issued, error) {
		by := st.issuer()
		if err := checkClient(r.Name, by); err != nil {
			return nil, Issued{}, err
		}
		t, err := leafTemplate(by, now, r.Lifetime)
		if err != nil {
			return nil, Issued{}, err
		}
		t.Subject.CommonName = r.Name
		t.ExtraExtensions = []pkix.Extension{clientOnly}
		if st.crlURL != "" {
			t.CRLDistributionPoints = []string{st.crlURL}
		}
		return t, Issued{Kind: KindClient, Name: r.Name}, nil
	})
}

// clientOnly is the extended key usage clientAuth (RFC 5280, section 4.2.1.12).
// It is critical because BearSSL, and so Tasmota, knows no such usage: where it
// may pass over it, it takes a client's certificate for that of a server with
// the client's name, and a stolen plug could play the broker.
var clientOnly = pkix.Extension{
	Id:       asn1.ObjectIdentifier{2, 5, 29, 37},
	Critical: true,
	Value:    []byte{0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02},
}

// issue signs what template returns, and records it.
func (a *Authority) issue(key crypto.Signer, template func(*state, time.Time) (*x509.Certificate, Issued, error)) (pair keys.Pair, err error) {
	err = a.change(func(st *state, now time.Time) error {
		t, record, err := template(st, now)
		if err != nil {
			return err
		}
		leaf, err := sign(t, st.issuer(), key.Public(), a.key)
		if err != nil {
			return err
		}
		if pair, err = keys.New(append([]*x509.Certificate{leaf}, st.chain()...), key); err != nil {
			return err
		}
		record.Serial = serialText(leaf.SerialNumber)
		record.NotBefore, record.NotAfter = leaf.NotBefore, leaf.NotAfter
		return st.add(record, now)
	})
	if err != nil {
		return keys.Pair{}, err // also a signed one: what is not recorded does not leave
	}
	return pair, nil
}

// leafTemplate is what servers and clients have in common.
func leafTemplate(by *x509.Certificate, now time.Time, lifetime time.Duration) (*x509.Certificate, error) {
	if !now.Before(by.NotAfter) || now.Before(by.NotBefore) {
		return nil, fmt.Errorf("%w: %q is valid from %s to %s, and by this machine's clock it is %s", ErrEnded, by.Subject.CommonName,
			by.NotBefore.Format(time.DateOnly), by.NotAfter.Format(time.DateOnly), now.UTC().Format(time.DateOnly))
	}
	begin, end := now.Add(-backdated), now.Add(lifetime)
	if begin.Before(by.NotBefore) {
		begin = by.NotBefore
	}
	if end.After(by.NotAfter) {
		end = by.NotAfter
	}
	return &x509.Certificate{
		SerialNumber: newSerial(),
		Subject:      pkix.Name{},
		NotBefore:    begin.UTC().Truncate(time.Second),
		NotAfter:     end.UTC().Truncate(time.Second),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}, nil
}
