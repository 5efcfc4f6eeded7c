package certs

// Does the chain verify, does it end at a root, and what is missing in it?

import (
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// Problem is why a chain does not verify.
type Problem uint8

// The problems of a chain.
const (
	// None means that it verifies.
	None Problem = iota
	// Expired and NotYetValid are of the leaf, or of the authority in
	// Chain.Whose.
	Expired
	NotYetValid
	// SelfSigned means that the leaf signed itself and is not known here.
	SelfSigned
	// UnknownRoot means that it ends at an authority that this host does not
	// know, named in Chain.Root.
	UnknownRoot
	// Missing means that the service does not serve a certificate that stands
	// between, named in Chain.Gap.
	Missing
	// WrongUse means that the leaf is not made for servers.
	WrongUse
	// NoAuthority means that a certificate in the chain signs although it is no
	// authority.
	NoAuthority
	// NoRoots means that this host knows no authority at all.
	NoRoots
	// Other is any other refusal, in Chain.Detail.
	Other
)

// Completeness is whether a service serves every certificate between its own
// and the root.
type Completeness uint8

// The values of Completeness; zero means that it cannot be known.
const (
	CompleteUnknown Completeness = iota
	Complete
	Incomplete
)

// Chain is the verdict on a chain. Names in it are clean and never empty where
// they are said to be set.
type Chain struct {
	// Trusted is whether it verifies with what the service served; Problem is
	// why not, None when it does.
	Trusted bool
	Problem Problem
	// Complete is whether the service serves all that stands between. A chain
	// may be trusted and incomplete, where this host knows what is missing.
	Complete Completeness
	// Gap is what an incomplete chain lacks.
	Gap string
	// Root is the authority that it ends at, or the one that this host does not
	// know; empty while neither can be known.
	Root string
	// Whose is the authority that Problem is about; empty for the leaf itself.
	Whose string
	// When is the moment that Expired and NotYetValid speak of.
	When time.Time
	// Detail is the verifier's word where Problem is Other.
	Detail string
}

// judge verifies a chain, leaf first, and returns what the verifier found.
func judge(chain []*x509.Certificate, roots *x509.CertPool, known []*x509.Certificate, now time.Time) (Chain, [][]*x509.Certificate) {
	leaf := chain[0]
	verified, err := verify(leaf, chain[1:], roots, now)
	if err == nil {
		return complete(chain, verified), verified
	}
	c := refused(err, leaf, now)
	// How it is built does not depend on the day.
	then := now
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		then = leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 2)
	}
	if paths, err := verify(leaf, chain[1:], roots, then); err == nil {
		built := complete(chain, paths)
		c.Complete, c.Gap, c.Root = built.Complete, built.Gap, built.Root
		return c, nil
	}
	if paths, err := verify(leaf, slices.Concat(chain[1:], known), roots, then); err == nil {
		built := complete(chain, paths)
		c.Complete, c.Gap, c.Root = built.Complete, built.Gap, built.Root
	} else {
		c.climb(chain)
	}
	if c.Complete == Incomplete && c.Problem == UnknownRoot {
		c.Problem = Missing
	}
	return c, nil
}

func verify(leaf *x509.Certificate, between []*x509.Certificate, roots *x509.CertPool, now time.Time) ([][]*x509.Certificate, error) {
	pool := x509.NewCertPool()
	for _, c := range between {
		pool.AddCert(c)
	}
	return leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: pool,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// complete judges paths that verify: the best of them counts, as clients find
// it too.
func complete(served []*x509.Certificate, paths [][]*x509.Certificate) Chain {
	c := Chain{Trusted: true, Complete: Incomplete}
	for _, path := range paths {
		anchor := path[len(path)-1]
		gap := ""
		for _, link := range path[1:] {
			// A root is the client's to have. An authority that is not one must
			// be served even where this host trusts it by itself.
			if !selfSigned(link) && !slices.ContainsFunc(served, link.Equal) {
				gap = called(link.Subject.CommonName, link.Subject.Organization)
				break
			}
		}
		if gap == "" {
			return Chain{Trusted: true, Complete: Complete, Root: called(anchor.Subject.CommonName, anchor.Subject.Organization)}
		}
		if c.Gap == "" {
			c.Gap, c.Root = gap, called(anchor.Subject.CommonName, anchor.Subject.Organization)
		}
	}
	return c
}

// climb follows a chain that does not verify from the leaf up, as far as the
// service serves it, and says what is missing at its end.
func (c *Chain) climb(served []*x509.Certificate) {
	top := served[0]
	for range served {
		if selfSigned(top) {
			break
		}
		next := slices.IndexFunc(served, func(above *x509.Certificate) bool {
			return above != top && string(above.RawSubject) == string(top.RawIssuer) && top.CheckSignatureFrom(above) == nil
		})
		if next < 0 {
			break
		}
		top = served[next]
	}
	switch {
	case selfSigned(top):
		c.Complete, c.Root = Complete, called(top.Subject.CommonName, top.Subject.Organization)
	case top == served[0] && len(top.IssuingCertificateURL) > 0:
		// The leaf alone is served, and says where the certificate above it
		// can be fetched (RFC 5280, section 4.2.2.1): it is not a root's, which
		// clients have.
		c.Complete, c.Gap = Incomplete, called(top.Issuer.CommonName, top.Issuer.Organization)
	default:
		c.Root = called(top.Issuer.CommonName, top.Issuer.Organization)
	}
}

// refused sorts the verifier's refusal.
func refused(err error, leaf *x509.Certificate, now time.Time) Chain {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		system  x509.SystemRootsError
	)
	switch {
	case errors.As(err, &invalid):
		return refusedInvalid(invalid, leaf, now)
	case errors.As(err, &unknown) && selfSigned(leaf):
		return Chain{Problem: SelfSigned}
	case errors.As(err, &unknown):
		return Chain{Problem: UnknownRoot}
	case errors.As(err, &system):
		return Chain{Problem: NoRoots}
	default:
		return Chain{Problem: Other, Detail: clean(err.Error())}
	}
}

func refusedInvalid(err x509.CertificateInvalidError, leaf *x509.Certificate, now time.Time) Chain {
	c := Chain{Problem: Other, Detail: clean(err.Error())}
	if err.Cert != nil && !err.Cert.Equal(leaf) {
		c.Whose = called(err.Cert.Subject.CommonName, err.Cert.Subject.Organization)
	}
	switch {
	case err.Reason == x509.Expired && err.Cert != nil && now.Before(err.Cert.NotBefore):
		c.Problem, c.When = NotYetValid, err.Cert.NotBefore
	case err.Reason == x509.Expired && err.Cert != nil:
		c.Problem, c.When = Expired, err.Cert.NotAfter
	case err.Reason == x509.IncompatibleUsage:
		c.Problem = WrongUse
	case err.Reason == x509.NotAuthorizedToSign:
		c.Problem = NoAuthority
	}
	return c
}
