package wan_test

import (
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
	}
	for text, want := range good {
		if got, err := wan.ParseSource(text); err != nil || got != want {
			t.Errorf("ParseSource(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	bad := map[string]string{
		"":                           "is not known; use",
		"upnp":                       "is not known; use",
		"IGD":                        "is not known; use",
		"ftp://example.com":          "is not known; use",
		"natpmp":                     "not available in this version; use",
		"pcp":                        "not available in this version; use",
		"stun:stun.example.com:3478": "not available in this version; use",
		"dns:cloudflare":             "not available in this version; use",
		"interface:ppp0":             "not available in this version; use",
		"static:11.22.33.44":         "not available in this version; use",
		"https://":                   "names no host",
		"https:api.ipify.org":        "names no host",
		"https://user:pw@echo.lan/":  "user name or password",
		"https://echo.lan/#top":      "fragment",
		"https://echo.lan/#":         "fragment",
		"https://[2001:db8::1]/":     "IPv6",
		"https://echo.lan:0/":        "port",
		"https://echo.lan:70000/":    "port",
		"https://echo.lan:/":         "colon",
		"https://echo lan/":          "not a URL",
		"https://user:pw@echo lan/":  "not a URL",
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

func FuzzParseSource(f *testing.F) {
	for _, seed := range []string{"igd", "https://api.ipify.org", "stun:a:1", "http://[::1]:1/#x"} {
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
		if again, err := wan.ParseSource(spec.Type); spec.Type == "igd" && (err != nil || again != spec) {
			t.Fatalf("igd is not read back: %+v, %v", again, err)
		}
		if spec.Type != "igd" && spec.URL == "" {
			t.Fatalf("no URL in %+v", spec)
		}
	})
}
