//go:build linux

package lab

// Brokers that know users, or no TLS, and the two halves of a renewal.

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// StartBrokerWithUser is StartBroker for one that lets in this user alone.
func (h *Home) StartBrokerWithUser(t testing.TB, host *Host, cert *Certificate, user, password string) *Broker {
	t.Helper()
	file := filepath.Join(t.TempDir(), "passwords")
	if out, err := host.Try(time.Minute, "mosquitto_passwd", "-b", "-c", file, user, password); err != nil {
		t.Fatalf("making the broker's users: %v: %s", err, out)
	}
	return h.startBroker(t, host, cert, host.Addr.String(), fmt.Sprintf("allow_anonymous false\npassword_file %s", file))
}

// StartPlainBroker is StartBroker for one that speaks MQTT without TLS on the port
// that is for MQTT with TLS.
func (h *Home) StartPlainBroker(t testing.TB, host *Host) *Broker {
	t.Helper()
	b := newBroker(t, host)
	b.start(t, host.Addr.String(), "allow_anonymous true\n")
	b.WaitLog(t, Patience, "running")
	return b
}

// CertificateFile is where the broker reads its certificate from.
func (b *Broker) CertificateFile() string { return b.file }

// Renew puts a certificate where the broker reads it from, and says nothing to
// the broker: half a renewal.
func (b *Broker) Renew(t testing.TB, cert *Certificate) {
	t.Helper()
	b.write(t, cert)
}

// Reload is the other half: it waits until new connections get the certificate.
func (b *Broker) Reload(t testing.TB, cert *Certificate) {
	t.Helper()
	if err := b.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	Eventually(t, Patience, func() error { return b.serves(cert) })
}
