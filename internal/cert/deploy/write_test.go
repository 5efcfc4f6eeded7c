package deploy_test

import (
	"bytes"
	"crypto/x509"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// text returns what stands in the file of a name.
func text(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// entries lists a folder.
func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// holds fails the test unless every file in dir is that of p.
func holds(t *testing.T, dir string, p keys.Pair) {
	t.Helper()
	for name, want := range map[string][]byte{
		deploy.FileCombined:  p.Combined(),
		deploy.FileKey:       p.PrivateKey(),
		deploy.FileFullChain: p.FullChain(),
		deploy.FileCert:      keys.EncodeCertificates(p.Chain[0]),
		deploy.FileChain:     keys.EncodeCertificates(p.Chain[1:]...),
		deploy.FileCA:        keys.EncodeCertificates(p.Chain[len(p.Chain)-1]),
	} {
		if !bytes.Equal(text(t, dir, name), want) {
			t.Errorf("%s is not what it should be", name)
		}
	}
}

func TestWriteMakesTheFolderHoldThePair(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "broker")
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	d := deploy.New(config(dir))
	write(t, d, handed(house().pairs[0]), true)
	holds(t, dir, house().pairs[0])
	want := []string{"ca.crt", "cert.pem", "chain.pem", "combined.pem", "current", "fullchain.pem", "gen-00000001", "privkey.pem"}
	if got := entries(t, dir); !slices.Equal(got, want) {
		t.Errorf("the folder holds %v", got)
	}
	// Whatever our umask is, the broker is another user.
	for name, mode := range map[string]fs.FileMode{".": 0o755, "current/": 0o755, "cert.pem": 0o644, "privkey.pem": 0o600, "combined.pem": 0o600} {
		if info, err := os.Stat(dir + "/" + name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has the mode %v, %v", name, info.Mode(), err)
		}
	}
	// A container sees the folder elsewhere.
	moved := dir + "-moved"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	holds(t, moved, house().pairs[0])
}

func TestUnchangedContentWritesNothing(t *testing.T) {
	dir := t.TempDir()
	d := deploy.New(config(dir))
	h := deploy.Handed{Pair: house().pairs[0], Authorities: []*x509.Certificate{house().root}, CRL: house().crl(1)}
	write(t, d, h, true)
	before, _ := os.Stat(filepath.Join(dir, "combined.pem"))
	write(t, d, h, false)
	write(t, deploy.New(config(dir)), h, false) // after a restart, too
	if after, _ := os.Stat(filepath.Join(dir, "combined.pem")); !os.SameFile(before, after) {
		t.Error("the file is another one")
	}
	h.CRL = house().crl(2)
	write(t, d, h, true)
	if !strings.Contains(string(text(t, dir, "crl.pem")), "BEGIN X509 CRL") {
		t.Error("crl.pem is no CRL")
	}
	h.CRL = nil
	write(t, d, h, true)
	write(t, d, h, false)
	if _, err := os.Lstat(filepath.Join(dir, "crl.pem")); !os.IsNotExist(err) {
		t.Errorf("there is no CRL, and there is a file for it: %v", err)
	}
}

func TestAtMostTwoGenerationsStay(t *testing.T) {
	dir := t.TempDir()
	d := deploy.New(config(dir))
	for i := range 5 {
		write(t, d, handed(house().pairs[i]), true)
		holds(t, dir, house().pairs[i])
	}
	write(t, d, handed(house().pairs[4]), false)
	if got := generations(t, dir); !slices.Equal(got, []string{"gen-00000004", "gen-00000005"}) {
		t.Errorf("there are %v", got)
	}
}

func generations(t *testing.T, dir string) (list []string) {
	t.Helper()
	for _, name := range entries(t, dir) {
		if strings.HasPrefix(name, "gen-") {
			list = append(list, name)
		}
	}
	return list
}

func TestWhatIsNotWholeIsNotWritten(t *testing.T) {
	a, b := house().pairs[0], house().pairs[1]
	stranger := &pki{key: must(keys.P256.Generate())}
	stranger.root = stranger.sign(template("Other Root", func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCRLSign
	}), nil, stranger.key)
	dir := t.TempDir()
	d := deploy.New(config(dir))
	write(t, d, handed(a), true)
	before := entries(t, dir)
	for name, h := range map[string]deploy.Handed{
		"nothing":              {},
		"another key":          {Pair: keys.Pair{Chain: b.Chain, Key: a.Key}},
		"another issuer":       {Pair: keys.Pair{Chain: []*x509.Certificate{b.Chain[0], a.Chain[0]}, Key: b.Key}},
		"no CRL":               {Pair: b, CRL: []byte("no")},
		"a CRL of a stranger":  {Pair: b, CRL: stranger.crl(1)},
		"another CA for a CRL": {Pair: b, CRL: stranger.crl(1), Authorities: []*x509.Certificate{house().root}},
	} {
		if changed, err := d.Write(h); err == nil || changed {
			t.Errorf("%s: changed %v, %v", name, changed, err)
		}
	}
	holds(t, dir, a)
	if got := entries(t, dir); !slices.Equal(got, before) {
		t.Errorf("the folder holds %v", got)
	}
}

