//go:build linux

package certkill

// The home in which all happens.

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// rig is one home with a daemon that is killed.
type rig struct {
	*lab.Home
	readers
	challenge string
	front     *front
	primary   *lab.Primary // of dns-01
	dns       *lab.Internet
	d         *lab.Daemon
	rand      *rand.Rand
	config    string
	broker    string // the folder shared with it
	address   netip.AddrPort
	stopWatch func()

	whole  time.Duration  // how long one takes undisturbed
	number int            // of the names so far
	wanted map[string]int // certificates, by name
	kills  map[string]int // by the step that was reached
}

// newRig starts everything, and waits until a first certificate is served.
func newRig(t *testing.T, challenge string, seed uint64) *rig {
	t.Helper()
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartRouter(t, "allow 80 0.0.0.0/0 1024-65535") // for http-01
	r := &rig{
		Home: h, challenge: challenge, rand: rand.New(rand.NewPCG(seed, uint64(len(challenge)))),
		dns: h.StartInternet(t), broker: t.TempDir(), address: netip.AddrPortFrom(lab.NASAddr, lab.BrokerPort),
		wanted: map[string]int{}, kills: map[string]int{},
	}
	r.wrong = map[string]int{}
	asks, ddns := lab.InternetAddr, ""
	if challenge == "dns-01" {
		r.primary = h.StartPrimary(t)
		asks, ddns = lab.PrimaryAddr, r.primary.Section(t, lab.PrimaryServer, r.primary.Secret)
	}
	r.front = newFront(t, h, asks)
	pid := filepath.Join(t.TempDir(), "mosquitto.pid")
	text := h.EdgeguardConfig(t, lab.EdgeguardOptions{DDNS: ddns, Broker: r.address})
	if challenge == "dns-01" { // who says at once that a name is not there does not remember it
		text = strings.Replace(text, fmt.Sprintf("upstreams = [%q]", lab.InternetAddr), fmt.Sprintf("upstreams = [%q]", lab.PrimaryAddr), 1)
	}
	r.config = text + fmt.Sprintf(`
[certificate]
mode = "acme"
key = "ecdsa-p256"
new_key = true
names = [%%q]
directory = %q
reload = "signal"
reload_pid_file = %q

[certificate.acme]
server = %q
ca_file = %q
challenge = %q
`, r.broker, pid, r.front.url, h.CA.File, challenge)
	first := r.newName(t)
	begun := time.Now()
	r.d = h.StartEdgeguard(t, lab.EdgeguardOptions{Config: fmt.Sprintf(r.config, first)})
	lab.Eventually(t, 3*lab.Patience, func() error {
		if r.d.Ended() {
			t.Fatal("the daemon has ended")
		}
		_, err := leafOf(r.combined(), r.combined())
		return err
	})
	r.whole = time.Since(begun)
	r.startBroker(t, pid)
	lab.Eventually(t, lab.Patience, func() error { return r.isServed(nil) })
	return r
}

// startBroker starts a mosquitto that reads what is handed over.
func (r *rig) startBroker(t *testing.T, pid string) {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("user root\npid_file %s\nlog_dest stderr\nallow_anonymous true\nlistener %d %s\ncertfile %s\nkeyfile %s\n",
		pid, r.address.Port(), r.address.Addr(), r.combined(), r.combined())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.NAS.Start(t, "mosquitto", "mosquitto", "-c", conf)
}

func (r *rig) combined() string { return filepath.Join(r.broker, "combined.pem") }
func (r *rig) current() string  { return filepath.Join(r.d.StateDir, "cert", "current.pem") }
func (r *rig) renew() string    { return filepath.Join(r.d.StateDir, "cert", "renew") }

// newName is a name that no certificate was wanted for, and that leads home.
func (r *rig) newName(t *testing.T) string {
	t.Helper()
	r.number++
	name := fmt.Sprintf("k%d.%s", r.number, lab.PrimaryName)
	if r.challenge == "http-01" {
		name = fmt.Sprintf("k%d.example.org", r.number)
		if err := r.dns.DNS.SetA(name, lab.WANAddr); err != nil {
			t.Fatal(err)
		}
	}
	r.wanted[name] = 1
	return name
}

// held is the leaf that is held, in DER.
func (r *rig) held() []byte {
	leaf, _ := leafOf(r.current(), r.current()) // what is wrong with it, the readers say
	return leaf
}

// isServed wants the broker to serve what is held, and that to be another than
// before.
func (r *rig) isServed(before []byte) error {
	held := r.held()
	served, err := r.served()
	switch {
	case err != nil:
		return err
	case held == nil || bytes.Equal(held, before):
		return errors.New("no new certificate is held")
	case !bytes.Equal(held, served):
		return errors.New("the broker serves another certificate than the one that is held")
	}
	return nil
}

// names are those of a leaf.
func names(der []byte) []string {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return c.DNSNames
}

// served is the last step.
const served = "8 served"

// step is how far the certificate is on its way.
func (r *rig) step(before []byte) string {
	held := r.held()
	if !bytes.Equal(held, before) {
		text, _ := os.ReadFile(r.combined())
		given, _ := pem.Decode(text)
		if given == nil || !bytes.Equal(given.Bytes, held) {
			return "6 saved, not handed over"
		}
		if served, err := r.served(); err != nil || !bytes.Equal(served, held) {
			return "7 handed over, not served"
		}
		return served
	}
	step := "1 before the order"
	for i, s := range []string{"order", "challenge", "finalize", "download"} {
		if r.front.asked(s) {
			step = []string{"2 ordered", "3 proving", "4 finalizing", "5 downloaded, not saved"}[i]
		}
	}
	return step
}
