package config_test

// What a good config becomes: defaults, every key, the environment.

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/wan"
)

const token = "0123abcd-0123-4567-89ab-0123456789ab"

const minimal = `
[[service]]
name    = "mqtt"
address = "192.168.1.10:8883"
`

func parse(t *testing.T, text string, env map[string]string) *config.Config {
	t.Helper()
	c, err := config.Parse("edgeguard.toml", []byte(text), lookup(env), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := parse(t, minimal, nil)
	if c.StateDir != "/data" || c.DDNS.StateFile != "/data/ddns.json" || len(c.DDNS.Records) != 0 {
		t.Errorf("state %q, %+v", c.StateDir, c.DDNS)
	}
	broker := netip.MustParseAddrPort("192.168.1.10:8883")
	if s := c.Services[0]; s.ExternalPort != 8883 || s.Kind != "mqtt" || s.Roots != nil || s.Address != broker {
		t.Errorf("service %+v", s)
	}
	want := []wan.SourceSpec{{Type: "igd"}, {Type: "natpmp"}, {Type: "https", URL: "https://api.ipify.org"}, {Type: "https", URL: "https://ipv4.icanhazip.com"},
		{Type: "dns", Arg: "opendns"}, {Type: "stun", Arg: "stun.l.google.com:19302"}}
	if !slices.Equal(c.WANSources, want) {
		t.Errorf("sources %v", c.WANSources)
	}
	want6 := []wan.SourceSpec{{Type: "https", URL: "https://api6.ipify.org", Family: wan.IPv6}, {Type: "https", URL: "https://ipv6.icanhazip.com", Family: wan.IPv6}}
	if !slices.Equal(c.WANSourcesIPv6, want6) || c.WANIPv6Interface != "" {
		t.Errorf("IPv6 sources %v, interface %q", c.WANSourcesIPv6, c.WANIPv6Interface)
	}
	parties := map[string]bool{}
	for _, spec := range c.WANSources {
		if spec.Outside() {
			parties[spec.Party()] = true
		}
	}
	if len(parties) < 3 {
		t.Errorf("the default sources are of %d companies only", len(parties))
	}
	forward := []portmap.Forward{{Service: "mqtt", Protocol: fact.TCP, ExternalPort: 8883, Internal: broker}}
	if !c.Portmap.Enabled || c.Portmap.Lease != time.Hour || !slices.Equal(c.Portmap.Forwards, forward) {
		t.Errorf("portmap %+v", c.Portmap)
	}
	quad9 := []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:53"), netip.MustParseAddrPort("149.112.112.112:53")}
	if up := fmt.Sprint(c.Upstream.Specs); up != "[tls://9.9.9.9#dns.quad9.net tls://149.112.112.112#dns.quad9.net https://9.9.9.9/dns-query#dns.quad9.net https://1.1.1.1/dns-query#cloudflare-dns.com]" {
		t.Errorf("upstreams %s", up)
	}
	if p, err := upstream.New(c.Upstream); err != nil || len(p.Status()) != len(c.Upstream.Specs) {
		t.Errorf("the default upstreams cannot be used: %v", err)
	}
	if !slices.Equal(c.Upstream.Bootstrap, quad9) || !slices.Equal(c.DDNS.Resolvers, quad9) || c.DNS.CacheBytes != 8<<20 || c.DNSTTL != time.Minute {
		t.Errorf("dns %+v, resolvers %v, TTL %v", c.DNS, c.DDNS.Resolvers, c.DNSTTL)
	}
	if !slices.Equal(c.DNSListen, []config.Listen{{LAN: true, Port: 53}}) || c.Status.Listen != (config.Listen{Port: 8053}) {
		t.Errorf("listen %v, status %v", c.DNSListen, c.Status.Listen)
	}
	if c.Log.Level != slog.LevelInfo || c.Log.Format != config.FormatAuto || c.Names != nil || c.Warnings != nil {
		t.Errorf("log %+v, names %v, warnings %q", c.Log, c.Names, c.Warnings)
	}
}

func TestEveryKey(t *testing.T) {
	c := parse(t, `
state_dir = "state"

[[service]]
name = "web"
address = "[::ffff:192.168.1.10]:443"
external_port = 8443
names = ["WWW.example.org.", "home.example.org"]
kind = "tls"
lan_ipv6 = "fd00::10"

[[ddns]]
provider = "cloudflare"
domain = "HOME.example.org."
zone = "example.org"
token = " `+token+` "

[wan]
sources = ["http://192.0.2.1/ip"]

[portmap]
enabled = false
lease_seconds = 0x78
relay = "off"

[dns]
listen = ["192.168.1.2:53", "[::1]:53", ":54", "lan:55"]
upstreams = ["192.168.1.1", "[2620:fe::fe]:9953", "tls://dns.quad9.net:853", "2620:fe::9"]
bootstrap = ["192.168.1.1"]
allow = ["10.8.0.5/24", "10.9.0.1", "10.8.0.0/24", "::ffff:10.7.0.0/120"]
cache_bytes = 0
ttl_seconds = 86_400

[certificate]
mode = "none"

[status]
listen = "127.0.0.1:0"

[log]
level = "debug"
format = "json"
`, nil)
	got := fmt.Sprintf("%v %v %v %v %v %v", c.DNSListen, c.Upstream.Specs, c.DNS.Allow, c.DNS.CacheBytes, c.DNSTTL, c.Status.Listen)
	want := "[192.168.1.2:53 [::1]:53 :54 lan:55] [192.168.1.1 [2620:fe::fe]:9953 tls://dns.quad9.net [2620:fe::9]] [10.8.0.0/24 10.9.0.1/32 10.7.0.0/24] -1 24h0m0s 127.0.0.1:0"
	if got != want {
		t.Errorf("dns and status:\n%s\nwant\n%s", got, want)
	}
	v4, v6 := []netip.Addr{netip.MustParseAddr("192.168.1.10")}, []netip.Addr{netip.MustParseAddr("fd00::10")}
	names := []zone.Override{
		{Name: "home.example.org", V4: v4, V6: v6, Reason: "configured"},
		{Name: "www.example.org", V4: v4, V6: v6, Reason: "configured"},
	}
	if !reflect.DeepEqual(c.Names, names) {
		t.Errorf("names %+v", c.Names)
	}
	r := c.DDNS.Records[0]
	if r.Provider != "cloudflare" || r.Domain != "home.example.org" || r.Zone != "example.org" || r.Token.Reveal() != token {
		t.Errorf("record %+v", r)
	}
	if h := c.Hairpin.Services[0]; h.Kind != "tls" || h.ExternalPort != 8443 || !slices.Equal(h.Names, []string{"www.example.org", "home.example.org"}) {
		t.Errorf("hairpin %+v", h)
	}
	if c.Portmap.Enabled || c.Portmap.Lease != 2*time.Minute || c.Log.Level != slog.LevelDebug || c.Log.Format != config.FormatJSON || c.StateDir != "state" {
		t.Errorf("the rest %+v %+v %q", c.Portmap, c.Log, c.StateDir)
	}
}

func TestDomainBelongsToTheFirstServiceAtOneAddress(t *testing.T) {
	c := parse(t, minimal+`names = ["mqtt.example.org"]
[[service]]
name = "web"
address = "192.168.1.10:443"
names = ["mqtt.example.org"]
[[ddns]]
provider = "duckdns"
domain = "myhome.duckdns.org"
token = "`+token+`"
`, nil)
	if !slices.Equal(c.Services[0].Names, []string{"mqtt.example.org", "myhome.duckdns.org"}) || len(c.Services[1].Names) != 1 {
		t.Errorf("services %+v", c.Services)
	}
	if len(c.Names) != 2 || c.Names[1].Name != "myhome.duckdns.org" || c.Names[1].V4[0].String() != "192.168.1.10" || c.Names[1].V6 != nil {
		t.Errorf("names %+v", c.Names)
	}
	if !slices.Equal(c.Hairpin.Services[0].Names, c.Services[0].Names) {
		t.Errorf("the prober's names are %v", c.Hairpin.Services[0].Names)
	}
}

func TestIPv6ServiceIsNotForwarded(t *testing.T) {
	c := parse(t, "[[service]]\nname = \"a\"\naddress = \"[fd00::10]:8883\"\nnames = [\"a.example\"]\n", nil)
	if len(c.Portmap.Forwards) != 0 || c.Names[0].V4 != nil || len(c.Names[0].V6) != 1 {
		t.Errorf("%+v, %+v", c.Portmap.Forwards, c.Names)
	}
}

func TestWindowsText(t *testing.T) {
	parse(t, "\ufeff"+strings.ReplaceAll(minimal, "\n", "\r\n"), nil)
}

func TestTokenFile(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "token"), []byte("\ufeff"+token+"\r\n"), 0o600)
	text := minimal + "[[ddns]]\nprovider = \"duckdns\"\ndomain = \"a.duckdns.org\"\ntoken_file = \"token\"\n"
	file := filepath.Join(dir, "edgeguard.toml")
	write(t, file, []byte(text), 0o644)
	c, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.DDNS.Records[0].Token.Reveal() != token || c.Warnings != nil {
		t.Errorf("token wrong, or warnings %q", c.Warnings)
	}
	write(t, filepath.Join(dir, "token"), []byte(token), 0o644)
	c, err = config.Load(file, nil)
	if err != nil || len(c.Warnings) != 1 || !strings.HasPrefix(c.Warnings[0], file+":8: ddns[0].token_file: everybody") {
		t.Errorf("world-readable: %v, %v", c, err)
	}
	write(t, filepath.Join(dir, "token"), slices.Repeat([]byte{'a'}, 4097), 0o600)
	if _, err = config.Load(file, nil); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("4,097 bytes: %v", err)
	}
}

func TestExposedConfigFileWithAToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "edgeguard.toml")
	text := minimal + "[[ddns]]\nprovider = \"duckdns\"\ndomain = \"a.duckdns.org\"\ntoken = \"" + token + "\"\n"
	for mode, warnings := range map[os.FileMode]int{0o600: 0, 0o640: 0, 0o644: 1} {
		write(t, file, []byte(text), mode)
		c, err := config.Load(file, nil)
		if err != nil || len(c.Warnings) != warnings {
			t.Errorf("mode %v: %v, %v", mode, c, err)
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c := parse(t, minimal, map[string]string{
		"EDGEGUARD_DDNS_PROVIDER": "duckdns", "EDGEGUARD_DDNS_DOMAIN": "a.duckdns.org", "EDGEGUARD_DDNS_TOKEN": token,
	})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if s := fmt.Sprintf(verb, *c); strings.Contains(s, token) || strings.Contains(s, fmt.Sprintf("%x", token)) {
			t.Errorf("%s prints the token", verb)
		}
	}
	if c.DDNS.Records[0].Token.Reveal() != token {
		t.Error("the token was not taken up")
	}
}

func TestEnvironmentToken(t *testing.T) {
	text := minimal + "[[ddns]]\nprovider = \"duckdns\"\ndomain = \"a.duckdns.org\"\n"
	c := parse(t, text, map[string]string{"EDGEGUARD_DDNS_TOKEN": token, "EDGEGUARD_DDNS_TOKEN_FILE": ""})
	if c.DDNS.Records[0].Token.Reveal() != token {
		t.Error("the token was not taken up")
	}
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, []byte(token), 0o600)
	c = parse(t, text, map[string]string{"EDGEGUARD_DDNS_TOKEN_FILE": file})
	if c.DDNS.Records[0].Token.Reveal() != token {
		t.Error("the token file was not taken up")
	}
}

