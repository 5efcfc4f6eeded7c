package snippet

// The texts on a certificate that edgeguard keeps: what the broker is told, and
// what its clients are.

import (
	"path"
	"slices"
	"strings"
)

// Certificate is what the texts on a certificate are made of. It holds no secret.
type Certificate struct {
	// Names are the names on it that clients dial, the usual one first.
	Names []string
	// Port is the port that clients dial; zero means 8883. Listen is the port of
	// the broker itself; zero means Port.
	Port, Listen uint16
	// Folder is the folder that is shared with the broker, as an absolute path.
	Folder string
	// OwnCA is whether the certificate comes from an authority of the house, of
	// which clients must be told.
	OwnCA bool
	// Clients is whether that authority exists, so that clients can have
	// certificates of their own, whoever issues the broker's.
	Clients bool
	// Fingerprint is Tasmota's fingerprint of the key; empty where there is none.
	Fingerprint string
	// RSA is whether the key is RSA.
	RSA bool
	// Root is the authority as Tasmota is built with it; nil where it is not an
	// RSA one, or there is none.
	Root *Anchor
}

// Anchor is an authority with an RSA key.
type Anchor struct {
	// Subject is its name in DER; Modulus and Exponent are its key's, without
	// zeros before them.
	Subject, Modulus, Exponent []byte
}

// certificateKind is how one of these snippets is made.
type certificateKind struct {
	id, title, where string
	write            func(c Certificate) (text string, notes []string)
}

func certificateKinds() []certificateKind {
	return slices.Concat(brokerKinds(), clientKinds(), tasmotaKinds())
}

// CertificateIDs lists the IDs of the snippets on a certificate, in order.
func CertificateIDs() (ids []string) {
	for _, k := range certificateKinds() {
		ids = append(ids, k.id)
	}
	return ids
}

// Certificates writes every snippet on a certificate, in the order of
// CertificateIDs. Names that no text could hold safely are left out of all of
// them.
func Certificates(c Certificate) (list []Snippet) {
	c = c.clean()
	for _, k := range certificateKinds() {
		s := Snippet{ID: k.id, Title: k.title, Where: k.where}
		switch {
		case c.Folder == "":
			s.Text = "# The path of the shared folder holds characters that mean something else in files like this: give [certificate] directory a path of letters, digits, dots, hyphens and slashes."
		case len(c.Names) == 0:
			s.Text = "# There is no name that clients could dial: set names in [certificate]."
		default:
			s.Text, s.Notes = k.write(c)
		}
		s.Text = strings.TrimRight(s.Text, "\n") + "\n"
		list = append(list, s)
	}
	return list
}

// clean leaves out what must not stand in a text, and fills in the usual.
func (c Certificate) clean() Certificate {
	c.Names = slices.DeleteFunc(slices.Clone(c.Names), func(name string) bool { return !Safe(name) || strings.HasPrefix(name, "*.") })
	if c.Port == 0 {
		c.Port = 8883
	}
	if c.Listen == 0 {
		c.Listen = c.Port
	}
	if !safePath(c.Folder) {
		c.Folder = ""
	}
	if strings.ContainsFunc(c.Fingerprint, func(r rune) bool { return !strings.ContainsRune("0123456789ABCDEF ", r) }) {
		c.Fingerprint = ""
	}
	if c.Root != nil && (len(c.Root.Subject) == 0 || len(c.Root.Modulus) == 0 || len(c.Root.Exponent) == 0) {
		c.Root = nil
	}
	return c
}

// safePath reports whether an absolute path means the same in all of the texts.
func safePath(p string) bool {
	return path.IsAbs(p) && path.Clean(p) == p && len(p) <= 255 && !strings.ContainsFunc(p, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/._-", r)
	})
}

// file is a file of the shared folder.
func (c Certificate) file(name string) string { return path.Join(c.Folder, name) }

// noAuthority says that clients cannot have certificates yet.
const noAuthority = "# There is no certificate authority of the house yet, which client certificates come from: `edgeguard cert ca init` makes it."
