package main

// The house's own authority, which commands make and change beside the daemon.

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// maxCAFiles bounds how many files of the authority's folder are looked at.
const maxCAFiles = 64

// ownCAName is the folder of the authority in the certificate's folder.
const ownCAName = "ca"

// ownCA opens the authority for the keeper. One that has not changed is not
// opened anew: to turn a passphrase into a key takes long by intent.
type ownCA struct {
	folder, passphraseFile string
	secrets                *secretList

	mu   sync.Mutex
	seen string               // guarded by mu; what the files were like
	last *authority.Authority // guarded by mu; nil where there is none
}

// open is the Authority of a cert.Config.
func (o *ownCA) open() (cert.Authority, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen := filesSignature(o.folder) + fileSignature(o.passphraseFile)
	if o.last != nil && seen == o.seen {
		return o.last, nil
	}
	o.last = nil
	passphrase, err := o.passphrase()
	if err != nil {
		return nil, err
	}
	a, err := authority.Open(o.folder, passphrase)
	if err != nil {
		return nil, err
	}
	o.last, o.seen = a, seen
	return a, nil
}

// passphrase reads it anew; the zero Value where there is none.
func (o *ownCA) passphrase() (secret.Value, error) {
	if o.passphraseFile == "" {
		return secret.Value{}, nil
	}
	const what = "reading the passphrase of the own CA's key: %w"
	switch info, err := os.Stat(o.passphraseFile); { // opening a pipe could block for ever
	case err != nil:
		return secret.Value{}, fmt.Errorf(what, err)
	case !info.Mode().IsRegular():
		return secret.Value{}, fmt.Errorf(what, fmt.Errorf("%s is no regular file", o.passphraseFile))
	}
	text, err := durable.ReadFile(o.passphraseFile, maxSecretFile)
	if err != nil {
		return secret.Value{}, fmt.Errorf(what, err)
	}
	v := secret.New(strings.TrimPrefix(string(text), "\ufeff"))
	o.secrets.addValues(v)
	return v, nil
}

// ownRoot is the certificate of the own authority, which needs no passphrase;
// nil where there is none, or none is used. One that cannot be read stays what
// it was.
func (d *daemon) ownRoot(cfg *config.Config, before *x509.Certificate) *x509.Certificate {
	if cfg.Certificate.Mode != cert.OwnCA {
		return nil
	}
	a, err := authority.Read(caFolder(cfg))
	switch {
	case err == nil:
		return a.Root
	case errors.Is(err, authority.ErrNone):
		return nil
	}
	d.log.Warn("the own certificate authority cannot be read", "err", err)
	return before
}

// filesSignature is another text when a file of a folder has become another one.
func filesSignature(folder string) string {
	dir, err := os.Open(folder)
	if err != nil {
		return ""
	}
	defer dir.Close()
	entries, _ := dir.ReadDir(maxCAFiles) // what else is there is not ours
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(e.Name() + " " + fileSignature(filepath.Join(folder, e.Name())) + "\n")
	}
	return b.String()
}

// fileSignature is another text when a file has become another one; empty where
// there is none.
func fileSignature(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return signature(info)
}
