package hairpin_test

// Looking at services: what answers, what does not, and how it is said.

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
)

func service(address netip.AddrPort, ca *authority, names ...string) hairpin.Service {
	s := hairpin.Service{Name: "mqtt", Address: address, ExternalPort: address.Port(), Kind: hairpin.MQTT, Names: names, Roots: x509.NewCertPool()}
	if ca != nil {
		s.Roots = ca.roots()
	}
	return s
}

func TestBrokerIsGreeted(t *testing.T) {
	ca := newCA(t, "Home CA")
	b := newBroker(ca.issue(t, []string{"mqtt.example.com"}, nil), accepted()...)
	s := service(listen(t, "127.0.0.1", b.handle), ca, "mqtt.example.com")
	p := run(t, hairpin.Config{Services: []hairpin.Service{s}}, nil)
	status := looked(t, p)
	if got := status.Services[0]; got.Reachable != fact.VerdictPass || got.MQTT != "accepted" || got.LastError != "" || got.Address != s.Address {
		t.Errorf("service %+v", got)
	}
	if status.Broker.Verdict != fact.VerdictPass || status.Certificate.Verdict != fact.VerdictPass {
		t.Errorf("broker %+v, certificate %+v", status.Broker, status.Certificate)
	}
	if name := <-b.names; name != "mqtt.example.com" {
		t.Errorf("server name %q", name)
	}
	if rest := <-b.ended; string(rest) != "\xe0\x00" {
		t.Errorf("after the CONNACK came %x, want a DISCONNECT", rest)
	}
	if got := b.called(); !slices.Equal(got, []string{connect311, connect5}) {
		t.Errorf("CONNECTs were %x", got)
	}
	if got := status.Services[0]; got.MQTT5 != "accepted" || got.TLS.Version != "TLS 1.3" || got.TLS.Cipher == "" {
		t.Errorf("service %+v, TLS %+v", got, got.TLS)
	}
	if status.Hairpin.Verdict != fact.VerdictUnknown || status.Loopback != hairpin.LoopbackUnknown || len(status.Evidence) == 0 {
		t.Errorf("loopback without a public address: %+v", status.Hairpin)
	}
}

// recorder keeps what was read from a connection.
type recorder struct {
	net.Conn
	read []byte
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.read = append(r.read, b[:n]...)
	return n, err
}

// A connection that ends without close_notify is an error in a broker's log,
// four times a minute. Up to TLS 1.2 an alert can be told from outside.
func TestProbeEndsTLSProperly(t *testing.T) {
	ca := newCA(t, "Home CA")
	b := newBroker(ca.issue(t, []string{"mqtt.example.com"}, nil), accepted()...)
	b.config = func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }
	read := make(chan []byte, 16)
	address := listen(t, "127.0.0.1", func(conn net.Conn) {
		r := &recorder{Conn: conn}
		b.handle(r)
		_, _ = io.Copy(io.Discard, r)
		read <- r.read
	})
	looked(t, run(t, hairpin.Config{Services: []hairpin.Service{service(address, ca)}}, nil))
	var last byte
	for records := <-read; len(records) >= 5; records = records[5+int(records[3])<<8+int(records[4]):] {
		last = records[0]
	}
	if last != 21 {
		t.Errorf("the last TLS record is of type %d, want an alert (21)", last)
	}
}

func TestBrokerRefusals(t *testing.T) {
	ca := newCA(t, "Home CA")
	tests := []struct {
		name    string
		answer  []byte
		mqtt    string
		verdict fact.Verdict
		says    string
	}{
		{"not authorised", []byte{0x20, 2, 0, 5}, "not authorised", fact.VerdictPass, "not authorised"},
		{"bad credentials", []byte{0x20, 2, 0, 4}, "bad user name or password", fact.VerdictPass, "bad user name"},
		{"unavailable", []byte{0x20, 2, 0, 3}, "server unavailable", fact.VerdictWarn, "cannot serve now"},
		{"not MQTT", []byte("HTTP/1.1 400 Bad Request\r\n"), "", fact.VerdictFail, "not MQTT"},
		{"nothing", nil, "", fact.VerdictFail, ""},
		{"half", []byte{0x20, 2}, "", fact.VerdictFail, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBroker(ca.issue(t, []string{"mqtt.example.com"}, nil), tt.answer...)
			handle := b.handle
			if len(tt.answer) < 4 {
				handle = func(conn net.Conn) { // hangs up after it
					stream := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*b.cert.Load()}})
					_, _ = io.ReadFull(stream, make([]byte, 14))
					_, _ = stream.Write(tt.answer)
					stream.Close()
				}
				tt.says = "hangs up"
			}
			p := run(t, hairpin.Config{Services: []hairpin.Service{service(listen(t, "127.0.0.1", handle), ca)}}, nil)
			status := looked(t, p)
			if got := status.Services[0]; got.MQTT != tt.mqtt || got.Reachable != fact.VerdictPass {
				t.Errorf("service %+v", got)
			}
			if got := status.Broker; got.Verdict != tt.verdict || !strings.Contains(got.Summary, tt.says) || (got.Verdict == fact.VerdictPass) != (got.Action == "") {
				t.Errorf("broker %+v, want %s with %q", got, tt.verdict, tt.says)
			}
			if status.Certificate.Verdict != fact.VerdictPass {
				t.Errorf("certificate %+v", status.Certificate)
			}
		})
	}
}

