//go:build linux

package lab_test

// What the tests of the forward share: a home without the rest of the chain,
// and the truth about a port, asked from the street.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// port is the home whose forward is looked at. There is no internet in it but
// a host to knock from.
type port struct {
	*lab.Home
	cert   *lab.Certificate
	broker *lab.Broker
	at     netip.AddrPort // the broker
}

// portOf puts a broker on a host of a home.
func portOf(t *testing.T, h *lab.Home, host *lab.Host) *port {
	t.Helper()
	p := &port{Home: h, cert: h.CA.Issue(t, lab.DuckDNSName)}
	p.broker = h.StartBroker(t, host, p.cert)
	p.at = p.broker.Addr
	return p
}

// newPort is a home with a router of these lines and a broker on the NAS.
func newPort(t *testing.T, lines ...string) *port {
	t.Helper()
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartRouter(t, lines...)
	return portOf(t, h, h.NAS)
}

// newPortOnPi is newPort with the broker on another host than the daemon.
func newPortOnPi(t *testing.T, lines ...string) *port {
	t.Helper()
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartRouter(t, lines...)
	return portOf(t, h, h.Pi)
}

// config is the daemon's, with nothing but the forward to look after.
func (p *port) config(t *testing.T, more string) string {
	t.Helper()
	text := p.EdgeguardConfig(t, lab.EdgeguardOptions{Broker: p.at, Names: []string{lab.DuckDNSName}})
	text = replaceLine(t, text, "sources = ", `sources = ["igd"]`)
	return text + more
}

// start starts the daemon with more lines in its config.
func (p *port) start(t *testing.T, more string) *lab.Daemon {
	t.Helper()
	return p.StartEdgeguard(t, lab.EdgeguardOptions{Config: p.config(t, more)})
}

// open is a check: the street reaches the broker at an external port, and it is
// ours.
func (p *port) open(external uint16) func() error {
	return func() error { return p.openAt(netip.AddrPortFrom(p.WANAddress(), external)) }
}

func (p *port) openAt(at netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	raw, err := p.WAN.Dial(ctx, "tcp", at.String())
	if err != nil {
		return fmt.Errorf("from the street: %w", err)
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) // whose it is, is looked at
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("from the street: %w", err)
	}
	if leaf := conn.ConnectionState().PeerCertificates[0]; !leaf.Equal(p.cert.Leaf) {
		return fmt.Errorf("the street reaches somebody else at %s: %v", at, leaf.DNSNames)
	}
	return nil
}

// closed is a check: the street does not get a connection at an external port.
func (p *port) closed(external uint16) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	conn, err := p.WAN.Dial(ctx, "tcp", netip.AddrPortFrom(p.WANAddress(), external).String())
	if err != nil {
		return nil
	}
	conn.Close()
	return fmt.Errorf("the street gets a connection to port %d", external)
}

// forwarded wants everything to be well in the end: the daemon says so, the
// router's kernel has the one rule, the street reaches the broker.
func (p *port) forwarded(t *testing.T, d *lab.Daemon, external uint16) {
	t.Helper()
	want := []lab.Mapping{{Protocol: "tcp", External: external, Internal: p.at}}
	link := "pass"
	if external != p.at.Port() {
		link = "warn" // clients must be told two ports
	}
	lab.Eventually(t, 2*lab.Patience, func() error {
		if got := p.Mappings(t); !slices.Equal(got, want) {
			return fmt.Errorf("the router forwards %v, want %v; the daemon says: %w", got, want, d.WantForward("active")())
		}
		return errors.Join(d.WantForward("active")(), d.WantLink("forward", link)(), p.open(external)(), noComplaint(d))
	})
}

// noComplaint wants the first forward to have nothing to complain of.
func noComplaint(d *lab.Daemon) error {
	f, err := d.Forward()
	if err == nil && (f.Conflict != "" || f.LastError != "" || f.Action != "") {
		err = fmt.Errorf("an active forward complains: %+v", f)
	}
	return err
}

// refused wants the daemon to say that the forward is in this state, in these
// words (of conflict, last error and link), and the router to forward nothing
// to the broker.
func (p *port) refused(t *testing.T, d *lab.Daemon, state string, words ...string) lab.Forward {
	t.Helper()
	lab.Eventually(t, lab.Patience, d.WantForward(state))
	f, err := d.Forward()
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Status()
	if err != nil {
		t.Fatal(err)
	}
	link := s.Link("forward")
	if link.Status != "fail" {
		t.Errorf("the forward link is %q, want fail: %s", link.Status, link.Summary)
	}
	for _, where := range []struct{ name, text string }{{"the forward's words", f.Conflict + f.LastError}, {"the link's summary", link.Summary}} {
		for _, word := range words {
			if !strings.Contains(where.text, word) {
				t.Errorf("%s do not speak of %q: %q", where.name, word, where.text)
			}
		}
	}
	if f.Action == "" || link.Action == "" {
		t.Errorf("nobody is told what to do: %+v, %+v", f, link)
	}
	for _, m := range p.Mappings(t) {
		if m.Internal == p.at {
			t.Errorf("the router forwards %v all the same", m)
		}
	}
	t.Logf("%s: %s%s | %s", f.State, f.Conflict, f.LastError, f.Action)
	return f
}

// upnpc asks the router for a mapping as another program would; 0 seconds mean
// without an end.
func upnpc(t *testing.T, from *lab.Host, description string, to netip.AddrPort, external uint16, seconds int) {
	t.Helper()
	args := []string{"-u", rootDesc, "-e", description, "-a", to.Addr().String(), fmt.Sprint(to.Port()), fmt.Sprint(external), "TCP"}
	if seconds > 0 {
		args = append(args, fmt.Sprint(seconds))
	}
	if out := from.Run(t, "upnpc", args...); strings.Contains(out, "failed with code") {
		t.Fatalf("the router refused it to upnpc: %s", out)
	}
}

// greeter is a TLS service on a host, beside the broker, with its certificate.
func (p *port) greeter(t *testing.T, host *lab.Host, number uint16) {
	t.Helper()
	l, err := host.Listen("tcp", netip.AddrPortFrom(host.Addr, number).String())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(30 * time.Second))
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{p.cert.TLS}}).Handshake()
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
}

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}
