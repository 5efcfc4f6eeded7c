package hairpin_test

// The router's loopback, as in the table of hairpin behaviours. The public
// address is 127.0.0.2, which is none of the host's listed addresses.

import (
	"crypto"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"pgregory.net/rapid"
)

const public = "127.0.0.2"

func TestLoopback(t *testing.T) {
	ca := newCA(t, "Home CA")
	cert := ca.issue(t, []string{"mqtt.example.com"}, nil)
	renewed := ca.issueFor(t, cert.PrivateKey.(crypto.Signer), []string{"mqtt.example.com"}, nil)
	routerPage := newCA(t, "FritzBox").issue(t, []string{"fritz.box"}, nil)
	tests := []struct {
		name    string
		wan     func(conn net.Conn) // nil: nothing listens
		timeout time.Duration
		verdict hairpin.Loopback
		says    string
		link    fact.Verdict
	}{
		{"same key", newBroker(cert, accepted()...).handle, 0, hairpin.LoopbackYes, "own key", fact.VerdictPass},
		{"same key, renewed certificate", newBroker(renewed, accepted()...).handle, 0, hairpin.LoopbackYes, "own key", fact.VerdictPass},
		{"router's own page", newBroker(routerPage, accepted()...).handle, 0, hairpin.LoopbackNo, "fritz.box, issued by FritzBox", fact.VerdictPass},
		{"refused", nil, 0, hairpin.LoopbackNo, "refused", fact.VerdictPass},
		{"timeout", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, 500 * time.Millisecond, hairpin.LoopbackUnknown, "many reasons", fact.VerdictUnknown},
		{"hangs up", func(net.Conn) {}, 0, hairpin.LoopbackUnknown, "ended the connection", fact.VerdictUnknown},
		{"plain HTTP", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		}, 0, hairpin.LoopbackNo, "plain HTTP answers", fact.VerdictPass},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			direct := newBroker(cert, accepted()...)
			s := service(listen(t, "127.0.0.1", direct.handle), ca)
			if tt.wan != nil {
				s.ExternalPort = listen(t, public, tt.wan).Port()
			} else {
				s.ExternalPort = closedPort(t)
			}
			p := run(t, hairpin.Config{Services: []hairpin.Service{s}, Timeout: tt.timeout}, wanValue(public))
			status := looked(t, p)
			if status.Loopback != tt.verdict || !strings.Contains(strings.Join(status.Evidence, "\n"), tt.says) {
				t.Errorf("verdict %s from %q, want %s from %q", status.Loopback, status.Evidence, tt.verdict, tt.says)
			}
			if s := status.Services[0]; s.Outside != tt.verdict || !strings.Contains(s.OutsideEvidence, tt.says) {
				t.Errorf("of the service: %s from %q", s.Outside, s.OutsideEvidence)
			}
			if l := status.Hairpin; l.Verdict != tt.link || l.Summary == "" || len(l.Evidence) == 0 {
				t.Errorf("link %+v", l)
			}
		})
	}
}

func closedPort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", public+":0")
	if err != nil {
		t.Skipf("listening on %s: %v", public, err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

func TestLoopbackWithOwnAddress(t *testing.T) {
	ca := newCA(t, "Home CA")
	b := newBroker(ca.issue(t, []string{"mqtt.example.com"}, nil), accepted()...)
	s := service(listen(t, "127.0.0.1", b.handle), ca)
	status := looked(t, run(t, hairpin.Config{Services: []hairpin.Service{s}}, wanValue("127.0.0.1")))
	if s := status.Services[0]; s.Outside != hairpin.LoopbackUnknown || s.OutsideEvidence != "" {
		t.Errorf("a service that was not called: %+v", s)
	}
	if status.Loopback != hairpin.LoopbackUnknown || status.Hairpin.Verdict != fact.VerdictUnknown || !strings.Contains(status.Hairpin.Summary, "this host's own") {
		t.Errorf("%s: %+v", status.Loopback, status.Hairpin)
	}
}

// The verdict follows the public address, and a kick.
func TestLoopbackFollows(t *testing.T) {
	ca := newCA(t, "Home CA")
	cert := ca.issue(t, []string{"mqtt.example.com"}, nil)
	b, outside := newBroker(cert, accepted()...), newBroker(cert, accepted()...)
	s := service(listen(t, "127.0.0.1", b.handle), ca)
	s.ExternalPort = listen(t, public, outside.handle).Port()
	wan := wanValue("")
	p := run(t, hairpin.Config{Services: []hairpin.Service{s}}, wan)
	if got := looked(t, p); got.Loopback != hairpin.LoopbackUnknown {
		t.Fatalf("without an address: %s", got.Loopback)
	}
	wan.Store(fact.KnownAddr(netip.MustParseAddr(public), "test", time.Now()))
	await(t, p, "a yes", func(s hairpin.Status) bool { return s.Loopback == hairpin.LoopbackYes })
	outside.cert.Store(newCA(t, "FritzBox").issue(t, []string{"fritz.box"}, nil))
	p.Kick()
	await(t, p, "a no", func(s hairpin.Status) bool { return s.Loopback == hairpin.LoopbackNo })
	wan.Store(fact.KnownAddr(netip.MustParseAddr("127.0.0.1"), "test", time.Now()))
	await(t, p, "unknown", func(s hairpin.Status) bool { return s.Loopback == hairpin.LoopbackUnknown })
}

func TestCombine(t *testing.T) {
	all := []hairpin.Loopback{hairpin.LoopbackUnknown, hairpin.LoopbackYes, hairpin.LoopbackNo}
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.SampledFrom(all), 0, 5).Draw(t, "verdicts")
		count := map[hairpin.Loopback]int{}
		for _, v := range list {
			count[v]++
		}
		want := hairpin.LoopbackUnknown
		if count[hairpin.LoopbackYes] > 0 {
			want = hairpin.LoopbackYes
		} else if count[hairpin.LoopbackNo] > 0 {
			want = hairpin.LoopbackNo
		}
		if got := hairpin.Combine(list); got != want {
			t.Fatalf("%v: %s, want %s", list, got, want)
		}
	})
}
