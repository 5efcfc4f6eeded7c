package authority

// What several tests need.

import (
	"crypto"
	"crypto/ecdsa"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

func TestMain(m *testing.M) {
	if os.Getenv(crashFolder) != "" {
		crashChild()
	}
	code := m.Run()
	removeBear()
	os.Exit(code)
}

// leafKeys are one key of each kind for all tests: RSA keys take long to make.
var leafKeys = map[keys.Kind]func() crypto.Signer{
	keys.RSA2048: sync.OnceValue(func() crypto.Signer { return generated(keys.RSA2048) }),
	keys.P256:    sync.OnceValue(func() crypto.Signer { return generated(keys.P256) }),
}

func generated(kind keys.Kind) crypto.Signer {
	key, err := kind.Generate()
	if err != nil {
		panic(err)
	}
	return key
}

func ecdsaKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, ok := generated(keys.P256).(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("it is of another type")
	}
	return key
}

// mustCreate makes an authority in a folder of the test's own.
func mustCreate(t *testing.T, o Options) *Authority {
	t.Helper()
	a, err := testStore(filepath.Join(t.TempDir(), "ca")).create(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// testStore is a folder whose passphrase costs little.
func testStore(folder string) store { return store{folder: folder, iterations: 1000} }
