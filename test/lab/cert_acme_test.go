//go:build linux

package lab_test

// The certificate from a public CA: the whole daemon, a real pebble on the lab's
// Internet, and a broker that serves what it is handed.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// acmeHome is a home with a public CA on its Internet, whose broker has no
// certificate yet.
type acmeHome struct {
	*lab.Home
	inet   *lab.Internet
	ca     *lab.ACME
	broker *lab.Broker
	folder string // that edgeguard and the broker share
}

func newACMEHome(t *testing.T, o lab.ACMEOptions, router ...string) *acmeHome {
	t.Helper()
	lab.Require(t)
	h := &acmeHome{Home: lab.New(t, lab.Options{}), folder: t.TempDir()}
	h.StartRouter(t, router...)
	h.inet = h.StartInternet(t)
	h.ca = h.StartACME(t, o)
	h.broker = h.HandedBroker(t, h.NAS, filepath.Join(h.folder, "combined.pem"))
	return h
}

// start starts the daemon. The lines are added to [certificate], the tables come
// after it.
func (h *acmeHome) start(t *testing.T, o lab.EdgeguardOptions, lines, tables string) *lab.Daemon {
	t.Helper()
	o.CAFile = h.ca.Root.File
	o.Config = h.EdgeguardConfig(t, o) + fmt.Sprintf(`
[certificate]
mode = "acme"
directory = %q
%s
[certificate.acme]
server = %q
ca_file = %q
%s`, h.folder, lines, lab.ACMEDirectory, h.CA.File, tables)
	return h.StartEdgeguard(t, o)
}

// bySignal are the lines by which edgeguard tells the broker itself. Another lab's
// broker has the same name, hence the file.
func (h *acmeHome) bySignal() string {
	return fmt.Sprintf("reload = \"signal\"\nreload_pid_file = %q\n", h.broker.PIDFile())
}

// works wants clients everywhere to reach the broker by name, with the CA's root.
func (h *acmeHome) works(name string) func() error {
	return func() error {
		for _, from := range []*lab.Host{h.Phone, h.WAN} {
			if err := h.Publish(from, name, h.ca.Root); err != nil {
				return fmt.Errorf("from %s: %w", from.Name, err)
			}
		}
		return nil
	}
}

// port80 is where the router leads port 80 of the public address; the zero
// AddrPort where it does not.
func (h *acmeHome) port80(t *testing.T) netip.AddrPort {
	t.Helper()
	for _, m := range h.Mappings(t) {
		if m.External == 80 && m.Protocol == "tcp" {
			return m.Internal
		}
	}
	return netip.AddrPort{}
}

// kept is what the daemon says of its certificate.
type kept struct {
	Phase string `json:"phase"`
	Held  *struct {
		Names  []string `json:"names"`
		Key    string   `json:"key"`
		SHA256 string   `json:"sha256"`
		SPKI   string   `json:"spki_sha256"`
	} `json:"held"`
	LastError string `json:"last_error"`
	Serving   []struct {
		State string `json:"state"`
	} `json:"serving"`
}

func keptBy(d *lab.Daemon) (k kept, err error) {
	s, err := d.Status()
	if err != nil {
		return k, err
	}
	all := struct{ Certificate *kept }{&k}
	err = json.Unmarshal(s.Raw, &all)
	return k, err
}

// serves wants the broker to serve another certificate than the one before, good
// for name, and the daemon to have read it back. It returns it.
func (h *acmeHome) serves(t *testing.T, d *lab.Daemon, name, before string) (now kept) {
	t.Helper()
	lab.Eventually(t, 2*lab.Patience, func() (err error) {
		now, err = keptBy(d)
		switch {
		case err != nil:
			return err
		case now.Held == nil || now.Held.SHA256 == before:
			return fmt.Errorf("no new certificate is held: %+v", now)
		case now.Phase != "kept" || len(now.Serving) != 1 || now.Serving[0].State != "yes":
			return fmt.Errorf("the broker does not serve it yet: %+v", now)
		}
		return nil
	})
	got, err := h.NAS.Served(h.broker.Addr.String(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.ca.Certify(got.PeerCertificates, name); err != nil {
		t.Errorf("what is served is not good: %v", err)
	}
	if sum := fingerprint(got.PeerCertificates[0]); sum != now.Held.SHA256 {
		t.Errorf("%s is served, but the daemon says that it reads %s back", sum, now.Held.SHA256)
	}
	return now
}

// fails wants the link to say that there is no certificate, with these words.
func fails(d *lab.Daemon, words string) func() error {
	return func() error {
		if err := d.WantLink("certificate", "fail")(); err != nil {
			return err
		}
		return saysOne(d, "certificate", words)()
	}
}

// A home of the usual kind, from nothing: the CA is down at first, the NAS asks its
// own DNS server, which has the home's view, and a session outlives a renewal.
func TestACMEDuckDNSFromNothing(t *testing.T) {
	t.Parallel() // it waits more than it works
	const name = lab.DuckDNSName
	h := newACMEHome(t, lab.ACMEOptions{Down: true})
	h.NAS.SetResolver(t, lab.NASAddr)
	questions := h.NAS.CountChallengeQuestions(t)
	d := h.start(t, lab.EdgeguardOptions{Provider: "duckdns"}, h.bySignal(), "")
	lab.Eventually(t, lab.Patience, fails(d, "could not be reached"))

	h.ca.Open(t)
	h.broker.StartHanded(t)
	first := h.serves(t, d, name, "")
	lab.Eventually(t, lab.Patience, h.works(name))
	for _, link := range []string{"wan", "ddns", "forward", "broker", "certificate", "hairpin", "dns", "clients"} {
		lab.Eventually(t, lab.Patience, d.WantLink(link, "pass"))
	}
	if first.Held.Key != "rsa-2048" {
		t.Errorf("the key is %s by default", first.Held.Key)
	}
	if text := h.inet.DuckDNS.TXT(name); text != "" {
		t.Errorf("the proof %q was left at the provider", text)
	}

	live := h.Subscribe(t, h.Phone, name, h.ca.Root)
	if code, out := d.Run(t, "cert", "renew"); code != 0 {
		t.Fatalf("cert renew: %d\n%s", code, out)
	}
	second := h.serves(t, d, name, first.Held.SHA256)
	if second.Held.SPKI != first.Held.SPKI {
		t.Error("the renewal changed the key, by which devices may know the broker")
	}
	lab.Eventually(t, lab.Patience, h.works(name))
	lab.Eventually(t, lab.Patience, livesOn(live))

	// The phone is answered with the address at home, and nothing of the look-ups
	// for the certificate came that way.
	if err := h.Phone.WantA(lab.NASAddr, name, lab.NASAddr)(); err != nil {
		t.Error(err)
	}
	if n := questions(); n != 0 {
		t.Errorf("%d questions about challenges came to our own server", n)
	}
	if _, err := h.NAS.Ask(lab.NASAddr, "_acme-challenge."+name, 16); err != nil {
		t.Error(err)
	}
	if questions() == 0 {
		t.Error("the kernel did not count a question of the test's own: this test proves nothing")
	}
	noToken(t, &house{Home: h.Home}, d, lab.DuckDNSToken)
}

// livesOn wants a client to have got a message without having connected twice.
func livesOn(p *lab.Process) func() error {
	return func() error {
		switch log := p.Log(); {
		case p.Ended():
			return errors.New("the session has ended: " + log)
		case count(log, "sending CONNECT") != 1:
			return errors.New("the client has connected anew: " + log)
		case count(log, "received PUBLISH") == 0:
			return errors.New("the client got no message: " + log)
		}
		return nil
	}
}
