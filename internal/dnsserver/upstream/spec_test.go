package upstream_test

// Servers as a config writes them.

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

func TestParseReadsEveryForm(t *testing.T) {
	addr := netip.MustParseAddr
	quad9, six := addr("9.9.9.9"), addr("2620:fe::fe")
	for text, want := range map[string]upstream.Spec{
		"9.9.9.9":                     {Protocol: upstream.UDP, Addr: quad9, Port: 53},
		"9.9.9.9:9953":                {Protocol: upstream.UDP, Addr: quad9, Port: 9953},
		"::ffff:9.9.9.9":              {Protocol: upstream.UDP, Addr: quad9, Port: 53},
		"2620:fe::fe":                 {Protocol: upstream.UDP, Addr: six, Port: 53},
		"[2620:fe::fe]":               {Protocol: upstream.UDP, Addr: six, Port: 53},
		"[2620:fe::fe]:9953":          {Protocol: upstream.UDP, Addr: six, Port: 9953},
		"fe80::1%eth0":                {Protocol: upstream.UDP, Addr: addr("fe80::1%eth0"), Port: 53},
		"udp://9.9.9.9":               {Protocol: upstream.UDP, Addr: quad9, Port: 53},
		"UDP://9.9.9.9/":              {Protocol: upstream.UDP, Addr: quad9, Port: 53},
		"udp://ns.example.org":        {Protocol: upstream.UDP, Host: "ns.example.org", Port: 53},
		"tcp://[2620:fe::fe]:5353":    {Protocol: upstream.TCP, Addr: six, Port: 5353},
		"tls://2620:fe::fe":           {Protocol: upstream.TLS, Addr: six, Port: 853, Name: "2620:fe::fe"},
		"tls://dns.quad9.net":         {Protocol: upstream.TLS, Host: "dns.quad9.net", Port: 853, Name: "dns.quad9.net"},
		"tls://DNS.quad9.net.:8853":   {Protocol: upstream.TLS, Host: "dns.quad9.net", Port: 8853, Name: "dns.quad9.net"},
		"tls://9.9.9.9#dns.quad9.net": {Protocol: upstream.TLS, Addr: quad9, Port: 853, Name: "dns.quad9.net"},
		"tls://a.example#9.9.9.9":     {Protocol: upstream.TLS, Host: "a.example", Port: 853, Name: "9.9.9.9"},
		"https://dns.quad9.net/dns-query": {Protocol: upstream.HTTPS, Host: "dns.quad9.net", Port: 443,
			Name: "dns.quad9.net", Path: "/dns-query"},
		"https://dns.quad9.net/dns-query{?dns}": {Protocol: upstream.HTTPS, Host: "dns.quad9.net", Port: 443,
			Name: "dns.quad9.net", Path: "/dns-query"},
		"https+get://1.1.1.1:8443/q?x=1#one.example": {Protocol: upstream.HTTPS, Addr: addr("1.1.1.1"), Port: 8443,
			Name: "one.example", Path: "/q?x=1", Get: true},
	} {
		got, err := upstream.Parse(text)
		want.Text = text
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", text, got, err, want)
		}
		again, err := upstream.Parse(got.String())
		if err != nil || again.Key() != got.Key() {
			t.Errorf("%q is written %q, which is %+v, %v", text, got, again, err)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "empty",
		" 9.9.9.9":                          "space",
		"tls://dns\x00.example":             "space",
		"https://bücher.example/q":          "xn--",
		"dns.quad9.net":                     `write "tls://dns.quad9.net"`,
		"999.1.1.1":                         "no server",
		"nonsense here":                     "space",
		"9.9.9.9:0":                         "port 0 cannot be asked; leave the port out for 53",
		"tls://9.9.9.9:0":                   "leave the port out for 853",
		"9.9.9.9:65536":                     "not a number from 1 to 65535",
		"tls://dns.quad9.net:dot":           "not a number",
		"0.0.0.0":                           "not the address of one host",
		"tls://[ff02::1]":                   "not the address of one host",
		"udp://255.255.255.255":             "not the address of one host",
		"quic://dns.example":                "not spoken here",
		"http://dns.example/q":              "write https://",
		"dot://dns.example":                 "no scheme of a DNS server",
		"https://dns.quad9.net":             `"https://dns.quad9.net/dns-query"`,
		"https:///dns-query":                "host is missing",
		"tls://":                            "host is missing",
		"https://dns.example?dns":           "no path",
		"https://dns.example/{dns}":         "no path",
		"https://dns.example/%zz":           "no path",
		"tls://dns.example/dns-query":       "write https://",
		"https://me:pw@dns.example/q":       "before the @",
		"udp://9.9.9.9#dns.quad9.net":       "has no certificate",
		"tls://9.9.9.9#":                    "behind the #",
		"tls://9.9.9.9#a/b":                 "behind the #",
		"tls://router":                      "only your own network knows",
		"tls://nas.local":                   "only your own network knows",
		"tls://a..example":                  "no host name",
		"tls://-a.example":                  "no host name",
		"tls://1.2.3":                       "neither an IP address nor a host name",
		"tls://" + strings.Repeat("a", 600): "longer than",
	} {
		s, err := upstream.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %+v, %v; want an error with %q", text, s, err, want)
		}
	}
}

func TestTheSameServerHasTheSameKey(t *testing.T) {
	key := func(text string) upstream.Spec {
		s, err := upstream.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return s.Key()
	}
	if key("9.9.9.9") != key("udp://9.9.9.9:53") || key("tls://A.example") != key("tls://a.example.:853#a.example") {
		t.Error("two texts for one server are told apart")
	}
	if key("9.9.9.9") == key("tcp://9.9.9.9") || key("https://a.example/q") == key("https+get://a.example/q") {
		t.Error("two servers are held for one")
	}
	if p := upstream.Plain(netip.MustParseAddrPort("[::ffff:9.9.9.9]:53")); p.Key() != key("9.9.9.9") || p.Text != "9.9.9.9" {
		t.Errorf("Plain = %+v", p)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"9.9.9.9", "[2620:fe::fe]:53", "fe80::1%eth0", "tls://9.9.9.9#dns.quad9.net", "https://dns.quad9.net/dns-query{?dns}",
		"https+get://[::1]:8443/a%20b?c=d#e.example", "udp://a.b:1", "tls://@:#", "https://a.b/?#", "://", "tcp://[::1%25x]:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := upstream.Parse(text)
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("control characters in %q", err)
			}
			return
		}
		if s.Port == 0 || s.Addr.IsValid() == (s.Host != "") || s.Protocol.Encrypted() != (s.Name != "") || (s.Protocol == upstream.HTTPS) != (s.Path != "") {
			t.Errorf("Parse(%q) = %+v is not whole", text, s)
		}
		again, err := upstream.Parse(s.String())
		if err != nil || again.Key() != s.Key() {
			t.Errorf("Parse(%q) is written %q, which is %+v, %v", text, s, again, err)
		}
	})
}
