package hairpin

// The certificate on the disk, beside the one that is served.

import (
	"crypto/x509"
	"errors"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin/certs"
)

// disk is what a service's certificate file holds. The zero disk is that of a
// service without one.
type disk struct {
	path  string
	chain []*x509.Certificate // nil where there is none, or err
	err   error
}

// age is how the certificate on the disk is beside the one served.
type age uint8

const (
	unknownAge age = iota
	same
	newer
	older
)

func lookAtDisk(f *certs.File) disk {
	if f == nil {
		return disk{}
	}
	chain, err := f.Look()
	return disk{path: f.Path(), chain: chain, err: err}
}

// against holds the file's certificate against the one served. Newer is the one
// that was made later, or that lasts longer where both were made at once.
func (d disk) against(c *served) age {
	if len(d.chain) == 0 || c == nil {
		return unknownAge
	}
	file, leaf := d.chain[0], c.Leaf
	switch {
	case file.Equal(leaf):
		return same
	case file.NotBefore.Equal(leaf.NotBefore) && file.NotAfter.After(leaf.NotAfter), file.NotBefore.After(leaf.NotBefore):
		return newer
	default:
		return older
	}
}

func (d disk) shown() string { return clean(d.path) }

// fault is why the file cannot be read; empty when it can.
func (d disk) fault() string {
	switch {
	case d.err == nil:
		return ""
	case errors.Is(d.err, certs.ErrPermission):
		return "permission denied; let the user that edgeguard runs as read it"
	default:
		return clean(d.err.Error())
	}
}

// status is what is published of it; nil where there is none.
func (d disk) status(c *served) *CertificateFile {
	if d.path == "" {
		return nil
	}
	f := &CertificateFile{Path: d.shown(), LastError: d.fault()}
	if len(d.chain) > 0 {
		f.NotAfter = d.chain[0].NotAfter
	}
	switch d.against(c) {
	case same:
		f.Served = fact.VerdictPass
	case newer, older:
		f.Served = fact.VerdictFail
	}
	return f
}
