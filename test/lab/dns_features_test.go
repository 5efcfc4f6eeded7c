//go:build linux

package lab_test

// What the DNS server does beside its main job, in a whole home: names of the
// user's own, answers that outlive their time and a restart, and what is not
// let in.

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/test/lab"
)

// liarHome is a home whose only upstream is an honest liar.
func liarHome(t *testing.T, dnsLines string) (*house, *lab.Liar, *lab.Daemon) {
	t.Helper()
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	h.StartPublicDNS(t)
	liar := h.StartLiar(t, h.WAN, lab.LiarAddr)
	return h, liar, h.start(t, fmt.Sprintf("upstreams = [%q]\n%s", lab.LiarAddr, dnsLines))
}

// A name whose time is over is answered while upstream is silent, with the
// short life that RFC 8767 gives such answers.
func TestExpiredNamesAreAnsweredWhileTheWorldIsGone(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, liar, _ := liarHome(t, "")
	liar.SetTTL(2)
	if err := wantFrom(h, "short.example.com", lab.LiarAnswer); err != nil {
		t.Fatal(err)
	}
	liar.Tell(lab.Silent)
	h.CutWAN(t)
	lab.Eventually(t, lab.Patience, func() error {
		answer, err := h.Phone.Exchange(question("short.example.com", dns.TypeA), "udp", lab.NASAddr, askLimit)
		if err := wantAddr(answer, err, lab.LiarAnswer); err != nil {
			t.Fatalf("a name that was known is lost: %v", err)
		}
		if ttl := answer.Answer[0].Header().Ttl; ttl <= 2 {
			return fmt.Errorf("it is not past its time yet, its TTL is %d", ttl)
		} else if ttl > 30 {
			t.Fatalf("the TTL of a stale answer is %d", ttl)
		}
		return nil
	})
	if answer, err := h.Phone.Exchange(question("never.example.com", dns.TypeA), "udp", lab.NASAddr, askLimit); err != nil || answer.Rcode != dns.RcodeServerFailure {
		t.Errorf("a name that was never known: %v\n%v", err, answer)
	}
	liar.SetTTL(300)
	liar.Tell(lab.Honest)
	h.MendWAN(t)
	lab.Eventually(t, lab.Patience, func() error {
		answer, err := h.Phone.Exchange(question("short.example.com", dns.TypeA), "udp", lab.NASAddr, askLimit)
		if err == nil && (len(answer.Answer) != 1 || answer.Answer[0].Header().Ttl <= 30) {
			err = fmt.Errorf("still stale: %v", answer)
		}
		return err
	})
}

// The power comes back before the line does.
func TestKnownNamesOutliveAPowerCut(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, liar, d := liarHome(t, "")
	for _, name := range []string{"one.example.com", "two.example.com"} {
		if err := wantFrom(h, name, lab.LiarAnswer); err != nil {
			t.Fatal(err)
		}
	}
	d.Stop(t)
	h.CutWAN(t)
	liar.Tell(lab.Silent)
	d.Start(t)
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, h.name, lab.NASAddr))
	for _, name := range []string{"one.example.com", "TWO.example.com"} {
		if err := wantFrom(h, name, lab.LiarAnswer); err != nil {
			t.Errorf("after a restart without a line: %v", err)
		}
	}
	h.MendWAN(t)
}

// The letters of a question are spelled by lot towards upstream, which a forger
// would have to guess (0x20), and come back to the client as it wrote them. A
// server that does not keep them is understood all the same.
func TestUpstreamQuestionsAreSpelledByLot(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, liar, _ := liarHome(t, "")
	mixed := false
	for i := range 8 { // by chance none is mixed once in 2^180 times
		name := fmt.Sprintf("sPelled%d.By.Lot.example.COM", i)
		answer, err := h.Phone.Exchange(question(name, dns.TypeA), "udp", lab.NASAddr, askLimit)
		if err := wantAddr(answer, err, lab.LiarAnswer); err != nil {
			t.Fatal(err)
		}
		if answer.Question[0].Name != name+"." || answer.Answer[0].Header().Name != name+"." {
			t.Errorf("the client wrote %s and gets %v", name, answer)
		}
		got := liar.Last()
		if !strings.EqualFold(got, name+".") {
			t.Fatalf("upstream was asked for %s, not %s", got, name)
		}
		mixed = mixed || got != strings.ToLower(got) && got != name+"."
	}
	if !mixed {
		t.Error("no question was spelled by lot")
	}
	liar.Tell(lab.LowerCase)
	if err := wantFrom(h, "old-server.example.com", lab.LiarAnswer); err != nil {
		t.Errorf("from a server that writes small letters: %v", err)
	}
}

