package snippet_test

// What the texts hold, whatever comes in, and docs/snippets.md.

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/snippet"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write docs/snippets.md")

func addrs(list ...string) (made []netip.Addr) {
	for _, a := range list {
		made = append(made, netip.MustParseAddr(a))
	}
	return made
}

// example is the home of the documentation.
var example = snippet.Input{
	Names: []snippet.Name{
		{Name: "mqtt.example.org", V4: addrs("192.168.1.10")},
		{Name: "myhome.duckdns.org", V4: addrs("192.168.1.10"), V6: addrs("fd00::10")},
	},
	Services: []snippet.Service{{Name: "mqtt", Address: netip.MustParseAddrPort("192.168.1.10:8883"), ExternalPort: 8883}},
	DNS:      netip.MustParseAddr("192.168.1.2"),
	LAN:      netip.MustParsePrefix("192.168.1.0/24"),
}

const docs = "../../docs/snippets.md"

// The documentation is what the program says of the example.
func TestDocumentation(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# The same answer without edgeguard's DNS

edgeguard's own DNS server is the easiest way to have the house reach a service
by its public name, and not the only one. This page has the lines that give the
same answer from the DNS server you already have, from a device's hosts file, or
by your router's NAT loopback. It is made from an example: ` + "`edgeguard snippets`" + ` writes
them for your own config, with the names that it has learned from certificates
where the daemon runs, and ` + "`edgeguard snippets KIND`" + ` writes one alone, ready to be
pasted.

What was tried with the real program, in edgeguard's own tests: dnsmasq, unbound,
BIND, OpenWrt's lines (on dnsmasq) and the hosts file. The others are written from their makers'
documentation; what is not confirmed is said with each. ` + "`edgeguard doctor`" + ` sees
whether the router loops back.
`)
	for _, s := range snippet.All(example) {
		fmt.Fprintf(&b, "\n## %s\n\n`edgeguard snippets %s`, for: %s.\n\n```\n%s```\n", s.Title, s.ID, s.Where, s.Text)
		for _, n := range s.Notes {
			fmt.Fprintf(&b, "\n- %s", n)
		}
		if len(s.Notes) > 0 {
			b.WriteString("\n")
		}
	}
	b.WriteString(certificateDocs())
	if *update {
		if err := os.WriteFile(docs, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Error("docs/snippets.md is not what the program writes; run go test ./internal/snippet -update")
	}
}

func TestIDsAreOneWordEachAndUnique(t *testing.T) {
	ids := snippet.IDs()
	seen := map[string]bool{}
	for i, s := range snippet.All(example) {
		if s.ID != ids[i] || seen[s.ID] || strings.ContainsAny(s.ID, " \t") || s.Title == "" || s.Where == "" || !strings.HasSuffix(s.Text, "\n") {
			t.Errorf("%+v", s)
		}
		seen[s.ID] = true
		for _, n := range s.Notes {
			if !strings.HasSuffix(n, ".") {
				t.Errorf("%s: the note %q is no sentence", s.ID, n)
			}
		}
	}
}

func TestSafe(t *testing.T) {
	for name, want := range map[string]bool{
		"mqtt.example.org": true, "*.example.org": true, "a_b.example.org": true, "xn--bcher-kva.example": true,
		"": false, "*": false, "localhost": false, "*.*.org": false, "a.*.org": false, "MQTT.example.org": false, "a..b": false, "a.b.": false,
		"-a.b": false, "a-.b": false, "a b.c": false, "a'.b": false, "a\".b": false, "a;.b": false, "$(x).b": false, "a/.b": false, "a#.b": false,
		"a\n.b": false, "ä.b": false, "a,b.c": false, "`x`.b": false, strings.Repeat("a", 64) + ".b": false, strings.Repeat("a.", 127) + "b": false,
	} {
		if got := snippet.Safe(name); got != want && len(name) < 250 {
			t.Errorf("Safe(%q) = %v", name, got)
		}
	}
}

// Whatever names, addresses and services come in, nothing of what is not a host
// name gets into a text, and each text stays the same for the good ones.
func TestHostileNamesNeverGetIn(t *testing.T) {
	hostile := rapid.StringMatching(`[a-z'"\\;$()/#,{}<>&|\x00-\x1f\x60 =\[\]%*äß.-]{0,30}`)
	rapid.Check(t, func(t *rapid.T) {
		in := example
		in.Names = slices.Clone(in.Names)
		in.Services = slices.Clone(in.Services)
		for _, name := range rapid.SliceOfN(hostile, 1, 8).Draw(t, "names") {
			if snippet.Safe(name) {
				continue // a host name by chance
			}
			in.Names = append(in.Names, snippet.Name{Name: name, V4: addrs("192.0.2.66")})
			if strings.ContainsAny(name, "'\"\\;$()/#,{}<>&|` =[]%*.\n") || name == "" {
				in.Services = append(in.Services, snippet.Service{Name: name, Address: netip.MustParseAddrPort("192.0.2.66:1"), ExternalPort: 1})
			}
		}
		want := snippet.All(example)
		for i, s := range snippet.All(in) {
			if s.Text != want[i].Text || !slices.Equal(s.Notes, want[i].Notes) {
				t.Fatalf("%s with %q:\n%s", s.ID, in.Names, s.Text)
			}
		}
	})
}

func TestAddressesThatNoDeviceCouldUseAreLeftOut(t *testing.T) {
	in := snippet.Input{
		Names: []snippet.Name{
			{Name: "a.example.org", V4: addrs("0.0.0.0", "224.0.0.1"), V6: addrs("fe80::1%eth0", "::ffff:1.2.3.4", "::")},
			{Name: "b.example.org", V6: addrs("1.2.3.4")}, {Name: "c.example.org", V4: addrs("fd00::1")}, {Name: "d.example.org"},
		},
		DNS: netip.MustParseAddr("0.0.0.0"),
	}
	empty := snippet.All(snippet.Input{})
	for i, s := range snippet.All(in) {
		if s.Text != empty[i].Text {
			t.Errorf("%s: %s", s.ID, s.Text)
		}
		if s.ID == "dnsmasq" && !strings.HasPrefix(s.Text, "# There is no name") {
			t.Errorf("without names: %s", s.Text)
		}
	}
}
