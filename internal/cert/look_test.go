package cert_test

import (
	"path/filepath"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// A look sees the own CA beside a public one, too: clients may have its
// certificates.
func TestALookSeesTheOwnCA(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "cert")
	cfg := cert.Config{Mode: cert.ACME, Folder: folder, Names: []string{"mqtt.example.org"}}
	if s := cert.Look(cfg, filepath.Join(folder, "ca")); s.Root != nil || s.CRL != nil {
		t.Errorf("there is no CA, and the look says %+v", s)
	}
	ca, err := authority.Create(filepath.Join(folder, "ca"), authority.Options{Key: keys.P256})
	if err != nil {
		t.Fatal(err)
	}
	if s := cert.Look(cfg, filepath.Join(folder, "ca")); !s.Root.Equal(ca.Root()) || len(s.CRL) == 0 {
		t.Errorf("the look says %+v", s)
	}
}
