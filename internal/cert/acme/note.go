package acme

// What is written down of an order.

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
)

// maxNote bounds the file of an order, in bytes: chain and all.
const maxNote = 2 * maxAnswer

// note is an order that was placed, or is about to be. It stays until other
// things are ordered: also with its chain, as the caller may crash before that
// is written.
type note struct {
	// URL is empty between our decision and the CA's answer.
	URL     string   `json:"url,omitempty"`
	Names   []string `json:"names"`
	Key     string   `json:"key,omitempty"` // keyHash; empty at a rehearsal
	Profile string   `json:"profile,omitempty"`
	// Replaces is the certificate that it renews (RFC 9773, section 4.1).
	Replaces string    `json:"replaces,omitempty"`
	Placed   time.Time `json:"placed"`
	// Told is whether the CA was told to look for a proof.
	Told bool `json:"told,omitempty"`
	// Chain is the certificates in DER, the leaf first, once they are there.
	Chain [][]byte `json:"chain,omitempty"`
}

// parseNote reads what saveNote wrote.
func parseNote(text []byte) (*note, error) {
	n := new(note)
	if err := json.Unmarshal(text, n); err != nil {
		return nil, err
	}
	if n.URL != "" && !isHTTPS(n.URL) || len(n.Names) == 0 || len(n.Names) > maxNames || len(n.Chain) > maxChain {
		return nil, errors.New("the order is not as we write it")
	}
	if _, err := n.chain(); err != nil {
		return nil, err
	}
	return n, nil
}

// chain returns the certificates; nil while there are none.
func (n *note) chain() ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for _, der := range n.Chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// isFor reports whether n is for these names and this key.
func (n *note) isFor(names []string, key string) bool {
	return sameNames(n.Names, names) && n.Key == key
}

// kept returns the chain of n where it is what r asks for: not the certificate
// that r replaces, nor an older one, nor one near its end.
func (n *note) kept(r Request, now time.Time) []*x509.Certificate {
	if n == nil || len(n.Chain) == 0 || !n.isFor(r.Names, keyHash(r.Key)) {
		return nil
	}
	chain, err := n.chain()
	if err != nil {
		return nil
	}
	leaf := chain[0]
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	switch {
	case !now.Before(leaf.NotAfter.Add(-life / 3)):
		return nil
	case r.Replaces == nil:
	case bytes.Equal(r.Replaces.Raw, leaf.Raw), r.Replaces.NotBefore.After(leaf.NotBefore):
		return nil
	}
	return chain
}

// keyHash tells one public key from another.
func keyHash(key crypto.Signer) string {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func noteFile(folder string) string { return filepath.Join(folder, "order.json") }

// loadNote reads the order in folder; nil where there is none. What cannot be
// read is set aside, and the error says so.
func loadNote(folder string) (n *note, err error) {
	err = durable.Load(noteFile(folder), maxNote, func(text []byte) (err error) { n, err = parseNote(text); return err })
	return n, err
}

func saveNote(folder string, n *note) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return durable.Save(noteFile(folder), text)
}

// dropNote forgets the order in folder.
func dropNote(folder string) error {
	if err := os.Remove(noteFile(folder)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
