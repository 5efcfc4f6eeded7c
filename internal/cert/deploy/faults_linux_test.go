package deploy_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/edgeguard/edgeguard/internal/cert/deploy"
)

func setFilter(prog *unix.SockFprog) error {
	_, _, errno := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(prog)))
	if errno != 0 {
		return errno
	}
	return nil
}

// refused fails the test unless err has these words.
func refused(t *testing.T, changed bool, err error, words string) {
	t.Helper()
	if changed || err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "keeps the certificate that it has") {
		t.Errorf("changed %v, %v; want words with %q", changed, err, words)
	}
}

func TestAFullDriveLeavesTheOldFiles(t *testing.T) {
	dir := t.TempDir()
	inThread(t, tinyDrive(dir, "36k"), func() {
		defer unix.Unmount(dir, unix.MNT_DETACH)
		d := deploy.New(config(dir))
		if changed, err := d.Write(handed(house().pairs[0])); err != nil || !changed {
			t.Errorf("the first: %v, %v", changed, err)
			return
		}
		before := entries(t, dir)
		for range 3 {
			changed, err := d.Write(handed(house().pairs[1]))
			refused(t, changed, err, "Free some space")
			holds(t, dir, house().pairs[0])
			if got := entries(t, dir); !slices.Equal(got, before) {
				t.Errorf("the folder holds %v", got)
			}
		}
		// Room again: it goes on by itself.
		if err := unix.Mount("tiny", dir, "tmpfs", unix.MS_REMOUNT, "size=512k"); err != nil {
			t.Error(err)
			return
		}
		if changed, err := d.Write(handed(house().pairs[1])); err != nil || !changed {
			t.Errorf("with room: %v, %v", changed, err)
		}
		holds(t, dir, house().pairs[1])
	})
}

func TestAReadOnlyDriveLeavesTheOldFiles(t *testing.T) {
	dir := t.TempDir()
	inThread(t, tinyDrive(dir, "512k"), func() {
		defer unix.Unmount(dir, unix.MNT_DETACH)
		d := deploy.New(config(dir))
		if _, err := d.Write(handed(house().pairs[0])); err != nil {
			t.Error(err)
		}
		if err := unix.Mount("tiny", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Error(err)
			return
		}
		changed, err := d.Write(handed(house().pairs[1]))
		refused(t, changed, err, "mounted read-only")
		holds(t, dir, house().pairs[0])
		if changed, err := d.Write(handed(house().pairs[0])); changed || err != nil {
			t.Errorf("what is there already: %v, %v", changed, err)
		}
	})
}

func TestAFolderThatMayNotBeWritten(t *testing.T) {
	dir := t.TempDir()
	inThread(t, onlyRights(), func() {
		d := deploy.New(config(dir))
		if _, err := d.Write(handed(house().pairs[0])); err != nil {
			t.Error(err)
		}
		_ = os.Chmod(dir, 0o555)
		changed, err := d.Write(handed(house().pairs[1]))
		refused(t, changed, err, "Let the user that edgeguard runs as own that folder")
		_ = os.Chmod(dir, 0o755)
		holds(t, dir, house().pairs[0])
		cfg := config(dir)
		cfg.UID, cfg.GID = 1883, 1883 // and no right to give files away
		changed, err = deploy.New(cfg).Write(handed(house().pairs[1]))
		refused(t, changed, err, "CAP_CHOWN")
		holds(t, dir, house().pairs[0])
		if got := generations(t, dir); len(got) != 1 {
			t.Errorf("there are %v", got)
		}
	})
}

