package config_test

// [lan], [portmap] and [[portmap.forward]]: what good ones become.

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

func TestPortmapDefaults(t *testing.T) {
	c := parse(t, minimal, nil)
	all := []fact.Method{fact.MethodIGD, fact.MethodPCP, fact.MethodNATPMP}
	if p := c.Portmap; !p.Enabled || !slices.Equal(p.Methods, all) || p.Relay != portmap.RelayOff || p.StateFile != "/data/portmap.json" {
		t.Errorf("portmap %+v", p)
	}
	if want := (config.Relay{MaxConnections: 256, MaxPerSource: 32, Idle: time.Hour}); c.Relay != want {
		t.Errorf("relay %+v, want %+v", c.Relay, want)
	}
	if c.LANRouter.IsValid() || c.LANAddress.IsValid() || c.Pinholes != nil {
		t.Errorf("lan %v, %v, pinholes %v", c.LANRouter, c.LANAddress, c.Pinholes)
	}
}

func TestPortmapEveryKey(t *testing.T) {
	c := parse(t, minimal+`
[lan]
router = "192.168.1.1"
address = "192.168.1.2"

[portmap]
enabled = true
methods = ["natpmp", "igd"]
lease_seconds = 1800
ipv6 = true
relay = "auto"
relay_max_connections = 4096
relay_max_per_source = 64
relay_idle_seconds = 60
relay_proxy_protocol = false

[[portmap.forward]]
name = "wireguard"
address = "192.168.1.2:51820"
protocol = "udp"

[[portmap.forward]]
name = "second"
address = "192.168.1.10:1883"
external_port = 1883

[[portmap.forward]]
name = "wireguard-ipv6"
address = "[2001:db8::10]:51820"
protocol = "udp"
external_port = 51820
`, nil)
	if c.Warnings != nil {
		t.Errorf("warnings %q", c.Warnings)
	}
	got := fmt.Sprint(c.LANRouter, c.LANAddress, c.Portmap.Enabled, c.Portmap.Methods, c.Portmap.Lease, " ", c.Portmap.Relay, " ", c.Relay)
	if want := "192.168.1.1 192.168.1.2 true [natpmp igd] 30m0s auto {4096 64 1m0s false}"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got = fmt.Sprint(c.Portmap.Forwards)
	if want := "[{mqtt TCP 8883 192.168.1.10:8883} {wireguard UDP 51820 192.168.1.2:51820} {second TCP 1883 192.168.1.10:1883}]"; got != want {
		t.Errorf("forwards %s\nwant %s", got, want)
	}
	if got, want := fmt.Sprint(c.Pinholes), "[{wireguard-ipv6 UDP 51820 2001:db8::10 }]"; got != want {
		t.Errorf("pinholes %s, want %s", got, want)
	}
	if len(c.Services) != 1 || len(c.Hairpin.Services) != 1 {
		t.Errorf("a forward became a service: %+v", c.Services)
	}
}

func TestManualHasTwoWords(t *testing.T) {
	for _, text := range []string{"enabled = false", `methods = ["manual"]`, "enabled = false\nmethods = [\"manual\"]"} {
		c := parse(t, minimal+"lan_ipv6 = \"2001:db8::10\"\n[portmap]\n"+text+"\n", nil)
		if c.Portmap.Enabled || c.Portmap.Methods != nil || len(c.Portmap.Forwards) != 1 || c.Pinholes != nil || c.Warnings != nil {
			t.Errorf("%s: %+v, pinholes %v, warnings %q", text, c.Portmap, c.Pinholes, c.Warnings)
		}
	}
}

