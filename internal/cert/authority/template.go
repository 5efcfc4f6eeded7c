package authority

// The certificates of the authority itself.

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	// serialLength is the length of serial numbers, in bytes.
	serialLength = 16
	// backdated is how much earlier than now a certificate begins, for devices
	// whose clock is slow.
	backdated = time.Hour

	day          = 24 * time.Hour
	rootLifetime = 3652 * day // 10 years
	minLifetime  = day
	maxLifetime  = 30 * 365 * day
	// maxIntermediate is the most that an intermediate lives.
	maxIntermediate = 5 * 365 * day
)

// newSerial is a serial number of 128 random bits, which is never zero (RFC
// 5280, section 4.1.2.2).
func newSerial() *big.Int {
	var b [serialLength]byte
	for n := new(big.Int); ; {
		_, _ = rand.Read(b[:]) // never fails
		if n.SetBytes(b[:]); n.Sign() > 0 {
			return n
		}
	}
}

// serialText is a serial number as it is recorded.
func serialText(n *big.Int) string { return fmt.Sprintf("%0*x", 2*serialLength, n) }

// keyID is the subject key identifier of a key.
func keyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	return sum[:20], nil
}

// caTemplate is what root and intermediate have in common.
func caTemplate(name string, ski []byte, notBefore, notAfter time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             notBefore.UTC().Truncate(time.Second),
		NotAfter:              notAfter.UTC().Truncate(time.Second),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		SubjectKeyId:          ski,
	}
}

// rootTemplate is the root that o asks for; pathLength is how many authorities
// may stand between it and a leaf.
func rootTemplate(o Options, ski []byte, now time.Time, pathLength int) *x509.Certificate {
	t := caTemplate(o.Name, ski, now.Add(-backdated), now.Add(o.Lifetime))
	t.AuthorityKeyId = ski
	t.MaxPathLen, t.MaxPathLenZero = pathLength, pathLength == 0
	if len(o.Permitted) == 0 {
		return t
	}
	t.PermittedDNSDomainsCritical = true
	t.PermittedDNSDomains = o.Permitted
	for _, p := range o.PermittedAddresses {
		t.PermittedIPRanges = append(t.PermittedIPRanges, network(p))
	}
	if len(o.PermittedAddresses) == 0 {
		// A constraint holds only for the kinds of names that it lists, so without
		// this a thief of the key could issue for every address.
		t.ExcludedIPRanges = []*net.IPNet{
			network(netip.PrefixFrom(netip.IPv4Unspecified(), 0)), network(netip.PrefixFrom(netip.IPv6Unspecified(), 0))}
	}
	return t
}

// network is p in the older form.
func network(p netip.Prefix) *net.IPNet {
	a := p.Masked().Addr()
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(p.Bits(), a.BitLen())}
}

// intermediateTemplate is an intermediate below root, limited as it is.
func intermediateTemplate(root *x509.Certificate, ski []byte, now time.Time) *x509.Certificate {
	lifetime := min(root.NotAfter.Sub(root.NotBefore)/2, maxIntermediate)
	end := now.Add(lifetime)
	if end.After(root.NotAfter) {
		end = root.NotAfter
	}
	begin := now.Add(-backdated)
	if begin.Before(root.NotBefore) {
		begin = root.NotBefore
	}
	t := caTemplate(root.Subject.CommonName+" issuer", ski, begin, end)
	t.MaxPathLenZero = true
	// The same limits as in the root, as some clients read none in a root that
	// they are told to trust. Not critical, although RFC 5280, section 4.2.1.10,
	// asks for that: BearSSL, and so Tasmota, refuses a chain with an extension
	// that is critical and that it does not know. Who knows it applies it anyway.
	t.PermittedDNSDomains = root.PermittedDNSDomains
	t.PermittedIPRanges = root.PermittedIPRanges
	t.ExcludedIPRanges = root.ExcludedIPRanges
	return t
}

// sign makes the certificate of t.
func sign(t, by *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, by, public, key)
	if err != nil {
		return nil, fmt.Errorf("signing a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// complete fills o in, or returns what is wrong with it.
func (o Options) complete() (Options, error) {
	if o.Name == "" {
		o.Name = "edgeguard CA"
	}
	if o.Lifetime == 0 {
		o.Lifetime = rootLifetime
	}
	if err := checkText(o.Name, maxCommonName-len(" issuer")-1); err != nil {
		return o, fmt.Errorf("the name of the certificate authority cannot be %.80q: %w", o.Name, err)
	}
	if o.Lifetime < minLifetime || o.Lifetime > maxLifetime {
		return o, errors.New("the lifetime of the certificate authority must be 1 day to 30 years")
	}
	if len(o.Permitted) == 0 && len(o.PermittedAddresses) > 0 {
		return o, errors.New("permitted addresses need permitted domains beside them, as every name would be permitted otherwise")
	}
	if len(o.Permitted) > maxNames || len(o.PermittedAddresses) > maxNames {
		return o, fmt.Errorf("there can be at most %d permitted domains, and as many addresses", maxNames)
	}
	o.Permitted = slices.Clone(o.Permitted)
	for i, d := range o.Permitted {
		o.Permitted[i] = strings.ToLower(d)
		if err := checkDomain(o.Permitted[i]); err != nil {
			return o, fmt.Errorf("a permitted domain: %w", err)
		}
	}
	for _, p := range o.PermittedAddresses {
		if !p.IsValid() || p.Addr().Is4In6() {
			return o, errors.New("a permitted range of addresses is none")
		}
	}
	return o, checkURL(o.CRLURL)
}