// A daemon with CAP_CHOWN and nothing else cannot read a key any more that it has
// given to the broker, and still must not write it again and again.
func TestAKeyThatOnlyTheBrokerCanRead(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it takes root to give a file to somebody else")
	}
	dir := t.TempDir()
	cfg := config(dir)
	cfg.UID, cfg.GID = 1883, 1884
	inThread(t, onlyRights(unix.CAP_CHOWN), func() {
		d := deploy.New(cfg)
		for i, want := range []bool{true, false, true} {
			if changed, err := d.Write(handed(house().pairs[i/2])); err != nil || changed != want {
				t.Errorf("write %d gives %v, %v", i, changed, err)
			}
		}
		if _, err := os.ReadFile(filepath.Join(dir, deploy.FileKey)); !os.IsPermission(err) {
			t.Errorf("we can read the key: %v", err)
		}
	})
	holds(t, dir, house().pairs[1])
	for _, name := range []string{deploy.FileCombined, deploy.FileKey, deploy.FileCert} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if is := info.Sys().(*syscall.Stat_t); is.Uid != 1883 || is.Gid != 1884 {
			t.Errorf("%s belongs to %d:%d", name, is.Uid, is.Gid)
		}
	}
}

func TestWithoutSymbolicLinksThereArePlainFiles(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	cfg := config(dir)
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	inThread(t, noSymlinks, func() {
		if err := os.Symlink("x", filepath.Join(dir, "x")); err == nil {
			t.Error("there are symbolic links: this shows nothing")
		}
		d := deploy.New(cfg)
		for i, want := range []bool{true, false, true, true, false} {
			h := handed(house().pairs[(i+1)/2%2])
			if i == 2 {
				h.CRL = house().crl(1)
			} else if i > 2 {
				h = handed(house().pairs[0])
			}
			if changed, err := d.Write(h); err != nil || changed != want && i != 1 {
				t.Errorf("write %d gives %v, %v", i, changed, err)
			}
			holds(t, dir, h.Pair)
		}
		// What a crash left is no obstacle.
		if err := os.WriteFile(filepath.Join(dir, deploy.FileKey+".new"), nil, 0o600); err != nil {
			t.Error(err)
		}
		if _, err := d.Write(handed(house().pairs[1])); err != nil {
			t.Error(err)
		}
	})
	want := []string{"ca.crt", "cert.pem", "chain.pem", "combined.pem", "fullchain.pem", "privkey.pem"}
	if got := entries(t, dir); !slices.Equal(got, want) {
		t.Errorf("the folder holds %v", got)
	}
	if n := strings.Count(log.String(), "no symbolic links"); n != 1 {
		t.Errorf("it is said %d times: %s", n, log.String())
	}
	// The folder comes to a drive that has links.
	write(t, deploy.New(cfg), handed(house().pairs[1]), false)
	write(t, deploy.New(cfg), handed(house().pairs[2]), true)
	holds(t, dir, house().pairs[2])
	if got := entries(t, dir); !slices.Contains(got, "current") {
		t.Errorf("the folder holds %v", got)
	}
}

// Without links a crash may come between two files: combined.pem is the last.
func TestWithoutSymbolicLinksCombinedIsLast(t *testing.T) {
	dir := t.TempDir()
	inThread(t, noSymlinks, func() {
		d := deploy.New(config(dir))
		if _, err := d.Write(handed(house().pairs[0])); err != nil {
			t.Error(err)
		}
		// A folder in the place of ca.crt stops it on its way.
		_ = os.Remove(filepath.Join(dir, deploy.FileCA))
		_ = os.MkdirAll(filepath.Join(dir, deploy.FileCA, "x"), 0o755)
		if _, err := d.Write(handed(house().pairs[1])); err == nil {
			t.Error("a folder is no obstacle")
		}
		if !bytes.Equal(text(t, dir, deploy.FileCombined), house().pairs[0].Combined()) {
			t.Error("combined.pem came before the others")
		}
		if !bytes.Equal(text(t, dir, deploy.FileKey), house().pairs[1].PrivateKey()) {
			t.Error("the key came after the others")
		}
		_ = os.RemoveAll(filepath.Join(dir, deploy.FileCA))
		if changed, err := d.Write(handed(house().pairs[1])); err != nil || !changed {
			t.Errorf("afterwards: %v, %v", changed, err)
		}
		holds(t, dir, house().pairs[1])
	})
}
