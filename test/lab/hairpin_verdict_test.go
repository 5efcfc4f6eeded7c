//go:build linux

package lab_test

// The verdict on the router's loopback, for every way in which routers treat calls
// from their own home, and whom the broker sees then.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

func TestHairpinVerdict(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, c := range []struct {
		name     string
		prepare  func(t *testing.T, p *port)
		noBroker bool
		verdict  string
		source   string // that the status says
		asked    bool   // a loopback test's mapping was made
		summary  string
		evidence []string
	}{
		{"forward on the WAN side only", func(*testing.T, *port) {}, false, "no", "", false,
			"phones at home depend on this DNS server", []string{"11.22.33.44:8883 refuses calls from inside"}},
		{"no source translation", func(t *testing.T, p *port) { loopBack(t, p.Home, "") }, false, "unknown", "", false,
			"reach the service either way", []string{"did not answer from inside (timeout)"}},
		{"dropped", func(t *testing.T, p *port) {
			p.Router.Run(t, "nft", "add", "chain", "inet", "filter", "input", "{ type filter hook input priority 0; policy accept; }")
			rule(t, p.Home, "input", "iifname br0 ip daddr %s tcp dport %d drop", p.WANAddress(), lab.BrokerPort)
		}, false, "unknown", "", false, "reach the service either way", []string{"did not answer from inside (timeout)"}},
		{"masquerade", func(t *testing.T, p *port) { loopBack(t, p.Home, "masquerade") }, false, "yes", lab.RouterAddr.String(), true,
			"the DNS answer is a short cut", []string{"serves the service's own key", "the broker sees every LAN device that comes by the public address as 192.168.77.1, the router"}},
		{"source is the WAN address", func(t *testing.T, p *port) { loopBack(t, p.Home, "snat ip to "+p.WANAddress().String()) }, false, "yes", lab.WANAddr.String(), true,
			"the DNS answer is a short cut", []string{"serves the service's own key", "as 11.22.33.44, the public address"}},
		{"the router's own page", routersPage, false, "no", "", false,
			"phones at home depend on this DNS server", []string{"it is the router's own page, as 192.168.77.1 serves the same key"}},
		{"masquerade, and no broker", func(t *testing.T, p *port) { loopBack(t, p.Home, "masquerade") }, true, "yes", lab.RouterAddr.String(), true,
			"the DNS answer is a short cut", []string{"a call from inside to a port that the router forwards to edgeguard for a moment arrived", "as 192.168.77.1, the router"}},
		{"no loopback, and no broker", func(*testing.T, *port) {}, true, "no", "", true,
			"phones at home depend on this DNS server", []string{"for a moment was refused"}},
		{"no source translation, and no broker", func(t *testing.T, p *port) { loopBack(t, p.Home, "") }, true, "unknown", "", true,
			"reach the service either way", []string{"for a moment did not arrive (timeout)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			p := newPort(t)
			c.prepare(t, p)
			if c.noBroker {
				p.broker.Kill()
			}
			d := p.startKnown(t, "")
			lab.Eventually(t, 3*lab.Patience, func() error {
				v, err := verdictsOf(d)
				all := strings.Join(v.Hairpin.Evidence, "\n")
				if err != nil || v.Hairpin.Verdict != c.verdict || v.Hairpin.SourceSeen != c.source {
					return fmt.Errorf("%+v, %v", v.Hairpin, err)
				}
				for _, word := range c.evidence {
					if !strings.Contains(all, word) {
						return fmt.Errorf("no %q in %q", word, all)
					}
				}
				if s, err := d.Status(); err != nil || !strings.Contains(s.Link("hairpin").Summary, c.summary) {
					return fmt.Errorf("the link says %q, %v", s.Link("hairpin").Summary, err)
				}
				return nil
			})
			if tested(p.Home) != c.asked {
				t.Errorf("a mapping was made for a loopback test: %t\n%s", !c.asked, p.RouterLog())
			}
			// The keeper gives back what is not the port that it wanted.
			lab.Eventually(t, lab.Patience, func() error {
				if rest := left(t, p.Home); len(rest) != 0 {
					return fmt.Errorf("mappings are left: %v", rest)
				}
				return nil
			})
			if c.source != "" && !c.noBroker {
				seesPhoneAs(t, p, c.source)
			}
			d.Stop(t)
			if rest := p.Mappings(t); len(rest) != 0 {
				t.Errorf("after the stop there are %v", rest)
			}
		})
	}
}

// seesPhoneAs holds what the status says against the broker's own log, for a phone
// that comes by the public address.
func seesPhoneAs(t *testing.T, p *port, source string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
	defer cancel()
	conn, err := p.Phone.Dial(ctx, "tcp", netip.AddrPortFrom(p.WANAddress(), lab.BrokerPort).String())
	if err != nil {
		t.Fatalf("the phone does not reach the public address: %v", err)
	}
	defer conn.Close()
	before := strings.Count(p.broker.Log(), "New connection from "+source)
	client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // the log is what counts
	_ = conn.SetDeadline(time.Now().Add(lab.Patience))
	if err := client.Handshake(); err != nil {
		t.Fatalf("the phone's handshake: %v", err)
	}
	if before == 0 {
		p.broker.WaitLog(t, lab.Patience, "New connection from "+source)
	}
	if strings.Contains(p.broker.Log(), "New connection from "+lab.PhoneAddr.String()) {
		t.Errorf("the broker saw the phone's own address")
	}
}

// routersPage has the router serve a page of its own on both sides.
func routersPage(t *testing.T, p *port) {
	cert := p.Stranger.Issue(t, "box.example")
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "log in") }),
		ReadHeaderTimeout: lab.Patience, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert.TLS}},
	}
	ended := make(chan error, 2)
	for _, addr := range []netip.Addr{p.WANAddress(), lab.RouterAddr} {
		l, err := p.Router.Listen("tcp", netip.AddrPortFrom(addr, lab.BrokerPort).String())
		if err != nil {
			t.Fatal(err)
		}
		go func() { ended <- server.ServeTLS(l, "", "") }()
	}
	t.Cleanup(func() {
		server.Close()
		for range 2 {
			if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("the router's page: %v", err)
			}
		}
	})
}

// Where a person forwards the ports nothing is asked of the router.
func TestNoLoopbackTestByHand(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	loopBack(t, p.Home, "masquerade")
	p.forwardByHand(t, true)
	d := p.startKnown(t, "\n[portmap]\nmethods = [\"manual\"]\n")
	lab.Eventually(t, 2*lab.Patience, d.WantLink("hairpin", "pass"))
	// It is decided when it would have been asked.
	lab.Eventually(t, 3*lab.Patience, func() error {
		if !strings.Contains(d.Log(), "nobody looks whom services see by the public address") {
			return errors.New("it has not been decided yet")
		}
		return nil
	})
	v, err := verdictsOf(d)
	if err != nil || v.Hairpin.Verdict != "yes" || v.Hairpin.SourceSeen != "" {
		t.Errorf("%+v, %v", v.Hairpin, err)
	}
	if tested(p.Home) || len(p.Mappings(t)) != 0 {
		t.Errorf("the router was asked: %v", p.Mappings(t))
	}
}
