package dnsserver_test

// DNS over TLS.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// selfSigned returns a certificate for a name.
func selfSigned(t testing.TB, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// secure is a server with DNS over TLS.
func secure(t testing.TB, upstream netip.AddrPort, change func(*dnsserver.Config)) (h *house, addr string) {
	t.Helper()
	cert := selfSigned(t, "dns.example.org")
	h = start(t, upstream, func(c *dnsserver.Config) {
		c.TLSListen = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
		c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }
		if change != nil {
			change(c)
		}
	})
	return h, h.Status().TLSListen[0].String()
}

// opportunistic is how Android's automatic private DNS connects: with no check
// of the name (RFC 7858, section 4.1).
func opportunistic(protocols ...string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}
}

func TestDNSOverTLS(t *testing.T) {
	h, addr := secure(t, newWorld(t, "www.example.net. 300 IN A 11.22.33.44").addr, nil)
	for name, c := range map[string]struct {
		cfg *tls.Config
		ok  bool
	}{
		"no protocol named": {opportunistic(), true},
		"dot":               {opportunistic("dot"), true},
		"another protocol":  {opportunistic("h2"), false},
		"TLS 1.2":           {&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}, true},
		"TLS 1.1":           {&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
	} {
		raw := dial(t, addr)
		conn := tls.Client(raw, c.cfg)
		if err := conn.Handshake(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !c.ok {
			continue
		}
		if want := slices.Contains(c.cfg.NextProtos, "dot"); (conn.ConnectionState().NegotiatedProtocol == "dot") != want {
			t.Errorf("%s: protocol is %q", name, conn.ConnectionState().NegotiatedProtocol)
		}
		// Two questions in one go, one of which goes upstream.
		if _, err := conn.Write(framed(t, question("www.example.net."), question("mqtt.example.org."))); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if m, err := (&dns.Conn{Conn: conn}).ReadMsg(); err != nil || len(m.Answer) != 1 {
				t.Errorf("%s: %v, %v", name, m, err)
			}
		}
	}
	if h.Status().Queries.Refused != 0 {
		t.Errorf("counts are %+v", h.Status().Queries)
	}
}

func TestKdigOverTLS(t *testing.T) {
	h, addr := secure(t, newWorld(t, "www.example.net. 300 IN A 11.22.33.44").addr, nil)
	h.addr = addr
	out := tool(t, h, "kdig", "+tls", "+short", "+padding", "www.example.net.", "mqtt.example.org.")
	if strings.Join(strings.Fields(out), " ") != "11.22.33.44 192.168.1.10" {
		t.Errorf("kdig says:\n%s", out)
	}
}

func TestSilentHandshakeIsCutOffAndCountsAsAConnection(t *testing.T) {
	cert := selfSigned(t, "dns.example.org")
	h := startWith(t, silent(t), func(c *dnsserver.Config) {
		c.TLSListen = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
		c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }
	}, func(s *dnsserver.Server) { s.SetIdle(100 * time.Millisecond) })
	conn := dial(t, h.Status().TLSListen[0].String())
	eventually(t, "being counted", func() bool { return h.Conns() == 1 })
	wantClosed(t, conn)
	eventually(t, "being forgotten", func() bool { return h.Conns() == 0 })
}

func TestTakenTLSPortDoesNotStopTheServer(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().(*net.TCPAddr).AddrPort()
	cert := selfSigned(t, "dns.example.org")
	h := start(t, silent(t), func(c *dnsserver.Config) {
		c.TLSListen = []netip.AddrPort{addr}
		c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }
	})
	h.ask("mqtt.example.org.", dns.TypeA)
	st := h.Status()
	if len(st.TLSListen) != 0 || len(st.Waiting) != 1 || !st.Waiting[0].TLS || !strings.Contains(st.DNS.Summary, "DNS over TLS on "+addr.String()) {
		t.Errorf("status is %v, %+v, %+v", st.TLSListen, st.Waiting, st.DNS)
	}
}

func TestCertificateChangesWithoutBindingAnew(t *testing.T) {
	var cfg dnsserver.Config
	var problem atomic.Pointer[string]
	problem.Store(new(string))
	h, addr := secure(t, silent(t), func(c *dnsserver.Config) {
		c.CertificateProblem = func() string { return *problem.Load() }
		cfg = *c
	})
	serves := func(want string) {
		t.Helper()
		conn := tls.Client(dial(t, addr), opportunistic())
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		if got := conn.ConnectionState().PeerCertificates[0].DNSNames; !slices.Equal(got, []string{want}) {
			t.Errorf("the certificate is for %v, want %s", got, want)
		}
	}
	serves("dns.example.org")
	other := selfSigned(t, "other.example.org")
	cfg.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return other, nil }
	if err := h.Reconfigure(cfg); err != nil {
		t.Fatal(err)
	}
	serves("other.example.org")
	word := "key.pem does not match"
	problem.Store(&word)
	if link := h.Status().DNS; link.Verdict != fact.VerdictWarn || !slices.ContainsFunc(link.Evidence, func(e string) bool { return strings.Contains(e, word) }) {
		t.Errorf("link is %+v", link)
	}
	cfg.GetCertificate = nil
	if err := h.Reconfigure(cfg); err != nil {
		t.Fatal(err)
	}
	if st := h.Status(); len(st.TLSListen) != 0 || len(st.Waiting) != 0 {
		t.Errorf("without a certificate: %v, %v", st.TLSListen, st.Waiting)
	}
}