// Names of the user's own, asked by dig as a user would look at them.
func TestOwnRecords(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := answering(t, `
[[dns.record]]
name = "nas.home.example"
type = "A"
value = "192.168.77.10"

[[dns.record]]
name = "nas.home.example"
type = "AAAA"
value = "fd00:77::10"

[[dns.record]]
name = "files.home.example"
type = "CNAME"
value = "nas.home.example"

[[dns.record]]
name = "192.168.77.99"
type = "PTR"
value = "camera.home.example"

[[dns.record]]
name = "note.home.example"
type = "TXT"
value = "hello from home"
ttl_seconds = 300

[[dns.record]]
name = "_mqtt._tcp.home.example"
type = "SRV"
value = ["0 5 8883 mqtt.example.org"]
`)
	for _, want := range []struct{ name, qtype, text string }{
		{"nas.home.example", "A", "192.168.77.10"},
		{"NAS.home.example", "AAAA", "fd00:77::10"},
		{"files.home.example", "A", "192.168.77.10"},
		{"99.77.168.192.in-addr.arpa", "PTR", "camera.home.example."},
		{"note.home.example", "TXT", `"hello from home"`},
		{"_mqtt._tcp.home.example", "SRV", "0 5 8883 mqtt.example.org."},
	} {
		for _, way := range []string{"+notcp", "+tcp"} {
			out, err := h.Phone.Dig("@"+lab.NASAddr.String(), way, "+short", want.name, want.qtype)
			if err != nil || !strings.Contains(out, want.text) {
				t.Errorf("dig %s %s %s is %q, %v, not %s", way, want.name, want.qtype, out, err, want.text)
			}
		}
	}
	// Such a name is never denied, and its other types are not asked of the
	// world, which denies it.
	for _, qtype := range []uint16{dns.TypeAAAA, dns.TypeHTTPS, dns.TypeMX} {
		answer, err := h.Phone.Ask(lab.NASAddr, "note.home.example", qtype)
		if err != nil || answer.Rcode != dns.RcodeSuccess || len(answer.Answer) != 0 {
			t.Errorf("%s of a name with a TXT record: %v\n%v", dns.TypeToString[qtype], err, answer)
		}
	}
	if got, err := h.Phone.Getent("files.home.example"); err != nil || len(got) == 0 || got[0] != lab.NASAddr && got[0] != netip.MustParseAddr("fd00:77::10") {
		t.Errorf("glibc says that files.home.example is %v, %v", got, err)
	}
}

// A name of the world that leads into the house is how a web page gets at the
// router: what leads there is not passed on, in whatever record it hides.
func TestForeignNamesDoNotLeadIntoTheHouse(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := answering(t, "rebind_allow = [\"friend.example.com\"]\n",
		"evil.example.com. 300 IN A 192.168.77.1", "evil.example.com. 300 IN AAAA fd00::1",
		"evil.example.com. 300 IN HTTPS 1 . ipv4hint=192.168.77.1",
		"way.example.com. 300 IN CNAME evil.example.com.",
		"loop.example.com. 300 IN A 127.0.0.1",
		"nas.friend.example.com. 300 IN A 192.168.77.10")
	for range 2 { // from upstream, then from the cache
		for _, name := range []string{"evil.example.com", "way.example.com", "loop.example.com"} {
			for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS} {
				answer, err := h.Phone.Ask(lab.NASAddr, name, qtype)
				if err != nil || answer.Rcode == dns.RcodeServerFailure {
					t.Errorf("%s %s: %v\n%v", name, dns.TypeToString[qtype], err, answer)
					continue
				}
				for _, rr := range answer.Answer {
					if rr.Header().Rrtype == qtype {
						t.Errorf("%s is let in: %v", name, rr)
					}
				}
			}
		}
	}
	if err := h.Phone.WantA(lab.NASAddr, "nas.friend.example.com", lab.NASAddr)(); err != nil {
		t.Errorf("an exempted name: %v", err)
	}
	if err := h.Phone.WantA(lab.NASAddr, h.name, lab.NASAddr)(); err != nil {
		t.Errorf("our own name, which leads into the house: %v", err)
	}
}

// The records of the home's own name change at the provider with the address.
// What was kept of them from before is dropped with it, and not after its TTL.
func TestOwnPublicRecordIsNotKeptOverAnAddressChange(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, h.works)
	count := 0
	change := func() { // what the world says of the name
		count++
		if err := h.inet.DNS.Insert(fmt.Sprintf("%s. 3600 IN TXT \"v%d\"", lab.DuckDNSName, count)); err != nil {
			t.Fatal(err)
		}
	}
	told := func() int { // how much of it we know
		out, err := h.Phone.Dig("@"+lab.NASAddr.String(), "+short", lab.DuckDNSName, "TXT")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(out, "v")
	}
	// For a while after the first address, nothing is kept either.
	lab.Eventually(t, 2*lab.Patience, func() error {
		before := told()
		if change(); told() != before || before == 0 {
			return errors.New("the record is not kept")
		}
		return nil
	})
	h.SetWANAddress(t, newAddr)
	lab.Eventually(t, 2*lab.Patience, func() error {
		if told() != count {
			return fmt.Errorf("the name has %d records and we tell of %d", count, told())
		}
		return nil
	})
}

