package dnsserver_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// built returns a zone or fails.
func built(t testing.TB, cfg zone.Config) *zone.Zone {
	t.Helper()
	z, err := zone.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func rec(name, typ string, values ...string) zone.Record {
	return zone.Record{Name: name, Type: typ, Values: values}
}

var long = strings.Repeat("0123456789", 40)

// myRecords are the records that most tests here use.
var myRecords = []zone.Record{
	rec("nas.example.org", "A", "192.168.1.20", "192.168.1.21"),
	{Name: "nas.example.org", Type: "AAAA", Values: []string{"fd00::20"}, TTL: 5 * time.Minute},
	rec("nas.example.org", "TXT", "v=1", long),
	rec("_mqtt._tcp.example.org", "SRV", "0 5 8883 mqtt.example.org", "1 5 8883 nas.example.org"),
	rec("_none._tcp.example.org", "SRV", "0 0 0 ."),
	rec("text.example.org", "TXT", "only a text"),
	rec("www.example.org", "CNAME", "nas.example.org"),
	rec("web.example.org", "CNAME", "www.example.org"),
	rec("broker.example.org", "CNAME", "mqtt.example.org"),
	rec("cloud.example.org", "CNAME", "outside.example.net"),
	rec("far.example.org", "CNAME", "cloud.example.org"),
	rec("192.168.1.30", "PTR", "printer.example.org"),
	rec("7.1.168.192.in-addr.arpa", "PTR", "one.example.org", "two.example.org"),
	rec("mqtt.example.org", "TXT", "beside a service"),
}

func myZone(t testing.TB) *zone.Zone {
	return built(t, zone.Config{Overrides: []zone.Override{mqtt, both}, Records: myRecords})
}

// texts lists a section's records as text, without their TTLs.
func texts(list []dns.RR) (found []string) {
	for _, rr := range list {
		if rr.Header().Rrtype != dns.TypeOPT {
			found = append(found, rr.Header().Name+" "+dns.TypeToString[rr.Header().Rrtype]+" "+strings.ReplaceAll(strings.TrimPrefix(rr.String(), rr.Header().String()), "\t", " "))
		}
	}
	return found
}

func TestRecordsAnswerByType(t *testing.T) {
	w := newWorld(t, `nas.example.org. 300 IN MX 10 mail.example.org.`, `nas.example.org. 300 IN A 11.22.33.44`, `nas.example.org. 300 IN HTTPS 1 . ipv4hint=11.22.33.44`)
	h := start(t, w.addr, nil)
	h.zone.Store(myZone(t))
	split := `"` + long[:255] + `" "` + long[255:] + `"`
	for _, c := range []struct {
		name  string
		qtype uint16
		want  []string // nil is NODATA
	}{
		{"NaS.example.org.", dns.TypeA, []string{"NaS.example.org. A 192.168.1.20", "NaS.example.org. A 192.168.1.21"}},
		{"nas.example.org.", dns.TypeAAAA, []string{"nas.example.org. AAAA fd00::20"}},
		{"nas.example.org.", dns.TypeTXT, []string{`nas.example.org. TXT "v=1"`, "nas.example.org. TXT " + split}},
		{"nas.example.org.", dns.TypeANY, []string{"nas.example.org. A 192.168.1.20", "nas.example.org. A 192.168.1.21"}},
		{"nas.example.org.", dns.TypeHTTPS, nil}, {"nas.example.org.", dns.TypeSVCB, nil},
		{"nas.example.org.", dns.TypeCNAME, nil}, {"nas.example.org.", dns.TypeDNAME, nil},
		{"_MQTT._tcp.example.org.", dns.TypeSRV, []string{"_MQTT._tcp.example.org. SRV 0 5 8883 mqtt.example.org.", "_MQTT._tcp.example.org. SRV 1 5 8883 nas.example.org."}},
		{"_none._tcp.example.org.", dns.TypeSRV, []string{"_none._tcp.example.org. SRV 0 0 0 ."}},
		{"_none._tcp.example.org.", dns.TypeANY, []string{"_none._tcp.example.org. SRV 0 0 0 ."}},
		{"text.example.org.", dns.TypeA, nil}, {"text.example.org.", dns.TypeAAAA, nil},
		{"text.example.org.", dns.TypeTXT, []string{`text.example.org. TXT "only a text"`}},
		{"mqtt.example.org.", dns.TypeTXT, []string{`mqtt.example.org. TXT "beside a service"`}},
		{"mqtt.example.org.", dns.TypeA, []string{"mqtt.example.org. A 192.168.1.10"}},
	} {
		for _, network := range []string{"udp", "tcp"} {
			what := c.name + " " + dns.TypeToString[c.qtype]
			m := h.exchange(network, new(dns.Msg).SetQuestion(c.name, c.qtype).SetEdns0(1232, true))
			if !m.Authoritative || m.AuthenticatedData {
				t.Errorf("%s: AA=%v AD=%v", what, m.Authoritative, m.AuthenticatedData)
			}
			if c.want == nil {
				wantNoData(t, m, c.name)
			} else if got := texts(m.Answer); !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", what, got, c.want)
			}
			if w.count(strings.ToLower(c.name), c.qtype) != 0 {
				t.Errorf("%s was asked of upstream", what)
			}
		}
	}
	if m := h.ask("nas.example.org.", dns.TypeAAAA); m.Answer[0].Header().Ttl != 300 {
		t.Errorf("the record's own TTL does not count: %v", m)
	}
	if m := h.ask("nas.example.org.", dns.TypeMX); len(m.Answer) != 1 {
		t.Errorf("another type is not the world's: %v", m)
	}
}

