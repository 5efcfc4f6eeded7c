package main

// The router and this host's address, as the config in force says them.

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/lan"
)

func loaded(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("edgeguard.toml", []byte(strings.ReplaceAll(quietConfig, "%NAME%", "one.example.org")+text), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Another [lan] router is asked from the moment on in which its config is in
// force: the conversation with it asks each time where it is.
func TestRouterOfTheConfigInForce(t *testing.T) {
	d := &daemon{}
	own, ownErr := lan.Gateway()
	if got, err := d.gateway(); got != own || (err == nil) != (ownErr == nil) {
		t.Errorf("before any config the router is %v, %v, want %v, %v", got, err, own, ownErr)
	}
	for _, want := range []string{"192.0.0.1", "192.168.1.1", "10.0.0.138"} {
		cfg := loaded(t, "[lan]\nrouter = \"192.168.1.1\"\n")
		cfg.LANRouter = netip.MustParseAddr(want)
		d.now.Store(&concerns{cfg: cfg})
		if got, err := d.gateway(); err != nil || got != cfg.LANRouter {
			t.Errorf("the router is %v, %v, want %s", got, err, want)
		}
		list := d.gateways()
		if !slices.Contains(list, cfg.LANRouter) || ownErr == nil && !slices.Contains(list, own) {
			t.Errorf("the gateways are %v, want %s and %v among them", list, want, own)
		}
	}
	d.now.Store(&concerns{cfg: loaded(t, "")})
	if got, _ := d.gateway(); got != own {
		t.Errorf("without [lan] router it is %v, want the default gateway %v", got, own)
	}
}

func TestWhatNeedsARestart(t *testing.T) {
	for text, restart := range map[string]bool{
		"":                                   false,
		"[lan]\nrouter = \"192.168.1.1\"\n":  false,
		"[lan]\naddress = \"192.168.1.2\"\n": true,
		"[status]\nlisten = \":8054\"\n":     true,
		"[log]\nformat = \"json\"\n":         true,
		"[log]\nlevel = \"debug\"\n":         false,
		"[[portmap.forward]]\nname = \"a\"\naddress = \"192.168.1.2:22\"\n": false,
	} {
		if err := needsRestart(loaded(t, ""), loaded(t, text)); (err != nil) != restart {
			t.Errorf("%q: %v, want a restart: %v", text, err, restart)
		}
	}
	event := loaded(t, "")
	event.RouterEventPort = 49200
	if err := needsRestart(loaded(t, ""), event); err == nil || !strings.Contains(err.Error(), "event_port") {
		t.Errorf("another event_port: %v", err)
	}
}

// A forward to one of this host's own addresses, which no config names, is found
// by the daemon.
func TestForwardToOurselvesIsRefused(t *testing.T) {
	at := slices.IndexFunc(ownAddresses(), func(a netip.Addr) bool { return a.Is4() && a.IsPrivate() })
	if at < 0 {
		t.Skip("this host has no private IPv4 address")
	}
	own := ownAddresses()[at].String()
	const forward = "[[portmap.forward]]\nname = \"a\"\nprotocol = \"udp\"\naddress = "
	cfg := loaded(t, forward+"\""+own+":53\"\n")
	err := refuseExposed(cfg, ownAddresses()[at])
	if err == nil || !strings.Contains(err.Error(), "edgeguard.toml:18: portmap.forward[0].address: "+own+":53 is where edgeguard itself listens (lan:53)") {
		t.Errorf("a forward to our own DNS is %v", err)
	}
	if err := refuseExposed(loaded(t, forward+"\""+own+":54\"\n"), ownAddresses()[at]); err != nil {
		t.Errorf("a forward to another port is %v", err)
	}
}