// A client that validates by itself is content with what we pass on, as if it
// had asked the zone's own servers: signatures and denials, in any letters.
func TestSignaturesPassThroughUntouched(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	public := h.StartPublicDNS(t, "signed.example.net")
	if err := public.Insert(`text.signed.example.net. 300 IN TXT "untouched"`, "a.signed.example.net. 300 IN A 11.22.33.3"); err != nil {
		t.Fatal(err)
	}
	key := public.Sign(t, "signed.example.net")
	anchor := filepath.Join(t.TempDir(), "anchor")
	if err := os.WriteFile(anchor, fmt.Appendf(nil, "trust-anchors { \"signed.example.net.\" static-key %d %d %d \"%s\"; };\n",
		key.Flags, key.Protocol, key.Algorithm, key.PublicKey), 0o600); err != nil {
		t.Fatal(err)
	}
	h.start(t, "")
	for range 2 { // from upstream, then from the cache
		for _, q := range []struct{ name, qtype, want string }{
			{"text.signed.example.net", "TXT", "untouched"}, {"TEXT.Signed.Example.NET", "TXT", "untouched"},
			{"a.signed.example.net", "A", "11.22.33.3"},
			{"none.signed.example.net", "A", "ncache nxdomain"}, {"a.signed.example.net", "MX", "ncache nxrrset"},
		} {
			out, err := h.Phone.Try(lab.Patience, "delv", "@"+lab.NASAddr.String(), "-a", anchor, "+root=signed.example.net", q.name, q.qtype)
			if err != nil || !strings.Contains(out, q.want) || !strings.Contains(out, "fully validated") {
				t.Errorf("delv %s %s is not content: %v\n%s", q.name, q.qtype, err, out)
			}
		}
	}
	for way, want := range map[string]bool{"+dnssec": true, "+nodnssec": false} {
		out, err := h.Phone.Dig("@"+lab.NASAddr.String(), way, "a.signed.example.net", "A")
		if err != nil || strings.Contains(out, "RRSIG") != want {
			t.Errorf("dig %s: %v\n%s", way, err, out)
		}
	}
}

// A server cookie (RFC 7873) is given to who asks for one, and known again.
func TestCookiesAreGivenAndKnownAgain(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := answering(t, "")
	out, err := h.Phone.Dig("@"+lab.NASAddr.String(), "+cookie=0123456789abcdef", h.name)
	_, rest, found := strings.Cut(out, "; COOKIE: ")
	if err != nil || !found {
		t.Fatalf("no cookie: %v\n%s", err, out)
	}
	cookie := strings.Fields(rest)[0]
	if len(cookie) != 48 || !strings.HasPrefix(cookie, "0123456789abcdef") || !strings.Contains(rest, "(good)") {
		t.Fatalf("the cookie is %q:\n%s", cookie, out)
	}
	for _, name := range []string{h.name, "www.example.com"} {
		out, err := h.Phone.Dig("@"+lab.NASAddr.String(), "+cookie="+cookie, name)
		if err != nil || !strings.Contains(out, "(good)") || !strings.Contains(out, "status: NOERROR") {
			t.Errorf("%s with our cookie: %v\n%s", name, err, out)
		}
	}
}

// Android's automatic private DNS tries port 853 of the DNS server that DHCP
// gave it, and stays with us if that answers; without a name to check it takes
// any certificate. With a name, as other clients have it, the name must match.
func TestAndroidsPrivateDNSIsServed(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	public := h.StartPublicDNS(t)
	if err := public.Insert(bigText("big.example.org")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dns.pem")
	if err := os.WriteFile(file, h.CA.Issue(t, "dns.home.example").PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	h.start(t, fmt.Sprintf("tls_cert_file = %q\n", file))
	server := "@" + lab.NASAddr.String()
	check := []string{"+tls-ca=" + h.CA.File, "+tls-hostname=dns.home.example"}
	for _, name := range []struct{ name, qtype, want string }{
		{"MqTt.example.org", "A", lab.NASAddr.String()},
		{"www.example.com", "A", lab.ElsewhereAddr.String()},
		{"big.example.org", "TXT", strings.Repeat("x", 200)},
	} {
		for _, way := range [][]string{{"+tls"}, append(check, "+tls"), append(check, "+tls", "+keepopen", "+padding")} {
			lab.Eventually(t, lab.Patience, func() error { // it is bound after the start, if need be
				out, err := h.Phone.Kdig(append(way, server, name.name, name.qtype)...)
				if err == nil && (!strings.Contains(out, name.want) || !strings.Contains(out, "NOERROR")) {
					err = errors.New("kdig " + strings.Join(way, " ") + " says " + out)
				}
				return err
			})
		}
	}
	out, err := h.Phone.Kdig("+tls", "+tls-ca="+h.CA.File, "+tls-hostname=other.example", server, h.name)
	if err == nil && strings.Contains(out, "NOERROR") {
		t.Errorf("kdig is content with another name's certificate, so this proves nothing:\n%s", out)
	}
}