func TestPlantedLinksLeadNowhere(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"combined.pem", "combined.pem.new", "current", "current.new", "gen-00000001", "gen-00000002", "privkey.pem", "crl.pem"} {
		for _, target := range []string{victim, outside, "..", "/nowhere"} {
			dir := t.TempDir()
			if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			d := deploy.New(config(dir))
			write(t, d, handed(house().pairs[0]), true)
			write(t, d, handed(house().pairs[1]), true)
			holds(t, dir, house().pairs[1])
		}
	}
	if got := entries(t, outside); !slices.Equal(got, []string{"victim"}) || string(text(t, outside, "victim")) != "precious" {
		t.Errorf("outside there are %v", got)
	}
}

func TestDamageIsRepaired(t *testing.T) {
	dir := t.TempDir()
	d := deploy.New(config(dir))
	p := house().pairs[0]
	at := func(name string) string { return filepath.Join(dir, name) }
	for what, damage := range map[string]func() error{
		"a link is gone":       func() error { return os.Remove(at("privkey.pem")) },
		"current is gone":      func() error { return os.Remove(at("current")) },
		"a file is torn":       func() error { return os.Truncate(at("combined.pem"), 100) },
		"a file is another's":  func() error { return os.WriteFile(at("cert.pem"), text(t, dir, "ca.crt"), 0o644) },
		"the folder is gone":   func() error { return os.RemoveAll(dir) },
		"a pipe is in its way": func() error { return errorsFirst(os.Remove(at("cert.pem")), syscall.Mkfifo(at("cert.pem"), 0o600)) },
	} {
		if _, err := d.Write(handed(p)); err != nil {
			t.Fatal(err)
		}
		if err := damage(); err != nil {
			t.Fatal(what, err)
		}
		write(t, d, handed(p), true)
		holds(t, dir, p)
		write(t, d, handed(p), false)
	}
}

func errorsFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestModeOfTheConfigIsFollowed(t *testing.T) {
	dir := t.TempDir()
	write(t, deploy.New(config(dir)), handed(house().pairs[0]), true)
	before, _ := os.Stat(filepath.Join(dir, "privkey.pem"))
	cfg := config(dir)
	cfg.Mode = 0o640
	write(t, deploy.New(cfg), handed(house().pairs[0]), true) // who could not read it before can now
	write(t, deploy.New(cfg), handed(house().pairs[0]), false)
	after, err := os.Stat(filepath.Join(dir, "privkey.pem"))
	if err != nil || after.Mode().Perm() != 0o640 || !os.SameFile(before, after) {
		t.Errorf("the mode is %v, %v", after.Mode(), err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	base := t.TempDir()
	plain := filepath.Join(base, "plain")
	taken := filepath.Join(base, "taken")
	current := filepath.Join(base, "current-is-a-folder")
	if err := errorsFirst(os.WriteFile(plain, nil, 0o644), os.MkdirAll(filepath.Join(taken, "combined.pem", "x"), 0o755),
		os.MkdirAll(filepath.Join(current, "current", "x"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		plain:                              "is not a folder. Move away",
		taken:                              "Move it away",
		current:                            "Move it away",
		filepath.Join(base, "no", "where"): "see that its drive or share is mounted",
	} {
		_, err := deploy.New(config(dir)).Write(handed(house().pairs[0]))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), filepath.Base(filepath.Dir(dir))) {
			t.Errorf("%s gives %v", dir, err)
		}
	}
	if _, err := os.Stat(filepath.Join(current, "current", "x")); err != nil {
		t.Errorf("somebody's folder went away: %v", err)
	}
}

func TestAnotherEdgeguardWaits(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	d := deploy.New(config(dir))
	if _, err := d.Write(handed(house().pairs[0])); err == nil || !strings.Contains(err.Error(), "another edgeguard") {
		t.Errorf("got %v", err)
	}
	f.Close()
	write(t, d, handed(house().pairs[0]), true)
}

func TestAnotherKindOfKeyIsSaid(t *testing.T) {
	var log bytes.Buffer
	cfg := config(t.TempDir())
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	d := deploy.New(cfg)
	write(t, d, handed(house().issue(house().rsa[0])), true)
	if strings.Contains(log.String(), "restart") {
		t.Errorf("the first certificate says %s", log.String())
	}
	write(t, d, handed(house().pairs[0]), true)
	if !strings.Contains(log.String(), deploy.RestartWords(keys.RSA2048, keys.P256)) {
		t.Errorf("the log says %s", log.String())
	}
	for line := range strings.Lines(string(house().pairs[0].PrivateKey())) {
		if strings.Contains(log.String(), strings.TrimSpace(line)) {
			t.Errorf("the log holds a line of the key")
		}
	}
}

func TestAnEmptyDirectoryHandsNothingOver(t *testing.T) {
	write(t, deploy.New(deploy.Config{}), handed(house().pairs[0]), false)
}