func TestServiceFromEnvironment(t *testing.T) {
	c := parse(t, "[log]\nlevel = \"warn\"\n", map[string]string{"EDGEGUARD_SERVICE_ADDRESS": "192.168.1.10:8883"})
	if len(c.Services) != 1 || c.Services[0].Name != "mqtt" || c.Log.Level != slog.LevelWarn {
		t.Errorf("%+v", c)
	}
}

func TestConfigFileAbsent(t *testing.T) {
	if _, err := os.Stat(config.DefaultPath); !errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is there", config.DefaultPath)
	}
	env := map[string]string{
		"EDGEGUARD_SERVICE_ADDRESS": "192.168.1.10:8883", "EDGEGUARD_DDNS_PROVIDER": "duckdns",
		"EDGEGUARD_DDNS_DOMAIN": "a.duckdns.org", "EDGEGUARD_DDNS_TOKEN": token,
	}
	for _, path := range []string{"", config.DefaultPath} {
		c, err := config.Load(path, lookup(env))
		if err != nil || len(c.DDNS.Records) != 1 || c.Services[0].Names[0] != "a.duckdns.org" {
			t.Errorf("Load(%q): %+v, %v", path, c, err)
		}
	}
	env["EDGEGUARD_SERVICE_ADDRESS"] = "broker..lan:8883"
	if _, err := config.Load("", lookup(env)); err == nil || !strings.HasPrefix(err.Error(), "environment: EDGEGUARD_SERVICE_ADDRESS: the host \"broker..lan\"") {
		t.Errorf("a bad value: %v", err)
	}
	if _, err := config.Load("", nil); err == nil || !strings.HasPrefix(err.Error(), config.DefaultPath+": there is no config file; create it") {
		t.Errorf("nothing at all: %v", err)
	}
	missing := filepath.Join(t.TempDir(), "x.toml")
	env["EDGEGUARD_SERVICE_ADDRESS"], env["EDGEGUARD_CONFIG"] = "192.168.1.10:8883", missing
	for _, path := range []string{"", missing} {
		if _, err := config.Load(path, lookup(env)); err == nil || !strings.HasPrefix(err.Error(), missing+": cannot read the config file: no such file; check the path") {
			t.Errorf("Load(%q), named but missing: %v", path, err)
		}
	}
}

func TestConfigFileTooLong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.toml")
	data := slices.Repeat([]byte("# a\n"), 1<<18)
	write(t, file, append(data, '\n'), 0o600)
	_, err := config.Load(file, nil)
	_, parseErr := config.Parse(file, append(data, '\n'), nil, nil)
	if err == nil || parseErr == nil || err.Error() != parseErr.Error() {
		t.Errorf("Load: %v; Parse: %v", err, parseErr)
	}
}

func TestListenResolve(t *testing.T) {
	lan := netip.MustParseAddr("192.168.1.2")
	for text, want := range map[string]string{"lan:53": "192.168.1.2:53", ":53": "[::]:53", "0.0.0.0:53": "0.0.0.0:53", "[::1]:0": "[::1]:0"} {
		l, err := config.ParseListen(text)
		if err != nil || l.String() != text || l.Resolve(lan).String() != want {
			t.Errorf("%q becomes %v, then %v (%v)", text, l, l.Resolve(lan), err)
		}
	}
}
