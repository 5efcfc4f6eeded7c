package authority

// The state file: bounds, and hostile text.

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func FuzzParseState(f *testing.F) {
	folder, stick := f.TempDir(), f.TempDir()
	a, err := testStore(folder).create(Options{Key: keys.P256, OfflineFolder: stick, CRLURL: "http://a.example/crl"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(read(f, a.store.stateFile()))
	if _, err := a.IssueClient(ClientRequest{Name: "plug"}, leafKeys[keys.P256]()); err != nil {
		f.Fatal(err)
	}
	if _, err := a.Revoke("plug"); err != nil {
		f.Fatal(err)
	}
	f.Add(read(f, a.store.stateFile()))
	f.Fuzz(func(t *testing.T, text []byte) {
		st, err := parseState(text)
		if err != nil {
			return
		}
		again, err := st.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseState(again)
		if err != nil {
			t.Fatalf("what was read and written cannot be read: %v", err)
		}
		if !back.issuer().Equal(st.issuer()) || len(back.issued) != len(st.issued) || !bytes.Equal(back.crl.Raw, st.crl.Raw) {
			t.Error("it changes by being read and written")
		}
		if err := st.signCRL(a.key, time.Now()); err == nil && len(st.crl.RevokedCertificateEntries) > len(st.issued) {
			t.Error("more are revoked than were issued")
		}
	})
}

func TestTheIndexIsBounded(t *testing.T) {
	now := time.Now()
	st := &state{}
	for i := range maxIssued {
		c := Issued{Serial: fmt.Sprintf("%032x", i+1), Kind: KindClient, Name: "plug", NotBefore: now.Add(-100 * day), NotAfter: now.Add(-61 * day)}
		if i >= 2 {
			c.NotAfter = now.Add(-day)
		}
		if err := st.add(c, now); err != nil {
			t.Fatal(err)
		}
	}
	next := Issued{Serial: fmt.Sprintf("%032x", 1<<20), Kind: KindClient, Name: "plug", NotBefore: now, NotAfter: now.Add(day)}
	if err := st.add(next, now); err != nil || len(st.issued) != maxIssued-1 {
		t.Errorf("those that ended long ago give way: %d are left, %v", len(st.issued), err)
	}
	if err := st.add(next, now); err != nil {
		t.Error(err)
	}
	if err := st.add(next, now); err == nil || len(st.issued) != maxIssued {
		t.Errorf("there are %d, %v", len(st.issued), err)
	}
}
