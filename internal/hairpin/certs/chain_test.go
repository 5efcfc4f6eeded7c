package certs_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/hairpin/certs"
)

func TestChains(t *testing.T) {
	root := newAuthority(t, "Root", nil)
	between := newAuthority(t, "Between", root)
	stranger := newAuthority(t, "Acme CA", nil)
	aia := func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.example/between.der"} }
	leaf, leafAIA, direct := leafOf(t, between, nil), leafOf(t, between, aia), leafOf(t, root, nil)
	strange := leafOf(t, stranger, nil)
	self, _ := issue(t, nil, &x509.Certificate{DNSNames: []string{"a.example"}, NotAfter: time.Now().AddDate(1, 0, 0)})
	gone := leafOf(t, between, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().AddDate(0, -2, 0), time.Now().AddDate(0, -1, 0)
	})
	type list = []*x509.Certificate
	tests := []struct {
		name          string
		served, known list
		roots         *x509.CertPool
		problem       certs.Problem
		complete      certs.Completeness
		gap, root     string
	}{
		{"whole", list{leaf, between.cert}, nil, pool(root.cert), certs.None, certs.Complete, "", "Root"},
		{"whole, with its root", list{leaf, between.cert, root.cert}, nil, pool(root.cert), certs.None, certs.Complete, "", "Root"},
		{"whole, in disorder", list{leaf, root.cert, between.cert}, nil, pool(root.cert), certs.None, certs.Complete, "", "Root"},
		{"of the root itself", list{direct}, nil, pool(root.cert), certs.None, certs.Complete, "", "Root"},
		{"this host knows what is missing", list{leaf}, nil, pool(root.cert, between.cert), certs.None, certs.Incomplete, "Between", "Between"},
		{"missing, says where to fetch it", list{leafAIA}, nil, pool(root.cert), certs.Missing, certs.Incomplete, "Between", ""},
		{"missing, stands in the file", list{leaf}, list{leaf, between.cert}, pool(root.cert), certs.Missing, certs.Incomplete, "Between", "Root"},
		{"missing or unknown", list{leaf}, nil, pool(root.cert), certs.UnknownRoot, certs.CompleteUnknown, "", "Between"},
		{"unknown root, served", list{strange, stranger.cert}, nil, pool(root.cert), certs.UnknownRoot, certs.Complete, "", "Acme CA"},
		{"unknown root", list{leaf, between.cert}, nil, pool(stranger.cert), certs.UnknownRoot, certs.CompleteUnknown, "", "Root"},
		{"self-signed", list{self}, nil, pool(root.cert), certs.SelfSigned, certs.Complete, "", "an authority without a name"},
		{"self-signed and known", list{self}, nil, pool(self), certs.None, certs.Complete, "", "an authority without a name"},
		{"expired, whole", list{gone, between.cert}, nil, pool(root.cert), certs.Expired, certs.Complete, "", "Root"},
	}
	for _, tt := range tests {
		now := time.Now()
		if tt.name == "expired, whole" {
			// Its authorities were not valid yet when it was.
			between.cert.NotBefore, root.cert.NotBefore = now.AddDate(-1, 0, 0), now.AddDate(-1, 0, 0)
		}
		c := certs.Read(tt.served, tt.roots, nil, tt.known, now).Chain
		if c.Problem != tt.problem || c.Trusted != (tt.problem == certs.None) || c.Complete != tt.complete || c.Gap != tt.gap || c.Root != tt.root {
			t.Errorf("%s: %+v", tt.name, c)
		}
	}
}

// What stands in the file makes nothing trusted, and so gives no names.
func TestKnownCertificatesMakeNothingTrusted(t *testing.T) {
	root := newAuthority(t, "Root", nil)
	between := newAuthority(t, "Between", root)
	c := certs.Read([]*x509.Certificate{leafOf(t, between, nil)}, pool(root.cert), nil, []*x509.Certificate{between.cert, root.cert}, time.Now())
	if c.Chain.Trusted || c.Names != nil || len(c.Claimed) != 1 {
		t.Errorf("%+v", c)
	}
}

// Certificates that sign each other in a circle end the climb.
func TestCircleOfAuthorities(t *testing.T) {
	a, b := newAuthority(t, "A", nil), newAuthority(t, "B", nil)
	ab, _ := issue(t, &authority{b.cert, b.key}, &x509.Certificate{Subject: a.cert.Subject, IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().AddDate(1, 0, 0)})
	c := certs.Read([]*x509.Certificate{leafOf(t, a, nil), ab, a.cert, b.cert}, pool(), nil, nil, time.Now()).Chain
	if c.Trusted || c.Problem != certs.UnknownRoot {
		t.Errorf("%+v", c)
	}
}
