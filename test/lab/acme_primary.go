//go:build linux

package lab

// TXT records at the primary, and a second server for its zone that lags behind.

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// ProofKey may change the TXT records of the primary's zone, and nothing else.
const ProofKey = "proof-key"

// secondaryAddr is where the zone's second server is, in wan.
var secondaryAddr = netip.MustParseAddr("11.22.33.54")

const secondaryNS = "ns2.dyn.example.net."

// ProofSection is the [[certificate.acme.dns]] table by which edgeguard proves
// names in the primary's zone. It is for PrimaryName, as the [[ddns]] section is,
// whose key may write no proofs.
func (p *Primary) ProofSection(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, dir, "tsig-secret", p.proof+"\n")
	return fmt.Sprintf("[[certificate.acme.dns]]\nprovider = \"rfc2136\"\ndomain = %q\nzone = %q\nserver = %q\nuser = %q\nalgorithm = \"hmac-sha256\"\ntoken_file = %q\n",
		PrimaryName, PrimaryZone, PrimaryServer, ProofKey, filepath.Join(dir, "tsig-secret"))
}

// TXT are the TXT records of a name at the primary; none is no error.
func (p *Primary) TXT(name string) (texts []string, err error) {
	answer, err := p.host.Ask(PrimaryAddr, name, dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	for _, rr := range answer.Answer {
		if txt, ok := rr.(*dns.TXT); ok {
			texts = append(texts, strings.Join(txt.Txt, ""))
		}
	}
	return texts, nil
}

// Secondary is a second server of the primary's zone. Before Follow it has the
// zone as it was when it was started, and hears of no change.
type Secondary struct {
	primary *Primary
	dir     string
	run     *Process
}

// StartSecondary starts a second server for the zone and tells the world of it.
func (p *Primary) StartSecondary(t testing.TB, h *Home) *Secondary {
	t.Helper()
	h.addInternetAddress(t, secondaryAddr)
	delegation := []string{
		fmt.Sprintf("%s. %d IN NS %s", PrimaryZone, recordTTL, secondaryNS),
		fmt.Sprintf("%s %d IN A %s", secondaryNS, recordTTL, secondaryAddr),
	}
	m := new(dns.Msg).SetUpdate(dns.Fqdn(PrimaryZone))
	for _, text := range delegation {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		m.Insert([]dns.RR{rr})
	}
	if err := p.update(m, handKey, p.hand); err != nil {
		t.Fatal(err)
	}
	if err := h.dns.Insert(delegation...); err != nil {
		t.Fatal(err)
	}
	s := &Secondary{primary: p, dir: t.TempDir()}
	s.start(t, "")
	return s
}

// Follow has it take the zone over as it is, and every change from now on within
// seconds.
func (s *Secondary) Follow(t testing.TB) {
	t.Helper()
	s.run.Kill()
	s.start(t, "min-refresh-time 1; max-refresh-time 1;")
}

// start starts it with these options of the zone, and without a copy of it.
func (s *Secondary) start(t testing.TB, options string) {
	t.Helper()
	writeFile(t, s.dir, "named.conf", fmt.Sprintf(`options {
	directory "%s"; pid-file none; session-keyfile none; lock-file none;
	listen-on { %s; }; listen-on-v6 { none; }; recursion no; allow-query { any; };
	dnssec-validation no; empty-zones-enable no; notify no; max-cache-size 4m; querylog yes;
	transfer-source %[2]s;
};
controls { };
zone "%[3]s" { type secondary; masters { %[4]s; }; %[5]s };
`, s.dir, secondaryAddr, PrimaryZone, PrimaryAddr, options))
	s.run = s.primary.host.Start(t, "secondary", "named", "-g", "-4", "-n", "1", "-c", filepath.Join(s.dir, "named.conf"))
	Eventually(t, Patience, func() error {
		answer, err := s.primary.host.Ask(secondaryAddr, PrimaryZone, dns.TypeSOA)
		if err == nil && (answer.Rcode != dns.RcodeSuccess || !answer.Authoritative) {
			err = fmt.Errorf("the secondary does not serve its zone:\n%v", answer)
		}
		return err
	})
}

// Asked is how often it was asked for the TXT records of a name, before Follow or
// since.
func (s *Secondary) Asked(name string) (n int) {
	for line := range strings.Lines(s.run.Log()) {
		if strings.Contains(strings.ToLower(line), "query: "+name+" in txt") {
			n++
		}
	}
	return n
}