func TestNamesOfRecordsAreNeverDenied(t *testing.T) {
	h := start(t, newWorld(t).addr, nil) // which denies everything
	h.zone.Store(myZone(t))
	for _, name := range []string{"nas.example.org.", "text.example.org.", "_tcp.example.org.", "example.org.", "cloud.example.org.", "www.example.org.", "1.168.192.in-addr.arpa."} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeMX, dns.TypeCAA, dns.TypeNS, dns.TypeHTTPS} {
			if m := h.ask(name, qtype); m.Rcode != dns.RcodeSuccess {
				t.Errorf("%s %s is %s", name, dns.TypeToString[qtype], dns.RcodeToString[m.Rcode])
			}
		}
	}
}

func TestAliasesInTheHouse(t *testing.T) {
	w := newWorld(t, `nas.example.org. 300 IN MX 10 mail.example.org.`, `www.example.org. 300 IN A 11.22.33.44`,
		"pub.example.net. 300 IN CNAME web.example.org.", "web.example.org. 300 IN A 11.22.33.44")
	h := start(t, w.addr, nil)
	h.zone.Store(myZone(t))
	for _, c := range []struct {
		name  string
		qtype uint16
		want  []string
		end   string // of a NODATA
	}{
		{"Www.example.org.", dns.TypeA, []string{"Www.example.org. CNAME nas.example.org.", "nas.example.org. A 192.168.1.20", "nas.example.org. A 192.168.1.21"}, ""},
		{"web.example.org.", dns.TypeAAAA, []string{"web.example.org. CNAME www.example.org.", "www.example.org. CNAME nas.example.org.", "nas.example.org. AAAA fd00::20"}, ""},
		{"broker.example.org.", dns.TypeA, []string{"broker.example.org. CNAME mqtt.example.org.", "mqtt.example.org. A 192.168.1.10"}, ""},
		{"broker.example.org.", dns.TypeAAAA, []string{"broker.example.org. CNAME mqtt.example.org."}, "mqtt.example.org."},
		{"broker.example.org.", dns.TypeHTTPS, []string{"broker.example.org. CNAME mqtt.example.org."}, "mqtt.example.org."},
		{"web.example.org.", dns.TypeCNAME, []string{"web.example.org. CNAME www.example.org."}, ""},
		{"web.example.org.", dns.TypeANY, []string{"web.example.org. CNAME www.example.org."}, ""},
		{"web.example.org.", dns.TypeMX, []string{"web.example.org. CNAME www.example.org.", "www.example.org. CNAME nas.example.org.", "nas.example.org. MX 10 mail.example.org."}, ""},
		{"pub.example.net.", dns.TypeA, []string{"pub.example.net. CNAME web.example.org.", "web.example.org. CNAME www.example.org.", "www.example.org. CNAME nas.example.org.", "nas.example.org. A 192.168.1.20", "nas.example.org. A 192.168.1.21"}, ""},
	} {
		for round := range 2 {
			m := h.ask(c.name, c.qtype)
			what := fmt.Sprintf("%s %s, round %d", c.name, dns.TypeToString[c.qtype], round)
			if got := texts(m.Answer); m.Rcode != dns.RcodeSuccess || !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", what, got, c.want)
			}
			if c.end != "" && (len(m.Ns) != 1 || m.Ns[0].Header().Name != c.end) {
				t.Errorf("%s: SOA is %v, want one of %s", what, m.Ns, c.end)
			}
		}
	}
	if w.count("www.example.org.", dns.TypeA) != 0 {
		t.Error("an alias was asked of upstream")
	}
}

