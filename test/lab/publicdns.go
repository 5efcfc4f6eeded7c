//go:build linux

package lab

// The public DNS: one BIND that is the authority for every zone of the lab's
// internet, the root too, and the resolver that the home's provider offers.

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
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	nameServer = "ns1.example.net." // of every zone
	tsigName   = "lab."
	// recordTTL is the TTL of every record, in seconds: short, so that a test
	// of a change does not wait for caches.
	recordTTL = 5
)

// publicZones are the zones that always exist. A name in none of the deeper
// ones does not exist, as the root says.
var publicZones = []string{
	".", "com.", "net.", "org.",
	"cloudflare.com.", "duckdns.org.", "example.com.", "example.net.", "example.org.",
}

// publicNames are the names that always exist.
var publicNames = map[string]netip.Addr{
	nameServer:            InternetAddr,
	"duckdns.org.":        ProvidersAddr,
	"www.duckdns.org.":    ProvidersAddr,
	"api.cloudflare.com.": ProvidersAddr,
	EchoName + ".":        ElsewhereAddr,
	"www.example.com.":    ElsewhereAddr,
	"www.example.org.":    ElsewhereAddr,
}

// PublicDNS is the running server. It listens on InternetAddr, port 53.
type PublicDNS struct {
	*Process

	host   *Host
	dir    string
	zones  []string
	signed []string
	secret string // TSIG, base64
}

// StartPublicDNS starts the public DNS and waits until it answers. The zones
// are added to the ones that every lab has.
func (h *Home) StartPublicDNS(t testing.TB, zones ...string) *PublicDNS {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	d := &PublicDNS{host: h.WAN, dir: t.TempDir(), secret: base64.StdEncoding.EncodeToString(key)}
	d.zones = slices.Clone(publicZones)
	for _, z := range zones {
		d.zones = append(d.zones, dns.CanonicalName(z))
	}
	if err := errors.Join(d.writeZones(), d.configure()); err != nil {
		t.Fatalf("configuring the public DNS: %v", err)
	}
	d.Process = h.WAN.Start(t, "named", "named", "-g", "-4", "-n", "2", "-c", filepath.Join(d.dir, "named.conf"))
	d.WaitLog(t, Patience, "all zones loaded")
	for _, zone := range d.zones {
		Eventually(t, Patience, func() error { return d.serves(zone) })
	}
	h.dns = d
	return d
}

// serves reports whether the server is the authority for a zone by now. Zones
// load one after the other, and one that has not refuses updates, too.
func (d *PublicDNS) serves(zone string) error {
	answer, err := d.host.Ask(InternetAddr, zone, dns.TypeSOA)
	if err == nil && (answer.Rcode != dns.RcodeSuccess || !answer.Authoritative) {
		err = fmt.Errorf("the public DNS does not serve the zone %s:\n%v", zone, answer)
	}
	return err
}

// configure writes named.conf.
func (d *PublicDNS) configure() error {
	var conf strings.Builder
	fmt.Fprintf(&conf, `options {
	directory "%s"; pid-file none; session-keyfile none; lock-file none;
	listen-on { %s; }; listen-on-v6 { none; }; recursion yes;
	allow-query { any; }; allow-recursion { any; }; allow-transfer { none; };
	dnssec-validation no; empty-zones-enable no; notify no; max-cache-size 16m;
};
controls { };
key "%s" { algorithm hmac-sha256; secret "%s"; };
`, d.dir, InternetAddr, tsigName, d.secret)
	for i, zone := range d.zones {
		policy := ""
		if slices.Contains(d.signed, zone) {
			policy = "dnssec-policy default;"
		}
		fmt.Fprintf(&conf, "zone \"%s\" { type primary; file \"%s\"; allow-update { key \"%s\"; }; %s };\n", zone, zoneName(i), tsigName, policy)
	}
	return os.WriteFile(filepath.Join(d.dir, "named.conf"), []byte(conf.String()), 0o600)
}

