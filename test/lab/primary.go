//go:build linux

package lab

// A real DDNS provider for RFC 2136: a BIND of its own that is the primary of
// one zone, lets a TSIG key (RFC 8945) change the home's name in it, and is the
// authority that the world is sent to for it.

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Where the primary is, in wan, and what it keeps.
var (
	PrimaryAddr = netip.MustParseAddr("11.22.33.53")
	// PrimaryServer and PrimarySidePort are where it takes questions and
	// updates. The second is out of reach of who takes port 53 away.
	PrimaryServer   = netip.AddrPortFrom(PrimaryAddr, 53)
	PrimarySidePort = netip.AddrPortFrom(PrimaryAddr, 5353)
)

const (
	// PrimaryZone is the zone, and PrimaryName the home's name in it.
	PrimaryZone = "dyn.example.net"
	PrimaryName = "home.dyn.example.net"
	// PrimaryKey may change the A, AAAA and TXT records of PrimaryName and
	// *.PrimaryName, and nothing else.
	PrimaryKey = "home-key"

	primaryNS = "ns.dyn.example.net."
	handKey   = "by-hand." // may change all
)

// Primary is the server, over all its restarts.
type Primary struct {
	// Secret is that of PrimaryKey, in base64; hmac-sha256.
	Secret string

	host *Host
	dir  string
	hand string // secret of handKey
	// proof is the secret of ProofKey.
	proof string
	runs  []*Process // the last is the newest
}

// StartPrimary starts the primary, delegates its zone to it, and waits until
// it answers. The public DNS must run.
func (h *Home) StartPrimary(t testing.TB) *Primary {
	t.Helper()
	if h.dns == nil {
		t.Fatal("StartPrimary needs StartPublicDNS first")
	}
	h.addInternetAddress(t, PrimaryAddr)
	p := &Primary{host: h.WAN, dir: t.TempDir(), Secret: tsigSecret(), hand: tsigSecret(), proof: tsigSecret()}
	err := h.dns.Insert(
		fmt.Sprintf("%s. %d IN NS %s", PrimaryZone, recordTTL, primaryNS),
		fmt.Sprintf("%s %d IN A %s", primaryNS, recordTTL, PrimaryAddr))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, p.dir, "named.conf", fmt.Sprintf(`options {
	directory "%[1]s"; pid-file none; session-keyfile none; lock-file none;
	listen-on port 53 { %[2]s; }; listen-on port 5353 { %[2]s; }; listen-on-v6 { none; };
	recursion no; allow-query { any; }; allow-transfer { %[11]s; };
	dnssec-validation no; empty-zones-enable no; notify no; max-cache-size 4m;
};
controls { };
key "%[3]s" { algorithm hmac-sha256; secret "%[4]s"; };
key "%[5]s" { algorithm hmac-sha256; secret "%[6]s"; };
key "%[9]s" { algorithm hmac-sha256; secret "%[10]s"; };
zone "%[7]s" {
	type primary; file "dyn.zone";
	update-policy { grant %[5]s zonesub ANY; grant %[9]s zonesub TXT; grant %[3]s subdomain %[8]s A AAAA TXT; };
};
`, p.dir, PrimaryAddr, PrimaryKey, p.Secret, handKey, p.hand, PrimaryZone, PrimaryName,
		ProofKey, p.proof, secondaryAddr))
	writeFile(t, p.dir, "dyn.zone", fmt.Sprintf("$TTL %d\n@ SOA %s hostmaster.example.net. 1 3600 600 86400 %d\n@ NS %s\nns A %s\n",
		recordTTL, primaryNS, recordTTL, primaryNS, PrimaryAddr))
	p.Start(t)
	return p
}

func tsigSecret() string {
	key := make([]byte, 32)
	rand.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}

// Start starts the primary, for the first time or again after Kill, with the
// zone as it was, and waits until it answers.
func (p *Primary) Start(t testing.TB) {
	t.Helper()
	p.start(t)
	Eventually(t, Patience, func() error {
		answer, err := p.host.Ask(PrimaryAddr, PrimaryZone, dns.TypeSOA)
		if err == nil && (answer.Rcode != dns.RcodeSuccess || !answer.Authoritative) {
			err = fmt.Errorf("the primary does not serve its zone:\n%v", answer)
		}
		return err
	})
}

func (p *Primary) start(t testing.TB) {
	t.Helper()
	p.runs = append(p.runs, p.host.Start(t, "primary", "named", "-g", "-4", "-n", "2", "-c", filepath.Join(p.dir, "named.conf")))
}

// Kill ends the primary as a crash does. Its address stays, so that whoever
// asks meets a closed port.
func (p *Primary) Kill() { p.runs[len(p.runs)-1].Kill() }

// Break restarts the primary with a zone that it cannot load: it answers
// SERVFAIL to every question and update. Mend ends that, with the zone as it
// was.
func (p *Primary) Break(t testing.TB) {
	t.Helper()
	p.move(t, "dyn.zone", "dyn.zone.kept")
	writeFile(t, p.dir, "dyn.zone", "this is no zone\n")
	p.start(t)
	Eventually(t, Patience, func() error {
		answer, err := p.host.Ask(PrimaryAddr, PrimaryZone, dns.TypeSOA)
		if err == nil && answer.Rcode != dns.RcodeServerFailure {
			err = fmt.Errorf("the broken primary answers %s", dns.RcodeToString[answer.Rcode])
		}
		return err
	})
}