func TestAliasesToTheWorld(t *testing.T) {
	w := newWorld(t, "outside.example.net. 300 IN CNAME host.example.net.", "host.example.net. 300 IN A 11.22.33.44",
		"cloud.example.org. 300 IN A 11.22.33.99")
	h := start(t, w.addr, nil)
	h.zone.Store(myZone(t))
	for range 2 {
		m := h.ask("Cloud.example.org.", dns.TypeA)
		want := []string{"Cloud.example.org. CNAME outside.example.net.", "outside.example.net. CNAME host.example.net.", "host.example.net. A 11.22.33.44"}
		if got := texts(m.Answer); !slices.Equal(got, want) || !m.Authoritative || m.AuthenticatedData {
			t.Errorf("A is %v, want %q", m, want)
		}
		if got := texts(h.ask("far.example.org.", dns.TypeA).Answer); len(got) != 4 || got[1] != "cloud.example.org. CNAME outside.example.net." {
			t.Errorf("two aliases give %q", got)
		}
		if m := h.ask("cloud.example.org.", dns.TypeAAAA); m.Rcode != dns.RcodeSuccess || len(m.Answer) != 2 {
			t.Errorf("AAAA is %v", m)
		}
	}
	if w.count("outside.example.net.", dns.TypeA) != 1 || w.count("cloud.example.org.", dns.TypeA) != 0 {
		t.Error("the target is not asked once, or the alias is")
	}
	if got := h.Status().Cache.Entries; got != 1 {
		t.Errorf("%d answers are kept, want the one about the target only", got)
	}
}

func TestAliasToTheWorldEndsOrFails(t *testing.T) {
	w := newWorld(t, "back.example.net. 300 IN CNAME turn.example.org.", "turn.example.org. 300 IN CNAME back.example.net.",
		"home.example.net. 300 IN CNAME mqtt.example.org.", "mqtt.example.org. 300 IN A 11.22.33.44", "nas.example.net. 300 IN A 192.168.7.7")
	w.mu.Lock()
	w.rcodes["bad.example.net."] = dns.RcodeServerFailure
	w.mu.Unlock()
	h := start(t, w.addr, nil)
	h.zone.Store(built(t, zone.Config{Overrides: []zone.Override{mqtt}, Records: []zone.Record{
		rec("turn.example.org", "CNAME", "back.example.net"), rec("bad.example.org", "CNAME", "bad.example.net"),
		rec("gone.example.org", "CNAME", "gone.example.net"), rec("home.example.org", "CNAME", "home.example.net"),
		rec("bonjour.example.org", "CNAME", "printer.local"), rec("mine.example.org", "CNAME", "nas.example.net"),
	}}))
	for range 2 {
		if m := h.ask("turn.example.org.", dns.TypeA); m.Rcode != dns.RcodeServerFailure || len(m.Answer) != 0 {
			t.Errorf("a circle is %v", m)
		}
		if m := h.ask("bad.example.org.", dns.TypeA); m.Rcode != dns.RcodeServerFailure || len(m.Answer) != 0 {
			t.Errorf("a target that fails is %v", m)
		}
		if m := h.ask("gone.example.org.", dns.TypeA); m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 {
			t.Errorf("a target that is denied is %v", m)
		}
		if got := addresses(h.ask("home.example.org.", dns.TypeA).Answer); !slices.Equal(got, []string{"192.168.1.10"}) {
			t.Errorf("a way out and back home ends at %v", got)
		}
		if m := h.ask("bonjour.example.org.", dns.TypeA); m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 || w.count("printer.local.", dns.TypeA) != 0 {
			t.Errorf("an alias to a special-use name is %v", m)
		}
		if got := addresses(h.ask("mine.example.org.", dns.TypeA).Answer); !slices.Equal(got, []string{"192.168.7.7"}) {
			t.Errorf("what the user's own alias leads to is refused: %v", got)
		}
	}
}

