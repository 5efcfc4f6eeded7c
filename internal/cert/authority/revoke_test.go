package authority

// Revoking, the list, and time going by.

import (
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/secret"
)

func mustList(t *testing.T, der []byte) *x509.RevocationList {
	t.Helper()
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// listOf is the list that the authority hands out now.
func listOf(t *testing.T, a *Authority) *x509.RevocationList {
	t.Helper()
	der, err := a.CRL()
	if err != nil {
		t.Fatal(err)
	}
	return mustList(t, der)
}

func TestRevoke(t *testing.T) {
	a := mustCreate(t, Options{Key: keys.P256})
	var serials []string
	for _, name := range []string{"plug", "plug", "lamp"} {
		pair, err := a.IssueClient(ClientRequest{Name: name}, leafKeys[keys.P256]())
		if err != nil {
			t.Fatal(err)
		}
		serials = append(serials, text(pair))
	}
	if n := listOf(t, a).Number; n.Cmp(big.NewInt(1)) != 0 {
		t.Errorf("the first list has number %v", n)
	}
	colons := strings.ToUpper(serials[0][:2]) + ":" + strings.ToUpper(serials[0][2:])
	for _, test := range []struct {
		what    string
		revoked int
		number  int64
		unknown bool
	}{
		{colons, 1, 2, false}, {"plug", 1, 3, false}, {"plug", 0, 3, false}, {"PLUG", 0, 3, true},
		{serials[2], 1, 4, false}, {"", 0, 4, true},
	} {
		got, err := a.Revoke(test.what)
		if errors.Is(err, ErrUnknown) != test.unknown || len(got) != test.revoked {
			t.Errorf("revoking %q gives %v, %v", test.what, got, err)
		}
		if l := listOf(t, a); !l.Number.IsInt64() || l.Number.Int64() != test.number || len(l.RevokedCertificateEntries) != int(test.number)-1 {
			t.Errorf("after %q the list has number %v and %d entries", test.what, l.Number, len(l.RevokedCertificateEntries))
		}
	}
}

func TestTheListIsSignedAnewInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := mustCreate(t, Options{Key: keys.P256})
		if _, err := a.IssueClient(ClientRequest{Name: "plug"}, leafKeys[keys.P256]()); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Revoke("plug"); err != nil {
			t.Fatal(err)
		}
		number := listOf(t, a).Number.Int64()
		time.Sleep(14 * day)
		if l := listOf(t, a); l.Number.Int64() != number {
			t.Error("it is signed anew too early")
		}
		time.Sleep(2 * day)
		l := listOf(t, a)
		if l.Number.Int64() != number+1 || time.Until(l.NextUpdate) != 30*day || len(l.RevokedCertificateEntries) != 1 {
			t.Errorf("it has number %v, and is good for %v", l.Number, time.Until(l.NextUpdate))
		}
		jam(t, a.store.stateFile())
		time.Sleep(16 * day)
		if l := listOf(t, a); l.Number.Int64() != number+1 {
			t.Error("with two weeks left, the old one is gone")
		}
		time.Sleep(8 * day)
		if _, err := a.CRL(); err == nil {
			t.Error("with a week left, nothing is said of a disk that takes nothing")
		}
	})
}

// A list that was signed while the clock was years ahead is of no use to anybody
// once the clock is right.
func TestAListOfTheFutureIsSignedAnew(t *testing.T) {
	a := mustCreate(t, Options{Key: keys.P256})
	if err := a.change(func(st *state, now time.Time) error { return st.signCRL(a.key, now.Add(3*365*day)) }); err != nil {
		t.Fatal(err)
	}
	l := listOf(t, a)
	if l.Number.Int64() != 3 || l.ThisUpdate.After(time.Now()) || l.NextUpdate.After(time.Now().Add(31*day)) {
		t.Errorf("list %v is from %v to %v", l.Number, l.ThisUpdate, l.NextUpdate)
	}
}

// Nothing outlives what has issued it, and the off-line key prolongs that.
func TestTheIntermediateIsRenewedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stick, passphrase := t.TempDir(), secret.New("correct horse")
		a := mustCreate(t, Options{Key: keys.P256, OfflineFolder: stick, Lifetime: 2 * 365 * day, Passphrase: passphrase})
		key := leafKeys[keys.P256]()
		issue := func() *x509.Certificate {
			t.Helper()
			pair, err := a.IssueClient(ClientRequest{Name: "plug"}, key)
			if err != nil {
				t.Fatal(err)
			}
			if end := pair.Chain[1].NotAfter; pair.Leaf().NotAfter.After(end) || end.After(a.Root().NotAfter) {
				t.Errorf("it ends %v, its issuer %v", pair.Leaf().NotAfter, end)
			}
			return pair.Leaf()
		}
		old := issue()
		time.Sleep(300 * day)
		if err := a.RenewIntermediate(stick, secret.Value{}); !errors.Is(err, ErrLocked) {
			t.Errorf("without the passphrase: %v", err)
		}
		if err := a.RenewIntermediate(t.TempDir(), passphrase); err == nil {
			t.Error("any folder will do")
		}
		if err := a.RenewIntermediate(stick, passphrase); err != nil {
			t.Fatal(err)
		}
		over, err := Read(a.store.folder)
		if err != nil {
			t.Fatal(err)
		}
		if next := issue(); !next.NotAfter.After(old.NotAfter) {
			t.Error("the new one ends no later")
		}
		if err := old.CheckSignatureFrom(over.Issuer); err != nil {
			t.Errorf("what was issued before is no longer good: %v", err)
		}
		time.Sleep(500 * day)
		if _, err := a.IssueClient(ClientRequest{Name: "plug"}, key); !errors.Is(err, ErrEnded) {
			t.Errorf("past its end: %v", err)
		}
	})
}

func TestTheRootsKeyIsNotKept(t *testing.T) {
	folder := t.TempDir()
	for _, inside := range []string{folder, folder + "/."} {
		if _, err := testStore(folder).create(Options{Key: keys.P256, OfflineFolder: inside}); err == nil {
			t.Errorf("%s is taken for a folder off line", inside)
		}
	}
	a := mustCreate(t, Options{Key: keys.P256})
	if err := a.RenewIntermediate(t.TempDir(), secret.Value{}); !errors.Is(err, ErrNotOffline) {
		t.Errorf("without an intermediate: %v", err)
	}
	stick := t.TempDir()
	a = mustCreate(t, Options{Key: keys.P256, OfflineFolder: stick})
	if _, err := readKey(a.store.folder, a.Root(), secret.Value{}); err == nil {
		t.Error("the root's key is kept")
	}
	if _, err := readKey(stick, a.Root(), secret.Value{}); err != nil {
		t.Error(err)
	}
}
