package hairpin_test

// Whose page it is that answers in place of the service.

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
)

func TestWhosePage(t *testing.T) {
	ca := newCA(t, "Home CA")
	cert := ca.issue(t, []string{"mqtt.example.com"}, nil)
	page := newCA(t, "Box").issue(t, []string{"box.example"}, nil)
	for name, c := range map[string]struct {
		gatewayPage bool // the router serves the same on its own address
		gateway     string
		says        string
	}{
		"the router's own key":    {true, "127.0.0.3", "it is the router's own page, as 127.0.0.3 serves the same key"},
		"another key":             {false, "127.0.0.3", "it is the page of the router or of another device"},
		"the router is not known": {true, "", "it is the page of the router or of another device"},
	} {
		t.Run(name, func(t *testing.T) {
			s := service(listen(t, "127.0.0.1", newBroker(cert, accepted()...).handle), ca)
			s.ExternalPort = listen(t, public, newBroker(page, accepted()...).handle).Port()
			if c.gatewayPage {
				listenAt(t, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.3"), s.ExternalPort), newBroker(page, accepted()...).handle)
			}
			cfg := hairpin.Config{Services: []hairpin.Service{s}}
			if c.gateway != "" {
				cfg.Gateway = func() (netip.Addr, error) { return netip.MustParseAddr(c.gateway), nil }
			}
			status := looked(t, run(t, cfg, wanValue(public)))
			if got := strings.Join(status.Evidence, "\n"); status.Loopback != hairpin.LoopbackNo || !strings.Contains(got, c.says) || !strings.Contains(got, "box.example, issued by Box") {
				t.Errorf("%s: %q, want %q", status.Loopback, got, c.says)
			}
			if status.Hairpin.Verdict != fact.VerdictPass {
				t.Errorf("link %+v", status.Hairpin)
			}
		})
	}
}

func TestMakerIn(t *testing.T) {
	for _, c := range []struct {
		cn, issuer string
		names      []string
		want       string
	}{
		{"fritz.box", "fritz.box", nil, "fritz.box"},
		{"", "", []string{"abcdefgh.myfritz.net", "www.fritz.box"}, "fritz.box"},
		{"192.168.1.1", "Ubiquiti Inc.", nil, "ubiquiti"},
		{"tplinkwifi.net", "TP-LINK CA P1", nil, "tp-link"},
		{"OpenWrt", "OpenWrt", nil, "openwrt"},
		{"mqtt.example.org", "R3", []string{"mqtt.example.org"}, ""},
		{"slavm.example.org", "Avmoon", []string{"huaweixyz.example"}, ""}, // within a word
		{"", "", nil, ""},
	} {
		if got := hairpin.MakerIn(hairpin.Certificate{SubjectCN: c.cn, Issuer: c.issuer, Names: c.names}); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