func TestReverseNames(t *testing.T) {
	h := start(t, newWorld(t).addr, nil)
	h.zone.Store(myZone(t))
	reverse := func(addr string) string { name, _ := dns.ReverseAddr(addr); return name }
	for addr, want := range map[string][]string{
		"192.168.1.30": {"printer.example.org."}, "192.168.1.7": {"one.example.org.", "two.example.org."},
		"192.168.1.10": {"mqtt.example.org."}, "192.168.1.20": {"nas.example.org."}, "fd00::20": {"nas.example.org."},
	} {
		var got []string
		for _, rr := range h.ask(reverse(addr), dns.TypePTR).Answer {
			got = append(got, rr.(*dns.PTR).Ptr)
		}
		if !slices.Equal(got, want) {
			t.Errorf("PTR of %s is %v, want %v", addr, got, want)
		}
		wantNoData(t, h.ask(reverse(addr), dns.TypeTXT), reverse(addr))
	}
	h.zone.Store(built(t, zone.Config{Overrides: []zone.Override{mqtt}, Records: myRecords, NoPTR: true}))
	if m := h.ask(reverse("192.168.1.10"), dns.TypePTR); m.Rcode != dns.RcodeNameError {
		t.Errorf("a service's PTR that is switched off is %v", m)
	}
	if m := h.ask(reverse("192.168.1.30"), dns.TypePTR); len(m.Answer) != 1 {
		t.Errorf("a PTR record of the user's own is %v", m)
	}
}

func TestARecordGoesBeforeAnOverride(t *testing.T) {
	z := built(t, zone.Config{Overrides: []zone.Override{mqtt, both}, Records: []zone.Record{rec("MQTT.example.org.", "A", "192.168.1.99")}})
	if len(z.Overrides()) != 1 || !slices.Equal(z.Shadowed(), []string{"mqtt.example.org"}) || len(z.Records()) != 1 {
		t.Errorf("overrides %v, shadowed %v", z.Overrides(), z.Shadowed())
	}
	h := start(t, silent(t), nil)
	h.zone.Store(z)
	if got := addresses(h.ask("mqtt.example.org.", dns.TypeA).Answer); !slices.Equal(got, []string{"192.168.1.99"}) {
		t.Errorf("got %v", got)
	}
	if link := h.Status().DNS; !strings.Contains(strings.Join(link.Evidence, "\n"), "mqtt.example.org is a service's name, but a record") {
		t.Errorf("the link does not say so: %q", link.Evidence)
	}
}

