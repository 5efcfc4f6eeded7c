package deploy

// Which files are handed over, and what is in them.

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// The names of the files.
const (
	// FileCombined holds the whole chain and the key: the one that a broker
	// should use as its certificate file and as its key file, as one file can not
	// be half old and half new.
	FileCombined = "combined.pem"
	// FileKey holds the private key alone.
	FileKey = "privkey.pem"
	// FileFullChain holds the certificate and its chain.
	FileFullChain = "fullchain.pem"
	// FileCert holds the certificate alone.
	FileCert = "cert.pem"
	// FileChain holds the chain without the certificate; the authorities where
	// there is nothing between.
	FileChain = "chain.pem"
	// FileCA holds what clients and client certificates are verified against.
	FileCA = "ca.crt"
	// FileCRL holds the list of revoked client certificates; only where there is
	// one.
	FileCRL = "crl.pem"
)

// names are all names that a file of ours may have, in the order in which they
// are put in place. Without links (see flat.go) the order matters.
var names = []string{FileKey, FileFullChain, FileCert, FileChain, FileCA, FileCRL, FileCombined}

// perm of the files that hold no secret.
const perm fs.FileMode = 0o644

// file is one file to hand over.
type file struct {
	name   string
	text   []byte
	mode   fs.FileMode
	secret bool
}

// filesOf returns the files of h in the order of names, or what is wrong with h.
// Files with a key have the mode mode.
func filesOf(h Handed, mode fs.FileMode) ([]file, error) {
	if err := h.Pair.Check(); err != nil {
		return nil, err
	}
	key, err := keys.EncodeKey(h.Pair.Key)
	if err != nil {
		return nil, err
	}
	full := h.Pair.FullChain()
	chain := h.Pair.Chain
	authorities := h.Authorities
	if len(authorities) == 0 {
		authorities = chain[len(chain)-1:]
	}
	above := chain[1:]
	if len(above) == 0 {
		above = authorities // an empty file is an error to most tools
	}
	list := []file{
		{FileKey, key, mode, true},
		{FileFullChain, full, perm, false},
		{FileCert, keys.EncodeCertificates(chain[0]), perm, false},
		{FileChain, keys.EncodeCertificates(above...), perm, false},
		{FileCA, keys.EncodeCertificates(authorities...), perm, false},
	}
	if h.CRL != nil {
		if err := checkCRL(h.CRL, append(authorities[:len(authorities):len(authorities)], chain[1:]...)); err != nil {
			return nil, err
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: h.CRL})
		list = append(list, file{FileCRL, text, perm, false})
	}
	return append(list, file{FileCombined, append(full[:len(full):len(full)], key...), mode, true}), nil
}

// checkCRL returns what is wrong with a CRL. With one that is not of its
// authorities a broker turns every client away.
func checkCRL(der []byte, authorities []*x509.Certificate) error {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return fmt.Errorf("the list of revoked certificates cannot be read: %w", err)
	}
	for _, a := range authorities {
		if list.CheckSignatureFrom(a) == nil {
			return nil
		}
	}
	return errors.New("the list of revoked certificates is not signed by the authority beside it")
}
