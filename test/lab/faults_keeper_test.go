//go:build linux

package lab_test

// Breaking what keeps the certificate. All this happens beside a broker that
// serves a good one, so that nothing but the keeper has anything to say.

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// keeping has the daemon keep a certificate from now on.
func keeping(lines string) func(*testing.T, *faulty) func() {
	return more("[certificate]\n" + lines)
}

// atCA has it keep one of the public CA at a port of the checker's address.
func atCA(h *faulty, port int) func(*testing.T, *faulty) func() {
	return keeping(fmt.Sprintf("mode = \"acme\"\n[certificate.acme]\nserver = \"https://%s:%d/dir\"\nca_file = %q", lab.CheckerAddr, port, h.CA.File))
}

// newAuthority makes an own CA.
func newAuthority(t *testing.T, h *faulty, args ...string) {
	t.Helper()
	if code, out := h.d.Run(t, append([]string{"cert", "ca", "init", "--key", "ecdsa-p256"}, args...)...); code != 0 {
		t.Fatalf("cert ca init ended with %d: %s", code, out)
	}
}

// limited is a CA that answers every request with 429, until it is stopped.
func limited(t *testing.T, h *faulty, port int) (stop func()) {
	t.Helper()
	l, err := h.WAN.Listen("tcp", netip.AddrPortFrom(lab.CheckerAddr, uint16(port)).String())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}),
		ReadHeaderTimeout: lab.Patience, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{h.CA.IssueEC(t, lab.CheckerAddr.String()).TLS}},
	}
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(l, "", "") }()
	return func() {
		server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the CA: %v", err)
		}
	}
}

// fill writes a file until the disk is full.
func fill(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
}

// ownKeeper has the daemon keep a certificate of an own CA and hand it to a
// folder; the services may be verified by either authority.
func ownKeeper(t *testing.T, h *faulty, directory string) {
	t.Helper()
	newAuthority(t, h)
	keeping(fmt.Sprintf("mode = \"own-ca\"\ndirectory = %q", directory))(t, h)
	var text []byte
	lab.Eventually(t, lab.Patience, func() (err error) {
		text, err = os.ReadFile(filepath.Join(h.d.StateDir, "cert", "own-ca.pem"))
		return err
	})
	root, _ := pem.Decode(text)
	home, err := os.ReadFile(h.CA.File)
	if err != nil {
		t.Fatal(err)
	}
	both := filepath.Join(h.t.TempDir(), "both.pem")
	if err := os.WriteFile(both, append(home, pem.EncodeToMemory(root)...), 0o644); err != nil {
		t.Fatal(err)
	}
	inService(fmt.Sprintf("ca_file = %q", both))(t, h)
}

// takes has the broker serve what was handed over.
func (f *faulty) takes(directory string) {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(directory, "combined.pem"))
	if err != nil {
		f.t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		f.t.Fatal(err)
	}
	f.broker.SetCertificate(f.t, &lab.Certificate{Leaf: leaf, PEM: text})
}

var _ = addBreakings(map[string]breaking{
	"keeper-acme-down": {group: "keeper", do: func(t *testing.T, h *faulty) func() { return atCA(h, 14001)(t, h) }},
	"keeper-acme-limit": {group: "keeper", do: func(t *testing.T, h *faulty) func() {
		stop := limited(t, h, 14002)
		mend := atCA(h, 14002)(t, h)
		return func() {
			mend()
			stop()
		}
	}},
	"keeper-no-ca": {group: "keeper", do: func(t *testing.T, h *faulty) func() { return keeping(`mode = "own-ca"`)(t, h) }},
	"keeper-ca-locked": {group: "keeper", do: func(t *testing.T, h *faulty) func() {
		file := filepath.Join(h.t.TempDir(), "passphrase")
		if err := os.WriteFile(file, []byte("a long enough passphrase\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		newAuthority(t, h, "--passphrase-file", file)
		return keeping(`mode = "own-ca"`)(t, h)
	}},
	"keeper-disk-full": {group: "keeper", do: func(t *testing.T, h *faulty) func() {
		disk := filepath.Join(h.d.StateDir, "cert")
		h.d.Stop(t)
		if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk).CombinedOutput(); err != nil {
			t.Fatalf("mounting a small disk: %v: %s", err, out)
		}
		unmount := func() { _ = exec.Command("umount", "-l", disk).Run() }
		h.t.Cleanup(unmount) // where this fails on the way
		newAuthority(t, h)
		filler := filepath.Join(disk, "filler")
		fill(t, filler)
		h.restart()
		mend := keeping(`mode = "own-ca"`)(t, h)
		return func() {
			if err := os.Remove(filler); err != nil {
				h.t.Error(err)
			}
			lab.Eventually(h.t, lab.Patience, func() error { // by itself
				_, err := os.Stat(filepath.Join(disk, "current.pem"))
				return err
			})
			mend()
			unmount()
			h.restart()
		}
	}},
	"keeper-folder": {alone: true, do: func(t *testing.T, h *faulty) func() {
		directory := filepath.Join(h.t.TempDir(), "shared")
		if err := os.WriteFile(directory, []byte("a file where the folder should be"), 0o600); err != nil {
			t.Fatal(err)
		}
		ownKeeper(t, h, directory)
		return func() {
			if err := os.Remove(directory); err != nil {
				h.t.Error(err)
			}
			lab.Eventually(h.t, 3*lab.Patience, func() error {
				if _, err := os.Stat(filepath.Join(directory, "combined.pem")); errors.Is(err, fs.ErrNotExist) {
					return errors.New("nothing was handed over")
				}
				return nil
			})
			h.takes(directory)
		}
	}},
	"keeper-not-reloaded": {alone: true, do: func(t *testing.T, h *faulty) func() {
		directory := h.t.TempDir()
		ownKeeper(t, h, directory)
		return func() {
			h.takes(directory)
		}
	}},
})
