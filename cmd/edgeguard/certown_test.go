//go:build unix

package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// A passphrase file that has become a pipe, to which nobody writes, is told of
// and does not hold the keeper up.
func TestAPassphraseIsNotReadFromAPipe(t *testing.T) {
	folder, pipe := filepath.Join(t.TempDir(), ownCAName), filepath.Join(t.TempDir(), "pipe")
	if _, err := authority.Create(folder, authority.Options{Key: keys.P256, Passphrase: secret.New("correct horse")}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := (&ownCA{folder: folder, passphraseFile: pipe, secrets: &secretList{}}).open()
	if err == nil || !strings.Contains(err.Error(), "is no regular file") {
		t.Errorf("got %v", err)
	}
}
