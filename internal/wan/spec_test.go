package wan_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/wan"
)

func TestParseSource(t *testing.T) {
	good := map[string]wan.SourceSpec{
		"igd":                           {Type: "igd"},
		" igd ":                         {Type: "igd"},
		"https://api.ipify.org":         {Type: "https", URL: "https://api.ipify.org"},
		"https://1.1.1.1/cdn-cgi/trace": {Type: "https", URL: "https://1.1.1.1/cdn-cgi/trace"},
		"http://echo.lan:8080/?a=b":     {Type: "http", URL: "http://echo.lan:8080/?a=b"},
		"natpmp":                        {Type: "natpmp"},
		"pcp":                           {Type: "pcp"},
		"stun:stun.example.com:3478":    {Type: "stun", Arg: "stun.example.com:3478"},
		"stun:STUN.example.com:3478":    {Type: "stun", Arg: "stun.example.com:3478"},
		"stun:[2a02::1]:3478":           {Type: "stun", Arg: "[2a02::1]:3478"},
		"dns:cloudflare":                {Type: "dns", Arg: "cloudflare"},
		"dns:opendns":                   {Type: "dns", Arg: "opendns"},
		"dns:google":                    {Type: "dns", Arg: "google"},
		"interface:ppp0":                {Type: "interface", Arg: "ppp0"},
		"static:11.22.33.44":            {Type: "static", Addr: netip.MustParseAddr("11.22.33.44")},
		"static:::ffff:11.22.33.44":     {Type: "static", Addr: netip.MustParseAddr("11.22.33.44")},
	}
	for text, want := range good {
		if got, err := wan.ParseSource(text); err != nil || got != want {
			t.Errorf("ParseSource(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	bad := map[string]string{
		"":                            "is not known; use",
		"upnp":                        "is not known; use",
		"IGD":                         "is not known; use",
		"ftp://example.com":           "is not known; use",
		"stun":                        "is not known; use",
		"stun:":                       "stun:HOST:PORT",
		"stun:stun.example.com":       "stun:HOST:PORT",
		"stun:a b:3478":               "stun:HOST:PORT",
		"stun:user@host:3478":         "stun:HOST:PORT",
		"stun:stun.example.com:0":     "port",
		"stun:stun.example.com:http":  "port",
		"dns:":                        `"dns:cloudflare", "dns:google", "dns:opendns"`,
		"dns:quad9":                   `"dns:cloudflare", "dns:google", "dns:opendns"`,
		"interface:":                  "names no interface",
		"interface:../x":              "names no interface",
		"interface:toolonginterface0": "names no interface",
		"static:":                     "no IPv4 address",
		"static:2a02::1":              "no IPv4 address",
		"static:192.168.1.1":          "private address",
		"static:100.64.1.1":           "shared network",
		"static:104.16.0.1":           "Cloudflare",
		"static:224.0.0.1":            "reserved",
		"https://":                    "names no host",
		"https:api.ipify.org":         "names no host",
		"https://user:pw@echo.lan/":   "user name or password",
		"https://echo.lan/#top":       "fragment",
		"https://echo.lan/#":          "fragment",
		"https://[2001:db8::1]/":      "IPv6",
		"https://echo.lan:0/":         "port",
		"https://echo.lan:70000/":     "port",
		"https://echo.lan:/":          "colon",
		"https://echo lan/":           "not a URL",
		"https://user:pw@echo lan/":   "not a URL",
		"https://e.lan/" + strings.Repeat("a", 3000): "longer than",
	}
	for text, want := range bad {
		_, err := wan.ParseSource(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSource(%q): error %v, want one with %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("ParseSource(%q): the error shows the password: %v", text, err)
		}
	}
}

func TestParseSourceIPv6(t *testing.T) {
	for text, want := range map[string]wan.SourceSpec{
		"https://api6.ipify.org":  {Type: "https", URL: "https://api6.ipify.org", Family: wan.IPv6},
		"https://[2a02::1]/":      {Type: "https", URL: "https://[2a02::1]/", Family: wan.IPv6},
		"stun:stun.example.com:1": {Type: "stun", Arg: "stun.example.com:1", Family: wan.IPv6},
		"dns:google":              {Type: "dns", Arg: "google", Family: wan.IPv6},
	} {
		if got, err := wan.ParseSourceIPv6(text); err != nil || got != want {
			t.Errorf("ParseSourceIPv6(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"igd": "not known here", "interface:eth0": "not known here", "static:2a02::1": "not known here", "": "not known here",
		"https://1.1.1.1/": "IPv4", "https://user:pw@x/": "user name or password", "dns:x": "DNS services",
	} {
		if got, err := wan.ParseSourceIPv6(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSourceIPv6(%q) = %+v, %v; want an error with %q", text, got, err, want)
		}
	}
}

// The name of a source must lead back to it: it is shown, and people copy it.
func TestSourceSpecStringIsParseable(t *testing.T) {
	for _, text := range []string{"igd", "natpmp", "pcp", "https://a.test/x", "stun:a.test:3478", "dns:google", "interface:eth0", "static:11.22.33.44"} {
		spec, err := wan.ParseSource(text)
		if err != nil || spec.String() != text {
			t.Errorf("%q became %q, %v", text, spec, err)
		}
		if outside := strings.ContainsAny(text, ".g") && text != "igd" && !strings.HasPrefix(text, "static"); spec.Outside() != outside {
			t.Errorf("%q: outside %t", text, spec.Outside())
		}
	}
}

func TestParty(t *testing.T) {
	for want, names := range map[string][]string{
		"cloudflare": {"dns:cloudflare", "https://icanhazip.com", "https://ipv4.icanhazip.com/", "https://IPV6.icanhazip.com./", "stun:stun.cloudflare.com:3478",
			"https://cloudflare.com/cdn-cgi/trace", "https://one.one.one.one/cdn-cgi/trace", "https://1.1.1.1/cdn-cgi/trace", "https://1.0.0.1/cdn-cgi/trace",
			"https://104.16.132.229/cdn-cgi/trace", "https://[2606:4700:4700::1111]/cdn-cgi/trace"},
		"google":            {"dns:google", "stun:stun.l.google.com:19302", "stun:stun1.l.google.com:19302", "https://domains.google.com/checkip"},
		"cisco":             {"dns:opendns", "https://diagnostic.opendns.com/myip"},
		"amazon":            {"https://checkip.amazonaws.com"},
		"ipify.org":         {"https://api.ipify.org", "https://api4.ipify.org/?format=json"},
		"example.co.uk":     {"https://a.example.co.uk/", "http://b.example.co.uk:8080/"},
		"example.de":        {"https://a.b.example.de/"},
		"notcloudflare.com": {"https://notcloudflare.com/"},
		"192.0.2.1":         {"http://192.0.2.1/ip", "http://[::ffff:192.0.2.1]/ip"},
		"lan":               {"http://lan/"},
	} {
		for _, name := range names {
			if got := wan.Party(name); got != want {
				t.Errorf("%s is of %q, want %q", name, got, want)
			}
		}
	}
	if wan.Party("igd") == wan.Party("natpmp") {
		t.Error("igd and natpmp are one party")
	}
}

func FuzzParseSource(f *testing.F) {
	for _, seed := range []string{"igd", "https://api.ipify.org", "stun:a:1", "stun:[::1%25x]:1", "interface:a:b", "static:1.2.3.4", "dns:google", "http://[::1]:1/#x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := wan.ParseSource(text)
		if err != nil {
			for _, r := range err.Error() {
				if r < ' ' {
					t.Fatalf("the error holds control characters: %q", err)
				}
			}
			return
		}
		if again, err := wan.ParseSource(spec.String()); err != nil || again != spec {
			t.Fatalf("%+v is not read back: %+v, %v", spec, again, err)
		}
		if spec.Party() == "" {
			t.Fatalf("%+v is nobody's", spec)
		}
	})
}