// Mend undoes Break.
func (p *Primary) Mend(t testing.TB) {
	t.Helper()
	p.move(t, "dyn.zone.kept", "dyn.zone")
	p.Start(t)
}

// move ends the primary, so that it writes its zone out, and renames the file.
func (p *Primary) move(t testing.TB, from, to string) {
	t.Helper()
	if _, err := p.runs[len(p.runs)-1].Stop(Patience); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(p.dir, from), filepath.Join(p.dir, to)); err != nil {
		t.Fatal(err)
	}
}

// Records are the addresses of a name as the primary serves them, in order.
// rtype is dns.TypeA or dns.TypeAAAA; none is no error.
func (p *Primary) Records(name string, rtype uint16) ([]netip.Addr, error) {
	answer, err := p.host.Ask(PrimaryAddr, name, rtype)
	if err != nil {
		return nil, err
	}
	if answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("the primary answered %s for %s", dns.RcodeToString[answer.Rcode], name)
	}
	var addrs []netip.Addr
	for _, rr := range answer.Answer {
		switch v := rr.(type) {
		case *dns.A:
			addr, _ := netip.AddrFromSlice(v.A.To4())
			addrs = append(addrs, addr)
		case *dns.AAAA:
			addr, _ := netip.AddrFromSlice(v.AAAA)
			addrs = append(addrs, addr)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs, nil
}

// Want returns a check for Eventually: the name has these addresses of their
// family and no others; none means no record of that type.
func (p *Primary) Want(name string, rtype uint16, want ...netip.Addr) func() error {
	return func() error {
		got, err := p.Records(name, rtype)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("the primary has %v as %s of %s, want %v", got, dns.TypeToString[rtype], name, want)
		}
		return err
	}
}

// Edit replaces a name's records of a type as a person does by hand; none
// deletes them. It is in force when Edit returns.
func (p *Primary) Edit(t testing.TB, name string, rtype uint16, addrs ...netip.Addr) {
	t.Helper()
	m := new(dns.Msg).SetUpdate(dns.Fqdn(PrimaryZone))
	m.RemoveRRset([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: dns.Fqdn(name), Rrtype: rtype}}})
	m.Insert(addressRecords(dns.Fqdn(name), addrs))
	if err := p.update(m, handKey, p.hand); err != nil {
		t.Fatal(err)
	}
}

// addressRecords are the A and AAAA records of a name.
func addressRecords(name string, addrs []netip.Addr) (rrs []dns.RR) {
	for _, addr := range addrs {
		hdr := dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: recordTTL}
		if addr.Is4() {
			rrs = append(rrs, &dns.A{Hdr: hdr, A: net.IP(addr.AsSlice())})
			continue
		}
		hdr.Rrtype = dns.TypeAAAA
		rrs = append(rrs, &dns.AAAA{Hdr: hdr, AAAA: net.IP(addr.AsSlice())})
	}
	return rrs
}

// update sends a signed update.
func (p *Primary) update(m *dns.Msg, key, secret string) error {
	m.SetTsig(dns.Fqdn(key), dns.HmacSHA256, 300, time.Now().Unix())
	answer, err := p.host.exchange(m, "tcp", PrimaryAddr, map[string]string{dns.Fqdn(key): secret})
	if err == nil && answer.Rcode != dns.RcodeSuccess {
		err = errors.New("it answered " + dns.RcodeToString[answer.Rcode])
	}
	if err != nil {
		return fmt.Errorf("updating the primary: %w", err)
	}
	return nil
}

// Updates is how many updates signed with PrimaryKey the primary has been sent,
// refused ones too, by its own log: it writes a line for each change asked for,
// with the port that the update came from, and each update has its own.
func (p *Primary) Updates() int {
	from := map[string]bool{}
	for i, run := range p.runs {
		for line := range strings.Lines(run.Log()) {
			before, after, found := strings.Cut(line, "/key "+PrimaryKey+": ")
			if found && strings.HasPrefix(after, "updating zone") {
				from[fmt.Sprint(i, before[strings.Index(before, "client"):])] = true
			}
		}
	}
	return len(from)
}

// Forged is how many requests under the name of PrimaryKey the primary took for
// forged.
func (p *Primary) Forged() (n int) {
	for _, run := range p.runs {
		n += strings.Count(run.Log(), "request has invalid signature: TSIG "+PrimaryKey)
	}
	return n
}

// Section is the [[ddns]] section by which edgeguard keeps PrimaryName at the
// primary. The types default to A.
func (p *Primary) Section(t testing.TB, server netip.AddrPort, secret string, types ...string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, dir, "tsig-secret", secret+"\n")
	text := fmt.Sprintf("[[ddns]]\nprovider   = \"rfc2136\"\ndomain     = %q\nzone       = %q\nserver     = %q\nuser       = %q\nalgorithm  = \"hmac-sha256\"\ntoken_file = %q\n",
		PrimaryName, PrimaryZone, server, PrimaryKey, filepath.Join(dir, "tsig-secret"))
	if len(types) > 0 {
		text += fmt.Sprintf("types      = [\"%s\"]\n", strings.Join(types, `", "`))
	}
	return text
}