func TestBrokerDemandsClientCertificate(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ca := newCA(t, "Home CA")
		b := newBroker(ca.issue(t, []string{"mqtt.example.com"}, nil), accepted()...)
		b.config = func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, version }
		p := run(t, hairpin.Config{Services: []hairpin.Service{service(listen(t, "127.0.0.1", b.handle), ca)}}, nil)
		status := looked(t, p)
		if status.Broker.Verdict != fact.VerdictPass || !strings.Contains(status.Broker.Summary, "demands a client certificate") {
			t.Errorf("%s: broker %+v", tls.VersionName(version), status.Broker)
		}
		// Under TLS 1.2 the broker ends the handshake, so it has not proved
		// that the key is its own: no name may be learned.
		learned := p.Names().Load()[0].Names
		if proved := version == tls.VersionTLS13; (len(learned) == 1) != proved {
			t.Errorf("%s: learned %q", tls.VersionName(version), learned)
		}
	}
}

func TestNotReachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := closed.Addr().(*net.TCPAddr).AddrPort()
	closed.Close()
	hang := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	tests := []struct {
		name    string
		address netip.AddrPort
		timeout time.Duration
		says    string
	}{
		{"refused", refused, 0, "nothing listens at " + refused.String()},
		{"hangs", listen(t, "127.0.0.1", hang), 200 * time.Millisecond, "says nothing in TLS (timeout)"},
		{"hangs up", listen(t, "127.0.0.1", func(net.Conn) {}), 0, "ended the connection"},
		{"plain HTTP", listen(t, "127.0.0.1", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		}), 0, "plain HTTP"},
		{"endless bytes", listen(t, "127.0.0.1", func(conn net.Conn) {
			for {
				if _, err := conn.Write(make([]byte, 1024)); err != nil {
					return
				}
			}
		}), 0, "does not speak TLS"},
		{"endless TLS records", listen(t, "127.0.0.1", func(conn net.Conn) {
			for {
				if _, err := conn.Write([]byte{22, 3, 3, 0, 4, 0, 0, 0, 0}); err != nil {
					return
				}
			}
		}), 0, "TLS"},
		{"plain MQTT", listen(t, "127.0.0.1", func(conn net.Conn) {
			first := make([]byte, 14)
			if _, err := io.ReadFull(conn, first); err == nil && first[0] == 0x10 {
				_, _ = conn.Write(accepted())
				_, _ = io.Copy(io.Discard, conn)
			}
		}), 0, "plain MQTT"},
		{"TLS 1.1", listen(t, "127.0.0.1", func(conn net.Conn) {
			cert := newCA(t, "Old CA").issue(t, nil, nil)
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake()
		}), 0, "TLS 1.2 or newer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := service(tt.address, nil, "mqtt.example.com")
			status := looked(t, run(t, hairpin.Config{Services: []hairpin.Service{s}, Timeout: tt.timeout}, wanValue("11.22.33.44")))
			got := status.Services[0]
			if got.Reachable != fact.VerdictFail || !strings.Contains(got.LastError, tt.says) || got.Certificate != nil {
				t.Errorf("service %+v, want an error with %q", got, tt.says)
			}
			if l := status.Broker; l.Verdict != fact.VerdictFail || !strings.Contains(l.Summary, tt.says) || l.Action == "" {
				t.Errorf("broker %+v", l)
			}
			if status.Certificate.Verdict != fact.VerdictUnknown || status.Hairpin.Verdict != fact.VerdictUnknown {
				t.Errorf("certificate %+v, hairpin %+v", status.Certificate, status.Hairpin)
			}
		})
	}
}

func TestTLSServiceIsNotGreeted(t *testing.T) {
	ca := newCA(t, "Home CA")
	cert := ca.issue(t, []string{"www.example.com"}, nil)
	got := make(chan []byte, 16)
	s := service(listen(t, "127.0.0.1", func(conn net.Conn) {
		rest, _ := io.ReadAll(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*cert}}))
		got <- rest
	}), ca)
	s.Kind = hairpin.TLS
	status := looked(t, run(t, hairpin.Config{Services: []hairpin.Service{s}}, nil))
	if status.Broker.Verdict != fact.VerdictPass || status.Services[0].MQTT != "" {
		t.Errorf("%+v", status)
	}
	if rest := <-got; len(rest) != 0 {
		t.Errorf("it was sent %x", rest)
	}
}

func TestNoServices(t *testing.T) {
	p := hairpin.New(hairpin.Config{}, wanValue(""))
	s := p.Status().Load()
	if s.Broker.Verdict != fact.VerdictUnknown || s.Certificate.Verdict != fact.VerdictUnknown || s.Broker.Action == "" {
		t.Errorf("%+v", s)
	}
	start(t, p)
}

func TestWorstServiceSpeaks(t *testing.T) {
	ca := newCA(t, "Home CA")
	b := newBroker(ca.issue(t, []string{"mqtt.example.com"}, nil), accepted()...)
	good := service(listen(t, "127.0.0.1", b.handle), ca)
	bad := service(listen(t, "127.0.0.1", func(net.Conn) {}), ca)
	bad.Name = "other"
	p := run(t, hairpin.Config{Services: []hairpin.Service{good, bad}}, nil)
	status := looked(t, p)
	if l := status.Broker; l.Verdict != fact.VerdictFail || !strings.Contains(l.Summary, `"other"`) || len(l.Evidence) < 2 {
		t.Errorf("broker %+v", l)
	}
	names := p.Names().Load()
	if len(names) != 2 || names[0].Service != "mqtt" || names[1].Service != "other" || len(names[0].Names) != 1 || names[1].Names != nil {
		t.Errorf("names %+v", names)
	}
}
