package status_test

// The link in the picture for phones: ours, or none.

import (
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/status"
)

// linking is a server with a name and a network of its own.
func linking() *status.Server {
	return status.NewServer(status.ServerConfig{
		Snapshot:    fullSnapshot,
		Names:       func() []string { return []string{"myhome.example.org"} },
		OwnPrefixes: func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/64")} },
		Authorities: func() []status.Authority { return nil },
	})
}

// linked is the link of a request by this Host header.
func linked(s *status.Server, host string) string {
	r := httptest.NewRequest("GET", "/ca/", nil)
	r.Host = host
	return status.LinkTo(s, r, "/ca/")
}

func TestTheLinkForPhonesIsOurs(t *testing.T) {
	for host, want := range map[string]string{
		"192.168.1.2:8053":          "http://192.168.1.2:8053/ca/",
		"192.168.1.2":               "http://192.168.1.2/ca/",
		"10.0.0.1:80":               "http://10.0.0.1/ca/",
		"[fd00::2]:8053":            "http://[fd00::2]:8053/ca/",
		"[fd00::2]":                 "http://[fd00::2]/ca/",
		"[2001:db8:1::2]:8053":      "http://[2001:db8:1::2]:8053/ca/",
		"[::ffff:192.168.1.2]:8053": "http://192.168.1.2:8053/ca/",
		"MyHome.Example.org.:8053":  "http://myhome.example.org:8053/ca/",
		// Addresses that lead a phone elsewhere, or nowhere.
		"127.0.0.1:8053": "", "localhost:8053": "", "[::1]:8053": "", "0.0.0.0:8053": "", "[::]": "", "169.254.1.1": "", "[fe80::1%25eth0]:8053": "", "[fe80::1]:8053": "",
		"203.0.113.7:8053": "", "[2001:db8:2::2]:8053": "", "100.64.0.1": "", "224.0.0.251": "", "255.255.255.255": "",
		// Names that anybody in the house could claim.
		"nas:8053": "", "nas.local:8053": "", "evil.lan": "", "evil.example": "", "myhome.example.org.evil.example": "", "xmyhome.example.org": "",
		// What is no host at all.
		"": "", ":8053": "", "192.168.1.2:": "", "192.168.1.2:0": "", "192.168.1.2:65536": "", "192.168.1.2:080": "", "192.168.1.2:+80": "", "192.168.1.2:80:80": "", "192.168.1.2:http": "",
		"192.168.1.2@evil.example": "", "evil.example#192.168.1.2": "", "192.168.1.2/evil": "", "192.168.1.2\r\nx": "", `"><script>`: "", "myhome.example.org/..": "", "[192.168.1.2": "", "fd00::2": "", "0xc0a80102": "", "192.168.1": "",
	} {
		if got := linked(linking(), host); got != want {
			t.Errorf("Host %q gives %q, want %q", host, got, want)
		}
	}
}

func FuzzLinkForPhones(f *testing.F) {
	for _, host := range []string{"192.168.1.2:8053", "[fd00::2]:80", "myhome.example.org", "evil.example:1", "[fe80::1%25x]", "a@b", ":", "[", "]:1"} {
		f.Add(host)
	}
	s := linking()
	f.Fuzz(func(t *testing.T, host string) {
		link := linked(s, host)
		if link == "" {
			return
		}
		u, err := url.Parse(link)
		if err != nil || u.Scheme != "http" || u.Path != "/ca/" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.String() != link {
			t.Fatalf("Host %q gives %q: %v", host, link, err)
		}
		name := u.Hostname()
		addr, err := netip.ParseAddr(name)
		ours := err == nil && (addr.IsPrivate() || netip.MustParsePrefix("2001:db8:1::/64").Contains(addr))
		if !ours && !slices.Contains([]string{"myhome.example.org"}, name) {
			t.Fatalf("Host %q gives %q", host, link)
		}
	})
}

// The page shows the picture where there is a link, and says how to get it where
// there is none.
func TestThePictureIsShownByAnAddressOfOurs(t *testing.T) {
	ca := authority(t, "Home CA", time.Now().AddDate(5, 0, 0))
	h := status.Handler(status.NewServer(status.ServerConfig{Snapshot: fullSnapshot, Authorities: func() []status.Authority {
		return []status.Authority{{Service: "mqtt", Certificate: ca, Own: true}}
	}}))
	for host, drawn := range map[string]bool{"192.168.1.2:8053": true, "nas.local:8053": false, "127.0.0.1:8053": false} {
		r := httptest.NewRequest("GET", "/ca/", nil)
		r.RemoteAddr, r.Host = "192.168.1.20:1", host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		page := w.Body.String()
		wellFormed(t, page)
		if strings.Contains(page, `<svg class="qr"`) != drawn || strings.Contains(page, "it opens http://"+host+"/ca/") != drawn || strings.Contains(page, "open this page by the address") == drawn {
			t.Errorf("by %s the page says %s", host, page)
		}
	}
}