func TestPinholes(t *testing.T) {
	const record = "[[ddns]]\nprovider = \"desec\"\ndomain = \"%s\"\ntypes = [\"A\", \"AAAA\"]\ntoken = \"" + token + "\"\n"
	rec := func(domain string) string { return strings.Replace(record, "%s", domain, 1) }
	const other = "[[service]]\nname = \"web\"\naddress = \"192.168.1.10:443\"\n"
	for name, test := range map[string]struct{ text, want string }{
		"IPv4 alone":       {minimal, "[]"},
		"unique local":     {minimal + "lan_ipv6 = \"fd00::10\"\n", "[]"},
		"lan_ipv6":         {minimal + "lan_ipv6 = \"2001:db8::10\"\n", "[{mqtt TCP 8883 2001:db8::10 }]"},
		"address":          {"[[service]]\nname = \"a\"\naddress = \"[2001:db8::10]:8883\"\n", "[{a TCP 8883 2001:db8::10 }]"},
		"switched off":     {minimal + "lan_ipv6 = \"2001:db8::10\"\n[portmap]\nipv6 = false\n", "[]"},
		"record":           {minimal + rec("a.dedyn.io"), "[{mqtt TCP 8883 invalid IP a.dedyn.io}]"},
		"record and host":  {minimal + rec("a.dedyn.io") + "ipv6_host = \"::10\"\n", "[{mqtt TCP 8883 invalid IP a.dedyn.io}]"},
		"record and both":  {minimal + "lan_ipv6 = \"2001:db8::10\"\n" + rec("a.dedyn.io"), "[{mqtt TCP 8883 2001:db8::10 a.dedyn.io}]"},
		"two at one place": {minimal + other + rec("a.dedyn.io"), "[{mqtt TCP 8883 invalid IP a.dedyn.io} {web TCP 443 invalid IP a.dedyn.io}]"},
		"two domains":      {minimal + rec("a.dedyn.io") + rec("b.dedyn.io"), "[{mqtt TCP 8883 invalid IP a.dedyn.io}]"},
		"two hosts": {minimal + rec("a.dedyn.io") + rec("b.dedyn.io") + "ipv6_host = \"::10\"\n",
			"[{mqtt TCP 8883 invalid IP a.dedyn.io} {mqtt TCP 8883 invalid IP b.dedyn.io}]"},
		"another's record": {minimal + "names = [\"a.dedyn.io\"]\n" + strings.Replace(other, ".10:", ".11:", 1) + rec("a.dedyn.io"), "[{mqtt TCP 8883 invalid IP a.dedyn.io}]"},
		"another port":     {minimal + "lan_ipv6 = \"2001:db8::10\"\nexternal_port = 443\n", "[{mqtt TCP 8883 2001:db8::10 }]"},
	} {
		if got := fmt.Sprint(parse(t, test.text, nil).Pinholes); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// The record's address of the day counts; that nobody knows it proves nothing.
func TestPinholeLeadsToTheRecordsAddress(t *testing.T) {
	static, today := netip.MustParseAddr("2001:db8::10"), netip.MustParseAddr("2a02:8071::10")
	now := time.Now()
	for name, test := range map[string]struct {
		pinhole config.Pinhole
		current fact.Observation
		want    string
	}{
		"no record":          {config.Pinhole{Port: 1, Address: static}, fact.Observation{}, "[2001:db8::10]:1"},
		"another's address":  {config.Pinhole{Port: 1, Address: static}, fact.KnownAddr(today, "", now), "[2001:db8::10]:1"},
		"known":              {config.Pinhole{Port: 1, Record: "a.example"}, fact.KnownAddr(today, "", now), "[2a02:8071::10]:1"},
		"known, and static":  {config.Pinhole{Port: 1, Record: "a.example", Address: static}, fact.KnownAddr(today, "", now), "[2a02:8071::10]:1"},
		"unknown":            {config.Pinhole{Port: 1, Record: "a.example"}, fact.UnknownAddr("", now), "invalid AddrPort"},
		"unknown and static": {config.Pinhole{Port: 1, Record: "a.example", Address: static}, fact.UnknownAddr("", now), "[2001:db8::10]:1"},
		"none":               {config.Pinhole{Port: 1, Record: "a.example", Address: static}, fact.NoAddr("", now), "invalid AddrPort"},
		"not global":         {config.Pinhole{Port: 1, Record: "a.example"}, fact.KnownAddr(netip.MustParseAddr("fd00::1"), "", now), "invalid AddrPort"},
	} {
		if got := test.pinhole.Internal(test.current).String(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// The router cannot forward to 127.0.0.1, and knows this host by its address.
func TestServiceOnLoopbackIsForwardedToThisHost(t *testing.T) {
	const service = "[[service]]\nname = \"mqtt\"\naddress = \"127.0.0.1:8883\"\n"
	for text, want := range map[string]string{
		"": "127.0.0.1:8883", "[lan]\naddress = \"192.168.1.2\"\n": "192.168.1.2:8883",
		"[wan]\nevent_host = \"192.168.1.3\"\nevent_port = 49200\n": "192.168.1.3:8883",
	} {
		if got := parse(t, service+text, nil).Portmap.Forwards[0].Internal.String(); got != want {
			t.Errorf("%q leads to %s, want %s", text, got, want)
		}
	}
}

func TestEventHostAndAddressAreOne(t *testing.T) {
	own := netip.MustParseAddr("192.168.1.2")
	for _, text := range []string{
		"[lan]\naddress = \"192.168.1.2\"\n",
		"[wan]\nevent_port = 49200\nevent_host = \"192.168.1.2\"\n",
		"[lan]\naddress = \"192.168.1.2\"\n[wan]\nevent_port = 49200\nevent_host = \"::ffff:192.168.1.2\"\n",
	} {
		if c := parse(t, minimal+text, nil); c.LANAddress != own || c.Warnings != nil {
			t.Errorf("%s: %v, warnings %q", text, c.LANAddress, c.Warnings)
		}
	}
}

func TestLANFromEnvironment(t *testing.T) {
	c := parse(t, "", map[string]string{
		config.EnvServiceAddress: "192.168.1.10:8883", config.EnvLANRouter: " 192.168.1.1 ", config.EnvLANAddress: "192.168.1.2", config.EnvWANEventPort: "49200",
	})
	if got := fmt.Sprint(c.LANRouter, c.LANAddress, c.RouterEventPort); got != "192.168.1.1 192.168.1.2 49200" {
		t.Errorf("got %s", got)
	}
}

// What cannot be known from the config alone is found when this host's
// addresses are.
func TestExposedToTheInternet(t *testing.T) {
	lan, second := netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("192.168.1.3")
	own := []netip.Addr{lan, second, netip.MustParseAddr("127.0.0.1")}
	forward := func(address, protocol string) string {
		return fmt.Sprintf("[[portmap.forward]]\nname = \"f\"\naddress = %q\nprotocol = %q\n", address, protocol)
	}
	for text, exposed := range map[string]bool{
		minimal: false,
		minimal + forward("192.168.1.2:53", "udp"):                                                                 true,
		minimal + forward("192.168.1.2:53", "tcp"):                                                                 true,
		minimal + forward("192.168.1.3:53", "udp"):                                                                 false, // "lan" is the other address
		minimal + forward("192.168.1.4:53", "udp"):                                                                 false,
		minimal + forward("192.168.1.3:8053", "tcp"):                                                               true, // on every address
		minimal + forward("192.168.1.3:8053", "udp"):                                                               false,
		minimal + forward("192.168.1.2:51820", "udp"):                                                              false,
		"[[service]]\nname = \"a\"\naddress = \"192.168.1.2:8053\"\nkind = \"tls\"\n":                              true,
		minimal + "[dns]\nlisten = [\":5300\"]\n" + forward("192.168.1.3:5300", "udp"):                             true,
		minimal + "[wan]\nevent_port = 49200\n" + forward("192.168.1.2:49200", "tcp"):                              true,
		minimal + "[dns]\nlisten = [\"192.168.1.3:53\"]\n" + forward("192.168.1.2:53", "udp"):                      false,
		minimal + "[status]\nlisten = \"127.0.0.1:8053\"\n" + forward("192.168.1.2:8053", "tcp"):                   false,
		minimal + "[lan]\naddress = \"192.168.1.9\"\n[portmap]\nenabled=true\n" + forward("192.168.1.9:54", "udp"): false,
	} {
		c := parse(t, text, nil)
		err := c.Exposed(lan, own)
		var list *config.Errors
		if (err != nil) != exposed || err != nil && (!errors.As(err, &list) || list.List[0].Line == 0 || !strings.Contains(list.List[0].Key, "address")) {
			t.Errorf("%s\nis %v, want exposed: %v", text, err, exposed)
		}
		if err := c.Exposed(netip.Addr{}, nil); err != nil {
			t.Errorf("%s\nwithout knowing our addresses: %v", text, err)
		}
	}
}
