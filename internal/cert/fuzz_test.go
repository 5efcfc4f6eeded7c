package cert_test

// The files of the folder, when others wrote them.

import (
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert/keys"

	cert "github.com/edgeguard/edgeguard/internal/cert"
)

func FuzzFiles(f *testing.F) {
	f.Add([]byte(`{"pairs":{"00":{"mode":"acme","server":"https://x","obtained_at":"2026-01-02T03:04:05Z","draw":0.5,"window":{"start":"2026-01-02T03:04:05Z","end":"2026-01-03T03:04:05Z"}}},"told":"x"}`))
	f.Add([]byte(`{"pairs":{"00":{"draw":7}}}`))
	root := newCA(&testing.T{}, "CA").root
	f.Add(keys.EncodeCertificates(root, root))
	f.Fuzz(func(t *testing.T, text []byte) {
		_ = cert.ReadState(text)
		if root, err := cert.ReadOwn(text); root != (err == nil) {
			t.Errorf("there is a root: %t, and the error is %v", root, err)
		}
	})
}
