package acme

// The last steps of an order: the request with the key, and the certificate.

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// maxChain bounds the certificates of a chain.
const maxChain = 10

// csr is the request that goes with an order. The first name is the common name
// where that has room for it (64 bytes, RFC 5280 appendix A.1), as devices
// without SAN look there.
func csr(r Request) ([]byte, error) {
	template := &x509.CertificateRequest{DNSNames: r.Names}
	if len(r.Names[0]) <= 64 {
		template.Subject = pkix.Name{CommonName: r.Names[0]}
	}
	return x509.CreateCertificateRequest(rand.Reader, template, r.Key)
}

// finalize hands the key of r in. What became of the order is asked for
// afterwards.
func (s *session) finalize(ctx context.Context, r Request, order acme.Order) error {
	if order.Finalize == "" || !isHTTPS(order.Finalize) {
		return &failure{kind: theirs, Fault: Fault{Text: "The CA's order has no address to hand the key in."}}
	}
	request, err := csr(r)
	if err != nil {
		return failed("", "The request for the certificate could not be made: %v.", err)
	}
	a := new(ask)
	return s.do(ctx, "handing the key in", a, func(ctx context.Context) error {
		_, err := s.client.FinalizeOrder(ctx, s.account, order, request)
		var problem acme.Problem
		if err == nil || errors.As(err, &problem) {
			return err
		}
		// The library says no more than that it did not see the order finished,
		// also where the CA was not ready (403, orderNotReady).
		if ctx.Err() == nil && (a.status/100 == 2 || a.status == http.StatusForbidden) {
			return nil
		}
		return err
	})
}

// fetch gets the certificate, checks that it is the one that was ordered, and
// writes it down.
func (s *session) fetch(ctx context.Context, r Request, n *note, order acme.Order) error {
	if !isHTTPS(order.Certificate) {
		return &failure{kind: theirs, Fault: Fault{Text: "The CA says that the certificate is ready, and not where."}}
	}
	var text []byte
	err := s.do(ctx, "fetching the certificate", &ask{}, func(ctx context.Context) error {
		served, err := s.client.GetCertificateChain(ctx, s.account, order.Certificate)
		if err == nil && len(served) == 0 {
			err = errors.New("there is no chain")
		}
		if err == nil {
			text = served[0].ChainPEM // the CA's own choice is the one that most devices know
		}
		return err
	})
	if err != nil {
		if gone(err) {
			_ = dropNote(s.folder)
		}
		return err
	}
	chain, err := parseChain(text)
	if err == nil {
		err = s.check(chain[0], r)
	}
	if err != nil {
		_ = dropNote(s.folder) // it will not get better
		return &failure{kind: refused, Fault: Fault{
			Text:   fmt.Sprintf("The CA issued another certificate than the one that was ordered: %v.", err),
			Action: "If this stays so, choose another CA.",
		}}
	}
	for _, c := range chain {
		n.Chain = append(n.Chain, c.Raw)
	}
	if err := saveNote(s.folder, n); err != nil {
		// The caller gets it all the same; after a crash the CA has it still.
		s.log.Warn("the certificate could not be kept", "error", err)
	}
	return nil
}

// parseChain reads the certificates of an answer, the leaf first, each signed
// by the one after it.
func parseChain(text []byte) (chain []*x509.Certificate, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" || len(chain) == maxChain {
			return nil, errors.New("the answer is not a chain of certificates")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("a certificate of the chain cannot be read")
		}
		if n := len(chain); n > 0 && chain[n-1].CheckSignatureFrom(c) != nil {
			return nil, errors.New("a certificate of the chain has not signed the one before it")
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, errors.New("the answer holds no certificate")
	}
	return chain, nil
}

// check returns what makes leaf another certificate than the one of r.
func (s *session) check(leaf *x509.Certificate, r Request) error {
	if !time.Now().Before(leaf.NotAfter) {
		return errors.New("it has ended already")
	}
	have := map[string]bool{}
	for _, name := range leaf.DNSNames {
		have[name] = true
	}
	for _, name := range r.Names {
		if !have[name] {
			return fmt.Errorf("it does not name %s", name)
		}
	}
	if s.rehearsal {
		return nil // its key is another one after a crash, and nobody uses it
	}
	want, err := x509.MarshalPKIXPublicKey(r.Key.Public())
	if err != nil || !bytes.Equal(want, leaf.RawSubjectPublicKeyInfo) {
		return errors.New("it is for another key")
	}
	return nil
}
