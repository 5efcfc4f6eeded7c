//go:build linux

package lab_test

// A home whose certificate comes from an authority of its own.

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/test/lab"
)

// allLinks are those of a home in which all is well.
var allLinks = []string{"wan", "ddns", "forward", "broker", "certificate", "hairpin", "dns", "clients"}

// ownHome is a home with mode = "own-ca", DDNS, and a folder that daemon and broker
// share. It has no authority and no broker yet.
type ownHome struct {
	*lab.Home
	t   *testing.T
	d   *lab.Daemon
	dir string // the folder that is shared
	run string // a folder for the broker's other files
}

// newOwnHome starts the home and the daemon, with lines for [certificate], in which
// RUN is the folder for the broker's other files.
func newOwnHome(t *testing.T, lines string) *ownHome {
	t.Helper()
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartRouter(t)
	h.StartInternet(t)
	o := &ownHome{Home: h, t: t, dir: filepath.Join(t.TempDir(), "broker"), run: t.TempDir()}
	o.d = h.StartEdgeguard(t, lab.EdgeguardOptions{Config: o.config(h.EdgeguardConfig(t, lab.EdgeguardOptions{Provider: "duckdns"}), lines)})
	return o
}

func (o *ownHome) config(base, lines string) string {
	return base + fmt.Sprintf("\n[certificate]\nmode = \"own-ca\"\ndirectory = %q\n%s\n", o.dir, strings.ReplaceAll(lines, "RUN", o.run))
}

// command runs a command beside the daemon, which must go well.
func (o *ownHome) command(args ...string) string {
	o.t.Helper()
	code, text := o.d.Run(o.t, args...)
	if code != 0 {
		o.t.Fatalf("edgeguard %q: exit code %d: %s", args, code, text)
	}
	return text
}

// within is check, until it is so, and logs how long that took.
func (o *ownHome) within(what string, check func() error) {
	o.t.Helper()
	began := time.Now()
	lab.Eventually(o.t, lab.Patience, check)
	o.t.Logf("%s after %v", what, time.Since(began).Round(time.Millisecond))
}

// shown is what cert show prints for programs.
func (o *ownHome) shown() (shown struct {
	Held, Authority *struct{ Serial, SHA256 string }
	Handed          *struct{ Same *bool }
	Snippets        []struct{ ID, Text string }
}) {
	o.t.Helper()
	if err := json.Unmarshal([]byte(o.command("cert", "show", "--json")), &shown); err != nil {
		o.t.Fatal(err)
	}
	return shown
}

// snippet is a text that cert show prints.
func (o *ownHome) snippet(id string) string {
	o.t.Helper()
	for _, s := range o.shown().Snippets {
		if s.ID == id {
			return s.Text
		}
	}
	o.t.Fatalf("cert show prints no snippet %q", id)
	return ""
}

// startBroker starts mosquitto with a snippet and more lines. Watched is with the
// watcher beside it, and anew whenever it ends, as Docker does.
func (o *ownHome) startBroker(snippet, lines string, watched bool) *lab.Process {
	o.t.Helper()
	conf := filepath.Join(o.run, "mosquitto.conf")
	text := "user root\nlog_dest stderr\nlog_type all\npid_file " + o.pidFile() + "\n" + lines + "\n" + snippet
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
	if !watched {
		return o.NAS.Start(o.t, "mosquitto", "mosquitto", "-c", conf)
	}
	script, err := filepath.Abs("../../deploy/mosquitto-reload.sh")
	if err != nil {
		o.t.Fatal(err)
	}
	return o.NAS.Start(o.t, "mosquitto", "env", "EDGEGUARD_CERT_DIR="+o.dir, "EDGEGUARD_POLL=1",
		"sh", "-c", `while :; do sh "$0" mosquitto -c "$1"; sleep 1; done`, script, conf)
}

func (o *ownHome) pidFile() string { return filepath.Join(o.run, "mosquitto.pid") }

// handed is the pair in the folder; an error until there is one.
func (o *ownHome) handed() (*x509.Certificate, error) {
	text, err := os.ReadFile(filepath.Join(o.dir, "combined.pem"))
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, err
	}
	return pair.Leaf, nil
}

// kept is what the daemon says of the certificate.
func (o *ownHome) kept() (*status.Kept, error) {
	s, err := o.d.Status()
	if err != nil {
		return nil, err
	}
	var all struct{ Certificate *status.Kept }
	if err := json.Unmarshal(s.Raw, &all); err != nil || all.Certificate == nil {
		return nil, fmt.Errorf("the status says nothing of the certificate: %w", err)
	}
	return all.Certificate, nil
}

// says wants the link certificate to have one of the verdicts, and words.
func (o *ownHome) says(verdicts, words string) func() error {
	return func() error {
		s, err := o.d.Status()
		if err != nil {
			return err
		}
		if l := s.Link("certificate"); !slices.Contains(strings.Fields(verdicts), l.Status) || !strings.Contains(l.Summary+" "+l.Action, words) {
			return fmt.Errorf("the link certificate is %+v, not %s with %q", l, verdicts, words)
		}
		return nil
	}
}

// whole wants every link to pass.
func (o *ownHome) whole() error {
	for _, link := range allLinks {
		if err := o.d.WantLink(link, "pass")(); err != nil {
			return err
		}
	}
	return nil
}

// ca is the own CA's certificate from the shared folder, as clients want it.
func (o *ownHome) ca() *lab.CA { return &lab.CA{File: filepath.Join(o.dir, "ca.crt")} }

// works wants the client's message to arrive, from the sofa and from the street.
func (o *ownHome) works(ca *lab.CA) error {
	for _, from := range []*lab.Host{o.Phone, o.WAN} {
		if err := o.Publish(from, lab.DuckDNSName, ca); err != nil {
			return fmt.Errorf("from %s: %w", from.Name, err)
		}
	}
	return nil
}

// broker is where it listens.
var brokerAt = netip.AddrPortFrom(lab.NASAddr, lab.BrokerPort)

// served is the certificate that new connections get, of the newest kind of key.
func (o *ownHome) served() (*x509.Certificate, error) {
	raw, err := o.NAS.Dial(o.t.Context(), "tcp", brokerAt.String())
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(time.Minute))
	// Which certificate is served is the question, not whether it is good.
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	if err := conn.HandshakeContext(o.t.Context()); err != nil {
		return nil, err
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

// watchPairs reads combined.pem all along, until the test ends, and wants what is
// there to be a pair each time. It fails unless at least so many were seen.
func (o *ownHome) watchPairs(atLeast int) {
	stop, done := make(chan struct{}), make(chan struct{})
	seen := map[string]bool{}
	var reads int
	go func() {
		defer close(done)
		for {
			leaf, err := o.handed()
			switch {
			case err == nil:
				seen[string(leaf.Raw)] = true
				reads++
			case !errors.Is(err, fs.ErrNotExist) && !strings.Contains(err.Error(), "not a directory"):
				o.t.Errorf("combined.pem is no pair: %v", err)
				return
			}
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	o.t.Cleanup(func() {
		close(stop)
		<-done
		o.t.Logf("combined.pem was read %d times and was one of %d pairs", reads, len(seen))
		if len(seen) < atLeast {
			o.t.Errorf("only %d pairs were seen", len(seen))
		}
	})
}