func TestWildcardsMatchOneLabel(t *testing.T) {
	w := newWorld(t, `_acme-challenge.example.org. 300 IN TXT "token"`, "x.y.example.org. 300 IN A 11.22.33.44", "example.org. 300 IN A 11.22.33.45",
		"alias.example.net. 300 IN CNAME any.example.org.", "any.example.org. 300 IN A 11.22.33.44", `any.example.org. 300 IN TXT "public"`)
	h := start(t, w.addr, nil)
	wild := zone.Override{Name: "*.example.org", V4: []netip.Addr{netip.MustParseAddr("192.168.1.50")}, Reason: "configured"}
	deep := zone.Override{Name: "low.deep.example.org", V4: mqtt.V4}
	h.zone.Store(built(t, zone.Config{Overrides: []zone.Override{wild, mqtt, deep}, Records: []zone.Record{rec("nas.example.org", "A", "192.168.1.20"), rec("text.example.org", "TXT", "x")}}))
	for name, want := range map[string]string{
		"any.example.org.": "192.168.1.50", "Other.Example.org.": "192.168.1.50", "deep.example.org.": "192.168.1.50",
		"mqtt.example.org.": "192.168.1.10", "nas.example.org.": "192.168.1.20", "low.deep.example.org.": "192.168.1.10",
		"x.y.example.org.": "11.22.33.44", "example.org.": "11.22.33.45", "alias.example.net.": "192.168.1.50",
	} {
		if got := addresses(h.ask(name, dns.TypeA).Answer); !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %v, want %s", name, got, want)
		}
	}
	wantNoData(t, h.ask("any.example.org.", dns.TypeAAAA), "any.example.org.")
	wantNoData(t, h.ask("text.example.org.", dns.TypeA), "text.example.org.")
	wantNoData(t, h.ask("Any.example.org.", dns.TypeHTTPS), "Any.example.org.")
	wantNoData(t, h.ask("new.example.org.", dns.TypeCAA), "new.example.org.") // denied by upstream
	for _, name := range []string{"_acme-challenge.example.org.", "any.example.org."} {
		if m := h.ask(name, dns.TypeTXT); len(m.Answer) != 1 {
			t.Errorf("TXT of %s is %v", name, m)
		}
	}
	if m := h.ask("_x.example.org.", dns.TypeA); m.Rcode != dns.RcodeNameError {
		t.Errorf("a name with an underscore is %v", m)
	}
	if _, err := zone.New([]zone.Override{wild, {Name: "*.EXAMPLE.org", V4: mqtt.V4}}, 0); err == nil {
		t.Error("a wildcard at two addresses is taken")
	}
}

func TestAddressOnTheClientsOwnSubnet(t *testing.T) {
	own := []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("fd00::/64"), netip.MustParsePrefix("0.0.0.0/0")}
	s, names := build(t, silent(t), func(c *dnsserver.Config) { c.OwnPrefixes = func() []netip.Prefix { return own } })
	names.Store(built(t, zone.Config{Overrides: []zone.Override{both}, Records: []zone.Record{
		rec("six.example.org", "AAAA", "fd01::1", "fd00::1"), rec("alias.example.org", "CNAME", "both.example.org")}}))
	for _, c := range []struct {
		client, name string
		qtype        uint16
		want         []string
	}{
		{"192.168.1.77", "both.example.org.", dns.TypeA, []string{"192.168.1.11"}},
		{"::ffff:192.168.1.77", "both.example.org.", dns.TypeA, []string{"192.168.1.11"}},
		{"10.0.0.7", "both.example.org.", dns.TypeA, []string{"10.0.0.11"}},
		{"10.0.0.7", "alias.example.org.", dns.TypeA, []string{"10.0.0.11"}},
		{"172.17.0.1", "both.example.org.", dns.TypeA, []string{"192.168.1.11", "10.0.0.11"}},
		{"127.0.0.1", "both.example.org.", dns.TypeA, []string{"192.168.1.11", "10.0.0.11"}},
		{"fd00::7", "six.example.org.", dns.TypeAAAA, []string{"fd00::1"}},
		{"192.168.1.77", "six.example.org.", dns.TypeAAAA, []string{"fd01::1", "fd00::1"}},
	} {
		if got := addresses(inlineAnswer(t, s, c.name, c.qtype, c.client).Answer); !slices.Equal(got, c.want) {
			t.Errorf("%s for %s is %v, want %v", c.name, c.client, got, c.want)
		}
	}
}
