package authority

// The files that hold a private key of the authority: PEM, as openssl reads it.
// Their names tell the key, so that no key is ever written over another.

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/secret"
)

const (
	// maxKeyFile bounds what is read as a key, in bytes: one of RSA-4096 is a
	// quarter of it.
	maxKeyFile = 16 << 10
	// typeEncrypted is the type of the PEM block of an encrypted PKCS#8 key
	// (RFC 7468, section 11).
	typeEncrypted = "ENCRYPTED PRIVATE KEY"
)

// keyFile is the path of the key whose certificate has this subject key ID.
func keyFile(folder string, ski []byte) string {
	return filepath.Join(folder, "key-"+hex.EncodeToString(ski[:min(8, len(ski))])+".pem")
}

// writeKey writes a key into a folder, encrypted where there is a passphrase.
func writeKey(folder string, ski []byte, key crypto.Signer, passphrase secret.Value, iterations int) (path string, err error) {
	path = keyFile(folder, ski)
	text, err := keys.EncodeKey(key)
	if err != nil {
		return path, err
	}
	if !passphrase.IsZero() {
		block, _ := pem.Decode(text)
		sealed, err := seal(block.Bytes, passphrase, iterations)
		if err != nil {
			return path, err
		}
		text = pem.EncodeToMemory(&pem.Block{Type: typeEncrypted, Bytes: sealed})
	}
	return path, durable.WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// readKey reads the key of a certificate from a folder. Its errors hold nothing
// of the file.
func readKey(folder string, of *x509.Certificate, passphrase secret.Value) (crypto.Signer, error) {
	path := keyFile(folder, of.SubjectKeyId)
	text, err := durable.ReadFile(path, maxKeyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the key of %q is not there; the file is looked for in %s: %w", of.Subject.CommonName, folder, err)
	case errors.Is(err, durable.ErrTooLarge):
		return nil, damaged(path, err)
	case err != nil:
		return nil, fmt.Errorf("reading the key of %q: %w", of.Subject.CommonName, err)
	}
	key, err := parseKey(text, passphrase)
	if errors.Is(err, ErrLocked) {
		return nil, err
	}
	if err == nil && !sameKey(key.Public(), of.PublicKey) {
		err = keys.ErrMismatch
	}
	if err != nil {
		return nil, damaged(path, err)
	}
	return key, nil
}

// parseKey reads a key in PEM, encrypted or not.
func parseKey(text []byte, passphrase secret.Value) (crypto.Signer, error) {
	block, rest := pem.Decode(text)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it is not one PEM block")
	}
	if block.Type != typeEncrypted {
		return keys.ParseKey(text)
	}
	der, err := unseal(block.Bytes, passphrase)
	if err != nil {
		return nil, err
	}
	key, err := keys.ParseKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		return nil, ErrLocked // the padding fits by chance in one of 256 wrong passphrases
	}
	return key, nil
}

func sameKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// damaged says which file is damaged, and how.
func damaged(path string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
}
