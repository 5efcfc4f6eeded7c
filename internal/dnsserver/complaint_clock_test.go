package dnsserver_test

// What users of other servers complained of, where the host has no clock.

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

// certified returns a certificate for 127.0.0.1 that is valid from then on for
// a year, and the roots that vouch for it.
func certified(t *testing.T, from time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: from.AddDate(10, 0, 0), KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "resolver"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: from, NotAfter: from.AddDate(1, 0, 0), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	root, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	own, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(root)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{own}, PrivateKey: key}, roots
}

// timeServer answers everything as a resolver would that knows a time server.
func timeServer(_, m *dns.Msg) {
	m.Answer = rrs(m.Question[0].Name + " 300 IN A 11.22.33.44")
}

// overTLS starts a DNS server that speaks TLS.
func overTLS(t *testing.T, cert tls.Certificate) netip.AddrPort {
	t.Helper()
	l, err := tls.Listen("tcp4", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		timeServer(r, m)
		_ = w.WriteMsg(m)
	})}
	started, ended := make(chan struct{}), make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	go func() { defer close(ended); _ = s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// pi-hole/pi-hole#2348 and #4283, DNSCrypt/dnscrypt-proxy#1081: a small computer
// without a battery starts in the past, where no certificate is valid yet; so no
// name is found, the time server's neither, and the clock stays wrong. Here the
// resolver's certificate lies in the future, which is the same. The time
// server's name is found while the clock is certainly wrong, said aloud, and
// only then: with a clock that may be right, nothing is ever asked in plain.
func TestComplaintPiHole2348NoClockNoNames(t *testing.T) {
	cert, roots := certified(t, time.Now().AddDate(4, 0, 0))
	encrypted, plain := overTLS(t, cert), handled(t, timeServer)
	for _, plausible := range []bool{false, true} {
		var log bytes.Buffer
		spec, err := upstream.Parse("tls://" + encrypted.String())
		if err != nil {
			t.Fatal(err)
		}
		pool, err := upstream.New(upstream.Config{
			Specs: []upstream.Spec{spec}, RootCAs: roots, ClockPlausible: func() bool { return plausible },
			Log: slog.New(slog.NewTextHandler(&log, nil)),
			Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				if address == "127.0.0.1:53" { // where the same server speaks plainly
					address = plain.String()
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		h := start(t, plain, func(c *dnsserver.Config) { c.Upstream = pool })
		wantHome(t, h, "mqtt.example.org.")
		m := h.ask("pool.ntp.org.", dns.TypeA)
		if found := slices.Equal(addresses(m.Answer), []string{"11.22.33.44"}); found == plausible {
			t.Errorf("with a clock that may be right (%v) the time server is %v", plausible, m)
		}
		if err := h.end(); err != nil {
			t.Error(err)
		}
		if said := strings.Contains(log.String(), "unencrypted"); said == plausible {
			t.Errorf("with a clock that may be right (%v) the log is\n%s", plausible, log.String())
		}
	}
}
