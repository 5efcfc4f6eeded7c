package igd

// Internal: the parsers are reached over the network only in whole answers.

import (
	"encoding/xml"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/huin/goupnp"
)

func TestTidyXML(t *testing.T) {
	for in, want := range map[string]string{
		"<?xml version=\"1.0\"?>\n<a>x</a>\x00\x00": "\n<a>x</a>",
		"\ufeff<a/>":            "<a/>",
		"<a>\x01b</a><trailing": "<a> b</a>",
		"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe4</a>":  "<a>ä</a>",
		"\xff\xfe<\x00a\x00>\x00\xe4\x00<\x00/\x00a\x00>\x00":         "<a>ä</a>",
		"\xfe\xff\x00<\x00a\x00>\xd8\x3d\xde\x00\x00<\x00/\x00a\x00>": "<a>😀</a>",
		"<\x00a\x00>\x00\x00\xd8<\x00/\x00a\x00>\x00x":                "<a>\ufffd</a>", // half a character, and an octet too many
	} {
		if got, err := tidyXML([]byte(in)); err != nil || string(got) != want {
			t.Errorf("tidyXML(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestTidyXMLRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"depth":        strings.Repeat("<a>", maxDepth+1) + strings.Repeat("</a>", maxDepth+1),
		"elements":     "<a>" + strings.Repeat("<b/>", maxElements) + "</a>",
		"entities":     `<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`,
		"no end":       "<a>",
		"wrong end":    "<a></b>",
		"nothing":      "   ",
		"a half":       "<?xml ",
		"not XML":      "hello",
		"an end first": "</a>",
	} {
		if got, err := tidyXML([]byte(in)); err == nil {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func FuzzTidyXML(f *testing.F) {
	f.Add([]byte("<?xml version=\"1.0\"?><a b=\"c\"><d/>\xff</a>"))
	f.Add([]byte("<a>&#1;</a>"))
	f.Add([]byte("\xfe\xff\x00<\x00a\x00/\x00>"))
	f.Add([]byte("<\x00a\x00/\x00>\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		out, err := tidyXML(body)
		if err != nil {
			return
		}
		if !utf8.Valid(out) {
			t.Fatalf("%q is not UTF-8", out)
		}
		var any struct {
			XMLName xml.Name
		}
		if err := xml.Unmarshal(out, &any); err != nil {
			t.Fatalf("%q passed and does not parse: %v", out, err)
		}
	})
}

func FuzzParseDescription(f *testing.F) {
	gateway := netip.MustParseAddr("192.168.1.1")
	location, _ := url.Parse("http://192.168.1.1:5000/d.xml")
	f.Add([]byte(`<root><URLBase>http://192.168.1.1:80/</URLBase><device><serviceList><service><controlURL>/c</controlURL></service></serviceList></device></root>`))
	f.Add([]byte(`<root><device><serviceList><service><controlURL>//8.8.8.8/c</controlURL></service></serviceList></device></root>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		body, err := tidyXML(body)
		if err != nil {
			return
		}
		root, err := parseDescription(body, location, gateway)
		if err != nil {
			return
		}
		root.Device.VisitServices(func(s *goupnp.Service) {
			for _, u := range []*goupnp.URLField{&s.ControlURL, &s.EventSubURL, &s.SCPDURL} {
				if u.URL.Scheme != "http" || u.URL.Hostname() != "192.168.1.1" {
					t.Fatalf("took %q", u.URL.String())
				}
			}
		})
	})
}

func TestExternal(t *testing.T) {
	now := time.Now()
	for text, want := range map[string]string{
		"11.22.33.44": "11.22.33.44", " 11.22.33.44\n": "11.22.33.44",
		"100.64.3.4": "100.64.3.4", "192.168.0.2": "192.168.0.2",
		"": "none", "0.0.0.0": "none",
		"11.22.33": "error", "11.22.33.044": "error", "::1": "error", "::ffff:11.22.33.44": "error",
		"\x80\x11*": "error", "11.22.33.44, 1.1.1.1": "error",
	} {
		got, err := external(text, now)
		if want == "error" {
			if err == nil || got.State != fact.Unknown {
				t.Errorf("external(%q) = %v, %v", text, got, err)
			}
		} else if err != nil || got.String() != want {
			t.Errorf("external(%q) = %v, %v, want %s", text, got, err, want)
		}
	}
}

func TestPeerCheck(t *testing.T) {
	for text, want := range map[string]bool{
		"192.168.1.1": true, "10.0.0.1": true, "172.16.0.1": true, "100.64.0.1": true,
		"127.0.0.1": false, "169.254.169.254": false, "224.0.0.1": false, "239.255.255.250": false,
		"8.8.8.8": false, "0.0.0.0": false, "255.255.255.255": false, "fe80::1": false, "fd00::1": false,
	} {
		p := Peer{Gateway: netip.MustParseAddr(text)}
		if err := p.Check(); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
		p.AllowLoopback = true
		if err := p.Check(); (err == nil) != (want || text == "127.0.0.1") {
			t.Errorf("%s with loopback allowed: %v", text, err)
		}
	}
	if (Peer{}).Check() == nil {
		t.Error("the zero address passed")
	}
}