// writeZones writes the zone files.
func (d *PublicDNS) writeZones() error {
	for i, zone := range d.zones {
		if err := os.WriteFile(filepath.Join(d.dir, zoneName(i)), []byte(d.zoneFile(zone)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func zoneName(i int) string { return fmt.Sprintf("%d.zone", i) }

// Sign makes the server sign one of its zones, and returns the zone's public
// key signing key once all is signed. The zone above says nothing of it.
func (d *PublicDNS) Sign(t testing.TB, zone string) *dns.DNSKEY {
	t.Helper()
	d.signed = append(d.signed, dns.CanonicalName(zone))
	if err := errors.Join(d.configure(), d.Signal(syscall.SIGHUP)); err != nil {
		t.Fatalf("signing %s: %v", zone, err)
	}
	var key *dns.DNSKEY
	Eventually(t, Patience, func() error {
		m := new(dns.Msg).SetQuestion(dns.Fqdn(zone), dns.TypeDNSKEY).SetEdns0(4096, true)
		answer, err := d.host.exchange(m, "tcp", InternetAddr, nil)
		if err != nil {
			return err
		}
		signed := false
		for _, rr := range answer.Answer {
			switch v := rr.(type) {
			case *dns.DNSKEY:
				key = v
			case *dns.RRSIG:
				signed = true
			}
		}
		if key == nil || !signed {
			return fmt.Errorf("%s is not signed yet: %v", zone, answer)
		}
		return nil
	})
	return key
}

// zoneFile writes a zone: its own records, its delegations, and the glue.
func (d *PublicDNS) zoneFile(zone string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "$TTL %d\n%s SOA %s hostmaster.example.net. 1 3600 600 86400 %d\n%s NS %s\n",
		recordTTL, zone, nameServer, recordTTL, zone, nameServer)
	for _, child := range d.zones {
		if child != zone && d.zoneOf(parent(child)) == zone {
			fmt.Fprintf(&b, "%s NS %s\n", child, nameServer)
		}
	}
	for name, addr := range publicNames {
		if d.zoneOf(name) == zone || name == nameServer && dns.IsSubDomain(zone, name) {
			fmt.Fprintf(&b, "%s A %s\n", name, addr)
		}
	}
	return b.String()
}

// zoneOf returns the deepest zone that holds a name.
func (d *PublicDNS) zoneOf(name string) string {
	best := "."
	for _, z := range d.zones {
		if dns.IsSubDomain(z, name) && len(z) > len(best) {
			best = z
		}
	}
	return best
}

// parent returns the name above; the root is above itself.
func parent(name string) string {
	next, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[next:]
}

// SetA replaces a name's A records; none removes them. The change is in force
// when it returns. It may be called from any goroutine.
func (d *PublicDNS) SetA(name string, addrs ...netip.Addr) error {
	name = dns.CanonicalName(name)
	m := new(dns.Msg).SetUpdate(d.zoneOf(name))
	m.RemoveRRset([]dns.RR{&dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA}}})
	var rrs []dns.RR
	for _, addr := range addrs {
		rrs = append(rrs, &dns.A{
			Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: recordTTL},
			A:   net.IP(addr.AsSlice()),
		})
	}
	m.Insert(rrs)
	return d.update(m)
}

// SetTXT replaces the TXT records of names, which lie in one zone, all with the
// same texts; none removes them. It is in force when it returns.
func (d *PublicDNS) SetTXT(names []string, texts ...string) error {
	m := new(dns.Msg).SetUpdate(d.zoneOf(dns.CanonicalName(names[0])))
	for _, name := range names {
		header := dns.RR_Header{Name: dns.CanonicalName(name), Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: recordTTL}
		m.RemoveRRset([]dns.RR{&dns.TXT{Hdr: header}})
		for _, text := range texts {
			m.Insert([]dns.RR{&dns.TXT{Hdr: header, Txt: []string{text}}})
		}
	}
	return d.update(m)
}

// Insert adds records of any type, in presentation format
// ("_mqtt.example.org. 5 IN SRV …"), all in one zone.
func (d *PublicDNS) Insert(records ...string) error {
	var rrs []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil || rr == nil {
			return fmt.Errorf("reading the record %q: %v", text, err)
		}
		rrs = append(rrs, rr)
	}
	if len(rrs) == 0 {
		return nil
	}
	m := new(dns.Msg).SetUpdate(d.zoneOf(dns.CanonicalName(rrs[0].Header().Name)))
	m.Insert(rrs)
	return d.update(m)
}

// update sends a signed dynamic update (RFC 2136, RFC 8945).
func (d *PublicDNS) update(m *dns.Msg) error {
	m.SetTsig(tsigName, dns.HmacSHA256, 300, time.Now().Unix())
	answer, err := d.host.exchange(m, "tcp", InternetAddr, map[string]string{tsigName: d.secret})
	if err != nil {
		return fmt.Errorf("updating the public DNS: %w", err)
	}
	if answer.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("updating the public DNS: it answered %s", dns.RcodeToString[answer.Rcode])
	}
	return nil
}
