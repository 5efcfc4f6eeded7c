//go:build linux

package lab_test

// The own CA's certificate renewed under a running broker, by a signal of the
// daemon's, and what Tasmota's TLS says of it.

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// startSignalled is a home with an authority that was made with args, and a broker
// that the daemon signals.
func startSignalled(t *testing.T, lines string, args ...string) (*ownHome, *lab.Process) {
	t.Helper()
	o := newOwnHome(t, "reload = \"signal\"\nreload_pid_file = \"RUN/mosquitto.pid\"\n"+lines)
	o.command(append([]string{"cert", "ca", "init"}, args...)...)
	lab.Eventually(t, lab.Patience, func() error { _, err := o.handed(); return err })
	broker := o.startBroker(o.snippet("mosquitto"), "allow_anonymous true", false)
	lab.Eventually(t, lab.Patience, o.Phone.WantA(lab.NASAddr, lab.DuckDNSName, lab.NASAddr))
	o.within("all links pass", o.whole)
	return o, broker
}

func TestOwnCARenewedUnderLiveSessions(t *testing.T) {
	t.Parallel() // it waits more than it works
	o, broker := startSignalled(t, "")
	o.watchPairs(3)
	before, err := o.served()
	if err != nil {
		t.Fatal(err)
	}
	o.wantBearSSL("RSA")
	sofa := o.Subscribe(t, o.Phone, lab.DuckDNSName, o.ca())
	street := o.Subscribe(t, o.WAN, lab.DuckDNSName, o.ca())

	o.command("cert", "renew")
	var after *x509.Certificate
	o.within("the new certificate is served", func() (err error) {
		if after, err = o.served(); err == nil && after.SerialNumber.Cmp(before.SerialNumber) == 0 {
			err = fmt.Errorf("serial %x is still served", before.SerialNumber)
		}
		return err
	})
	if string(after.RawSubjectPublicKeyInfo) != string(before.RawSubjectPublicKeyInfo) {
		t.Error("the key is another one, although new_key is false")
	}
	o.within("that is told", o.servedIs(fmt.Sprintf("%032x", after.SerialNumber)))
	o.wantBearSSL("RSA")
	lab.Eventually(t, lab.Patience, o.whole)
	o.stillHears(sofa, street)

	// Another kind of key: mosquitto keeps the certificate of the old kind, too,
	// until it is restarted.
	text, err := os.ReadFile(o.d.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	o.d.Reload(t, strings.Replace(string(text), "reload = ", "key = \"ecdsa-p256\"\nreload = ", 1))
	o.within("a certificate with a P-256 key is handed over", func() error {
		if leaf, err := o.handed(); err != nil || leaf.PublicKeyAlgorithm != x509.ECDSA {
			return fmt.Errorf("not yet: %w", err)
		}
		return nil
	})
	o.stillHears(sofa, street)
	broker.Stop(lab.Patience)
	o.startBroker(o.snippet("mosquitto"), "allow_anonymous true", false)
	o.within("it is served", func() error {
		leaf, err := o.served()
		if err == nil && leaf.PublicKeyAlgorithm != x509.ECDSA {
			err = fmt.Errorf("an %v key is served", leaf.PublicKeyAlgorithm)
		}
		return err
	})
	o.wantBearSSL("EC")
	lab.Eventually(t, lab.Patience, o.whole)
}

// servedIs wants the daemon to say that the certificate of this serial number is
// held and served.
func (o *ownHome) servedIs(serial string) func() error {
	return func() error {
		c, err := o.kept()
		if err != nil {
			return err
		}
		if c.Held == nil || c.Held.Serial == nil || *c.Held.Serial != serial || len(c.Serving) != 1 || c.Serving[0].State != "yes" {
			return fmt.Errorf("it says %+v, held %+v", c, c.Held)
		}
		return nil
	}
}

// stillHears wants sessions to have lived all along, and to hear what is said now.
func (o *ownHome) stillHears(sessions ...*lab.Process) {
	o.t.Helper()
	said := make([]int, len(sessions))
	for i, p := range sessions {
		said[i] = strings.Count(p.Log(), "PUBLISH")
	}
	if err := o.Publish(o.Phone, lab.DuckDNSName, o.ca()); err != nil {
		o.t.Error(err)
	}
	for i, p := range sessions {
		lab.Eventually(o.t, lab.Patience, func() error {
			switch log := p.Log(); {
			case p.Ended() || strings.Count(log, "sending CONNECT") != 1:
				return fmt.Errorf("session %d has not lived:\n%s", i, log)
			case strings.Count(log, "PUBLISH") == said[i]:
				return fmt.Errorf("session %d hears nothing", i)
			}
			return nil
		})
	}
}

// wantBearSSL wants Tasmota's TLS to be let in, to take the root for what it is, and
// to be shown a key of this kind.
func (o *ownHome) wantBearSSL(kind string) {
	o.t.Helper()
	text, err := os.ReadFile(o.ca().File)
	block, _ := pem.Decode(text)
	if err != nil || block == nil {
		o.t.Fatalf("ca.crt: %v", err)
	}
	write := func(name string, der []byte) string {
		path := filepath.Join(o.t.TempDir(), name)
		if err := os.WriteFile(path, der, 0o600); err != nil {
			o.t.Fatal(err)
		}
		return path
	}
	root := write("root.der", block.Bytes)
	if says, err := o.BearSSL(o.t, o.Phone, brokerAt, lab.DuckDNSName, root); err != nil || strings.TrimSpace(says) != kind {
		o.t.Errorf("BearSSL is shown %q, want %s: %v", says, kind, err)
	}
	if says, err := o.BearSSL(o.t, o.Phone, brokerAt, "another.example.org", root); err == nil {
		o.t.Errorf("BearSSL takes it for another.example.org: %q", says)
	}
	if says, err := o.BearSSL(o.t, o.Phone, brokerAt, lab.DuckDNSName, write("stranger.der", o.Stranger.Cert.Raw)); err == nil {
		o.t.Errorf("BearSSL takes it with a stranger's root: %q", says)
	}
}
