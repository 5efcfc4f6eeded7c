//go:build linux

package lab

// The broker: mosquitto with TLS on 8883.

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// BrokerPort is where brokers listen, as MQTT over TLS does everywhere.
const BrokerPort = 8883

// Broker is a running mosquitto.
type Broker struct {
	*Process
	// Addr is where it listens in the LAN.
	Addr netip.AddrPort

	host *Host
	file string // certificate and key
	// handed is the file that edgeguard keeps in its place; empty where none.
	handed string
}

// StartBroker starts a broker on a host, without passwords, and waits until
// it serves the certificate.
func (h *Home) StartBroker(t testing.TB, host *Host, cert *Certificate) *Broker {
	t.Helper()
	return h.startBroker(t, host, cert, host.Addr.String(), "allow_anonymous true")
}

// StartBrokerOnAll is StartBroker for one that listens on all addresses of the
// host, those that it will have included, IPv6 as well as IPv4.
func (h *Home) StartBrokerOnAll(t testing.TB, host *Host, cert *Certificate) *Broker {
	t.Helper()
	return h.startBroker(t, host, cert, "", "allow_anonymous true")
}

// startBroker starts a broker that listens on one address, or on all where that
// is empty. Access are the lines of its configuration about who may come in.
func (h *Home) startBroker(t testing.TB, host *Host, cert *Certificate, listen, access string) *Broker {
	t.Helper()
	b := newBroker(t, host)
	b.write(t, cert)
	b.start(t, listen, fmt.Sprintf("%s\ncertfile %s\nkeyfile %s\n", access, b.file, b.file))
	Eventually(t, Patience, func() error { return b.serves(cert) })
	return b
}

func newBroker(t testing.TB, host *Host) *Broker {
	t.Helper()
	return &Broker{
		Addr: netip.AddrPortFrom(host.Addr, BrokerPort),
		host: host,
		file: filepath.Join(t.TempDir(), "broker.pem"),
	}
}

// start starts mosquitto with a listener of these lines.
func (b *Broker) start(t testing.TB, listen, lines string) {
	t.Helper()
	conf := filepath.Join(filepath.Dir(b.file), "mosquitto.conf")
	// As another user than root it could not read the files of the test.
	text := fmt.Sprintf("user root\nlog_dest stderr\nlog_type all\nlistener %d %s\n%s", b.Addr.Port(), listen, lines)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatalf("writing mosquitto's configuration: %v", err)
	}
	b.Process = b.host.Start(t, "mosquitto", "mosquitto", "-c", conf)
}

// SetCertificate replaces the broker's certificate as a renewal does, and
// waits until new connections get it. Old ones live on.
func (b *Broker) SetCertificate(t testing.TB, cert *Certificate) {
	t.Helper()
	b.write(t, cert)
	if err := b.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	Eventually(t, Patience, func() error { return b.serves(cert) })
}

// write puts a certificate in place, in one step.
func (b *Broker) write(t testing.TB, cert *Certificate) {
	t.Helper()
	temp := b.file + ".new"
	if err := os.WriteFile(temp, cert.PEM, 0o600); err != nil {
		t.Fatalf("writing the broker's certificate: %v", err)
	}
	if err := os.Rename(temp, b.file); err != nil {
		t.Fatalf("putting the broker's certificate in place: %v", err)
	}
}

// serves reports whether a new connection gets the certificate.
func (b *Broker) serves(cert *Certificate) error {
	if b.Process != nil && b.Ended() {
		return fmt.Errorf("the broker has ended: %s", b.Log())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	raw, err := b.host.Dial(ctx, "tcp", b.Addr.String())
	if err != nil {
		return fmt.Errorf("reaching the broker: %w", err)
	}
	defer raw.Close()
	// Which certificate is served is the question, not whether it is good.
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("shaking hands with the broker: %w", err)
	}
	if leaf := conn.ConnectionState().PeerCertificates[0]; !leaf.Equal(cert.Leaf) {
		return fmt.Errorf("the broker serves the certificate of %v, not the one of %v", leaf.DNSNames, cert.Leaf.DNSNames)
	}
	return nil
}
