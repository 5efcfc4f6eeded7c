package config_test

// Services that are found: what follows from where they are.

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/edgeguard/edgeguard/internal/config"
)

const threeServices = `
[[service]]
name = "mqtt"
address = "broker.lan:8883"
names = ["mqtt.example.org"]

[[service]]
name = "web"
address = ":443"
mac = "AA-BB-CC-DD-EE-FF"
lan_ipv6 = "2001:db8::1"

[[service]]
name = "cloud"
address = "broker.example.com:8883"
remote = true

[[portmap.forward]]
name = "ssh"
address = "192.168.1.11:22"
`

func TestLocated(t *testing.T) {
	c, err := config.Parse("three.toml", []byte(threeServices), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Services[0].Host != "broker.lan" || c.Services[1].MAC != "aa:bb:cc:dd:ee:ff" || !c.Services[2].Remote || c.Services[1].Port != 443 {
		t.Fatalf("%+v", c.Services)
	}
	if len(c.Portmap.Forwards) != 1 || c.Portmap.Forwards[0].Service != "ssh" || len(c.Portmap.Waiting) != 2 || c.Names != nil {
		t.Errorf("before anything is found: %+v, names %+v", c.Portmap, c.Names)
	}
	at := map[string]netip.Addr{
		"mqtt": netip.MustParseAddr("192.168.1.10"), "web": netip.MustParseAddr("192.168.1.20"), "cloud": netip.MustParseAddr("203.0.113.9"),
	}
	l := c.Located(at)
	var got []string
	for _, f := range l.Portmap.Forwards {
		got = append(got, f.Service+" "+f.Internal.String())
	}
	if want := []string{"mqtt 192.168.1.10:8883", "web 192.168.1.20:443", "ssh 192.168.1.11:22"}; !reflect.DeepEqual(got, want) || l.Portmap.Waiting != nil {
		t.Errorf("forwards %q, want %q; waiting %+v", got, want, l.Portmap.Waiting)
	}
	if len(l.Names) != 1 || l.Names[0].V4[0] != at["mqtt"] {
		t.Errorf("names %+v", l.Names)
	}
	if len(l.Pinholes) != 1 || l.Pinholes[0].Port != 443 {
		t.Errorf("pinholes %+v", l.Pinholes)
	}
	cloud := l.Hairpin.Services[2]
	if cloud.Address.String() != "203.0.113.9:8883" || !cloud.Remote || !reflect.DeepEqual(cloud.Names, []string{"broker.example.com"}) {
		t.Errorf("the prober looks at %+v", cloud)
	}
	if again := l.Located(nil); !reflect.DeepEqual(again, c) {
		t.Errorf("not found any more: %+v, want %+v", again, c)
	}
	if again := c.Located(at); !reflect.DeepEqual(again, l) {
		t.Error("the same addresses make another config")
	}
	if l.RemoteOnly() || !reflect.DeepEqual(l.RemoteNames(), []string{"broker.example.com"}) {
		t.Errorf("remote: %v %q", l.RemoteOnly(), l.RemoteNames())
	}
}

// A service that is found at this host's own address, at a port of ours, is as
// exposed as one that is written so.
func TestLocatedAtOurOwnPortIsExposed(t *testing.T) {
	c, err := config.Parse("own.toml", []byte("[[service]]\nname = \"dns\"\naddress = \"nas.lan:53\"\n"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	own := netip.MustParseAddr("192.168.1.10")
	if err := c.Exposed(own, []netip.Addr{own}); err != nil {
		t.Errorf("before it is found: %v", err)
	}
	if err := c.Located(map[string]netip.Addr{"dns": own}).Exposed(own, []netip.Addr{own}); err == nil {
		t.Error("our own DNS server would be forwarded")
	}
}
