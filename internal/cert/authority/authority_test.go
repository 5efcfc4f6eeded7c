package authority

// Making and opening an authority, and what it issues.

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/secret"
)

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheZeroOptionsAreForPhonesAndTasmota(t *testing.T) {
	a := mustCreate(t, Options{})
	r := a.Root()
	if kind, _ := keys.KindOf(r.PublicKey); kind != keys.RSA2048 || r.Subject.CommonName == "" {
		t.Errorf("the root is %s, %q", kind, r.Subject)
	}
	if d := r.NotAfter.Sub(r.NotBefore); d != rootLifetime+backdated || !r.MaxPathLenZero || !r.IsCA {
		t.Errorf("the root lives %v, path length %d", d, r.MaxPathLen)
	}
	if r.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign || len(r.SubjectKeyId) != 20 || !bytes.Equal(r.SubjectKeyId, r.AuthorityKeyId) {
		t.Errorf("usage %v, key IDs %x %x", r.KeyUsage, r.SubjectKeyId, r.AuthorityKeyId)
	}
	pair, err := a.IssueServer(ServerRequest{Names: []string{"mqtt.home.example"}, Addresses: []netip.Addr{netip.MustParseAddr("::ffff:192.168.1.2")}}, leafKeys[keys.RSA2048]())
	if err != nil {
		t.Fatal(err)
	}
	c := pair.Leaf()
	if d := c.NotAfter.Add(time.Second).Sub(c.NotBefore); d != 397*day {
		t.Errorf("the server's lives %v", d)
	}
	if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth || c.IsCA ||
		c.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment {
		t.Errorf("usage %v %v", c.KeyUsage, c.ExtKeyUsage)
	}
	if c.Subject.CommonName != "mqtt.home.example" || len(c.DNSNames) != 1 || len(c.IPAddresses) != 1 || len(c.IPAddresses[0]) != 4 {
		t.Errorf("names %q %q %v", c.Subject, c.DNSNames, c.IPAddresses)
	}
	if back := time.Until(c.NotBefore); back > -59*time.Minute {
		t.Errorf("it began %v ago", -back)
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "ca")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	stick := t.TempDir()
	if _, err := testStore(folder).create(Options{Key: keys.P256, OfflineFolder: stick}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", info.Mode(), err)
	}
	seen := 0
	for _, dir := range []string{folder, stick} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			seen++
			info, err := d.Info()
			if err == nil && info.Mode().Perm() != 0o600 {
				t.Errorf("%s is %v", path, info.Mode())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen != 4 { // state, lock, intermediate's key; root's key
		t.Errorf("there are %d files", seen)
	}
}

func TestASecondAuthorityIsRefused(t *testing.T) {
	a := mustCreate(t, Options{Key: keys.P256})
	before := mustRead(t, a.store.stateFile())
	if _, err := Create(a.store.folder, Options{Key: keys.P256}); !errors.Is(err, ErrExists) {
		t.Errorf("a second one gives %v", err)
	}
	if !bytes.Equal(before, mustRead(t, a.store.stateFile())) {
		t.Error("the first one was changed")
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none"), secret.Value{}); !errors.Is(err, ErrNone) {
		t.Errorf("no folder gives %v", err)
	}
	passphrase := secret.New("correct horse")
	for name, test := range map[string]struct {
		passphrase secret.Value
		spoil      func(a *Authority)
		want       error
	}{
		"good":             {passphrase: passphrase},
		"no passphrase":    {want: ErrLocked},
		"wrong passphrase": {passphrase: secret.New("battery staple"), want: ErrLocked},
		"torn state": {passphrase: passphrase, want: ErrDamaged, spoil: func(a *Authority) {
			spoil(t, a.store.stateFile(), func(b []byte) []byte { return b[:len(b)/2] })
		}},
		"empty state": {passphrase: passphrase, want: ErrDamaged, spoil: func(a *Authority) {
			spoil(t, a.store.stateFile(), func([]byte) []byte { return nil })
		}},
		"state of tomorrow": {passphrase: passphrase, want: ErrDamaged, spoil: func(a *Authority) {
			spoil(t, a.store.stateFile(), func(b []byte) []byte { return bytes.Replace(b, []byte(`"version": 1`), []byte(`"version": 2`), 1) })
		}},
		"huge state": {passphrase: passphrase, want: ErrDamaged, spoil: func(a *Authority) {
			spoil(t, a.store.stateFile(), func([]byte) []byte { return make([]byte, maxState+1) })
		}},
		"torn key": {passphrase: passphrase, want: ErrDamaged, spoil: func(a *Authority) {
			spoil(t, keyFile(a.store.folder, a.root.SubjectKeyId), func(b []byte) []byte { return b[:len(b)/2] })
		}},
		"another's key": {passphrase: passphrase, want: keys.ErrMismatch, spoil: func(a *Authority) {
			text, err := keys.EncodeKey(leafKeys[keys.P256]())
			if err != nil {
				t.Fatal(err)
			}
			spoil(t, keyFile(a.store.folder, a.root.SubjectKeyId), func([]byte) []byte { return text })
		}},
		"no key": {passphrase: passphrase, want: fs.ErrNotExist, spoil: func(a *Authority) {
			if err := os.Remove(keyFile(a.store.folder, a.root.SubjectKeyId)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a := mustCreate(t, Options{Key: keys.P256, Passphrase: passphrase})
			if test.spoil != nil {
				test.spoil(a)
			}
			if _, err := Open(a.store.folder, test.passphrase); !errors.Is(err, test.want) {
				t.Errorf("error is %v", err)
			} else if err != nil && strings.Contains(err.Error(), test.passphrase.Reveal()) && !test.passphrase.IsZero() {
				t.Errorf("the error tells the passphrase: %v", err)
			}
			if errors.Is(test.want, ErrDamaged) {
				if _, err := Create(a.store.folder, Options{Key: keys.P256}); err == nil {
					t.Error("a damaged one is overwritten")
				}
			}
		})
	}
}

// spoil changes a file.
func spoil(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	if err := os.WriteFile(path, change(mustRead(t, path)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Commands and the daemon have the folder open side by side.
func TestManyWorkSideBySide(t *testing.T) {
	const each, many = 10, 4
	a := mustCreate(t, Options{Key: keys.P256})
	var group sync.WaitGroup
	for range many {
		group.Go(func() {
			other, err := Open(a.store.folder, secret.Value{})
			for i := 0; i < each && err == nil; i++ {
				_, err = other.IssueClient(ClientRequest{Name: "plug"}, leafKeys[keys.P256]())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if list, err := a.Issued(); err != nil || len(list) != each*many {
		t.Errorf("there are %d, %v", len(list), err)
	}
	if list, err := a.Revoke("plug"); err != nil || len(list) != each*many {
		t.Errorf("revoked %d, %v", len(list), err)
	}
	if over, err := Read(a.store.folder); err != nil || len(over.Issued) != each*many || over.Issued[0].RevokedAt.IsZero() || !over.Root.Equal(a.Root()) {
		t.Errorf("read without a passphrase: %v", err)
	}
}

func TestWhatIsNotIssued(t *testing.T) {
	a := mustCreate(t, home)
	key := leafKeys[keys.P256]()
	long := strings.Repeat("a", 65)
	for _, name := range []string{"", "a+b", "#", "a/b", "a\nb", "a\x00b", " a", "a ", "$SYS", "a\u202eb", "\xff", "plug.kitchen", long} {
		if _, err := a.IssueClient(ClientRequest{Name: name}, key); err == nil {
			t.Errorf("a client is named %q", name)
		}
	}
	for _, name := range []string{"", "MQTT.home.example", "home.example.", ".home.example", "a..home.example", "*.*.home.example", "a b.home.example", "192.168.1.2", "nothome.example", "-a.home.example", long + ".home.example"} {
		if _, err := a.IssueServer(ServerRequest{Names: []string{name}}, key); err == nil {
			t.Errorf("a server is named %q", name)
		}
	}
	names := []string{"mqtt.home.example"}
	for _, r := range []ServerRequest{{}, {Names: names, Lifetime: 398 * day}, {Names: names, Lifetime: -1},
		{Names: names, Addresses: []netip.Addr{{}}}, {Names: names, Addresses: []netip.Addr{netip.MustParseAddr("fe80::1%eth0")}}} {
		if _, err := a.IssueServer(r, key); err == nil {
			t.Errorf("issued for %+v", r)
		}
	}
	for _, name := range []string{"Küche", "kitchen plug", "plug@home.example", "a.home.example"} {
		want := name != "plug@home.example" // a dot, and no name below the domain
		if _, err := a.IssueClient(ClientRequest{Name: name}, key); (err == nil) != want {
			t.Errorf("a client named %q gives %v", name, err)
		}
	}
	for _, o := range []Options{{Name: "a\nb"}, {Name: long}, {Lifetime: time.Hour}, {Lifetime: 31 * 365 * day}, {Key: "rsa-4096"},
		{Permitted: []string{".home.example"}}, {PermittedAddresses: home.PermittedAddresses},
		{CRLURL: "ftp://a/b"}, {CRLURL: "http://u:p@a/b"}, {OfflineFolder: "/does/not/exist"}} {
		if _, err := Create(filepath.Join(t.TempDir(), "ca"), o); err == nil {
			t.Errorf("made with %+v", o)
		}
	}
}
