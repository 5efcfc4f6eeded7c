package igd

// Internal: link-local addresses cannot be had on loopback.

import (
	"net/netip"
	"net/url"
	"testing"
)

func TestCheckLink(t *testing.T) {
	for text, want := range map[string]bool{
		"fe80::1%eth0": true, "fe80::1": false, "2a0e::1": false, "fd00::1": false, "::1": false,
		"ff02::1%eth0": false, "192.168.1.1": false, "169.254.1.1": false, "::ffff:169.254.1.1": false,
	} {
		p := Peer{Gateway: netip.MustParseAddr(text)}
		if err := p.CheckLink(); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
		p.AllowLoopback = true
		if err := p.CheckLink(); (err == nil) != (want || text == "::1") {
			t.Errorf("%s with loopback allowed: %v", text, err)
		}
	}
}

// What the router says of itself over IPv6 stays on the address that it was
// asked at.
func TestDescriptionOverIPv6StaysOnTheRouter(t *testing.T) {
	gateway := netip.MustParseAddr("fe80::1%eth0")
	location, _ := url.Parse("http://[fe80::1%25eth0]:5000/d.xml")
	for control, want := range map[string]bool{
		"/ctl": true, "ctl": true, "http://[fe80::1%25eth0]:80/ctl": true,
		"http://[fe80::1]:80/ctl": false, "http://[fe80::1%25eth1]/ctl": false, "http://[2a0e::1]/ctl": false,
		"http://192.168.1.1/ctl": false, "//[::1]/ctl": false, "http://router/ctl": false,
	} {
		_, err := parseDescription([]byte("<root><device><serviceList><service><controlURL>"+control+
			"</controlURL><eventSubURL>/e</eventSubURL><SCPDURL>/s</SCPDURL></service></serviceList></device></root>"), location, gateway)
		if (err == nil) != want {
			t.Errorf("%s: %v", control, err)
		}
	}
}
