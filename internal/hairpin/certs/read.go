package certs

// A certificate as one handshake showed it.

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

// Certificate is what is to be known of a served certificate and its chain. It
// is immutable.
type Certificate struct {
	// Leaf is the certificate itself.
	Leaf *x509.Certificate
	// Claimed are the host names and wildcards of SANs and CN, canonical, at
	// most MaxNames.
	Claimed []string
	// Valid are the names that clients accept it for, wildcards included: those
	// of the SANs, and the CN where there are no SANs.
	Valid []string
	// Addresses are the IP addresses among the SANs, at most MaxNames.
	Addresses []netip.Addr
	// Names are those that may be answered, as HostNames; nil where the chain
	// does not verify. Wildcards likewise, as WildcardNames.
	Names, Wildcards []string
	// CommonNameOnly is whether its name stands in the CN alone, where most
	// clients do not look any more (RFC 9525, section 2).
	CommonNameOnly bool
	// SubjectCN and Issuer are for people.
	SubjectCN, Issuer string
	// SPKI is the lower-case hex SHA-256 of the public key.
	SPKI string
	// Chain is the verdict on its chain.
	Chain Chain
}

// Read describes the chain that a service served, leaf first, at a time. It is
// verified without a host name: whether the names are the right ones is another
// question. Roots are the authorities; nil means the system's. Configured are
// the names that the config gives the service. Known are further certificates
// that may stand between, which the service did not serve: they tell an
// incomplete chain from an unknown authority, and make nothing trusted.
func Read(chain []*x509.Certificate, roots *x509.CertPool, configured []string, known []*x509.Certificate, now time.Time) *Certificate {
	leaf := chain[0]
	key := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	c := &Certificate{
		Leaf:      leaf,
		Claimed:   dnsNames(append(slices.Clone(leaf.DNSNames), leaf.Subject.CommonName)),
		SubjectCN: clean(leaf.Subject.CommonName),
		Issuer:    issuer(leaf),
		SPKI:      hex.EncodeToString(key[:]),
	}
	c.Valid = c.Claimed
	if hasSAN(leaf) {
		// Clients look at the CN only where there is no SAN (RFC 6125,
		// section 6.4.4), if at all.
		c.Valid = dnsNames(leaf.DNSNames)
	} else {
		c.CommonNameOnly = len(c.Claimed) > 0
	}
	for _, ip := range leaf.IPAddresses[:min(len(leaf.IPAddresses), MaxNames)] {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			c.Addresses = append(c.Addresses, addr.Unmap())
		}
	}
	var verified [][]*x509.Certificate
	c.Chain, verified = judge(chain, roots, known, now)
	if !c.Chain.Trusted {
		return c
	}
	names := leaf.DNSNames
	if !constrained(verified) {
		names = append(slices.Clone(names), leaf.Subject.CommonName)
	}
	c.Names, c.Wildcards = HostNames(names, configured), WildcardNames(names)
	return c
}

// ExpiresSoon reports whether less than a quarter of its life is left, or less
// than 14 days where its life is long. Who renews by itself does so earlier,
// with a third or half of the life left.
func (c *Certificate) ExpiresSoon(now time.Time) bool {
	quarter := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore) / 4
	return c.Leaf.NotAfter.Sub(now) < min(14*24*time.Hour, quarter)
}

// constrained reports whether every chain holds an authority that may sign for
// some names only. The verifier holds the SANs against that and passes over
// the CN, which would so be a way around it (RFC 5280, section 4.2.1.10).
func constrained(chains [][]*x509.Certificate) bool {
	for _, chain := range chains {
		if !slices.ContainsFunc(chain, func(c *x509.Certificate) bool {
			return len(c.PermittedDNSDomains)+len(c.ExcludedDNSDomains) > 0
		}) {
			return false
		}
	}
	return true
}

func hasSAN(leaf *x509.Certificate) bool {
	return len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.URIs)+len(leaf.EmailAddresses) > 0
}

// dnsNames brings names into canonical form and drops what is no name at all,
// which also makes them safe to show.
func dnsNames(list []string) []string {
	var names []string
	for _, name := range list {
		name = fact.CanonicalName(name)
		if len(names) < MaxNames && (IsHostName(name) || IsWildcard(name)) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// maxWords bounds one foreign text, in bytes.
const maxWords = 200

// clean makes text one short, harmless line.
func clean(text string) string { return tidy.Line(text, maxWords) }

func selfSigned(c *x509.Certificate) bool { return string(c.RawIssuer) == string(c.RawSubject) }

// issuer names the authority for people.
func issuer(c *x509.Certificate) string {
	if selfSigned(c) {
		return "itself (self-signed)"
	}
	return called(c.Issuer.CommonName, c.Issuer.Organization)
}

// called is what people call an authority.
func called(cn string, organization []string) string {
	if name := clean(cn); name != "" {
		return name
	}
	if len(organization) > 0 {
		if name := clean(organization[0]); name != "" {
			return name
		}
	}
	return "an authority without a name"
}
