package config_test

// [[notify]], [push], the events' keys of [wan] and the records of two types.

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/notify"
)

func TestRecordsOfTwoTypes(t *testing.T) {
	c := parse(t, minimal+`lan_ipv6 = "2001:db8:1:2:1a2b:3cff:fe4d:5e6f"
names = ["*.example.org"]
wildcard = true
[[ddns]]
provider = "cloudflare"
domain = "mqtt.example.org"
types = ["A", "AAAA"]
token = "`+token+`"
[[ddns]]
provider = "cloudflare"
domain = "*.example.org"
types = ["AAAA"]
ipv6_host = "::99"
token = "`+token+`"
[[ddns]]
provider = "duckdns"
domain = "b.duckdns.org"
token = "`+token+`"
`, nil)
	var got []string
	for _, r := range c.DDNS.Records {
		got = append(got, fmt.Sprint(r.Provider, " ", r.Domain, " ", r.Type, " ", r.Host))
	}
	want := []string{
		"cloudflare mqtt.example.org A invalid IP", "cloudflare mqtt.example.org AAAA ::1a2b:3cff:fe4d:5e6f",
		"cloudflare *.example.org AAAA ::99", "duckdns b.duckdns.org A invalid IP",
	}
	if !slices.Equal(got, want) || c.Warnings != nil {
		t.Errorf("got %q, warnings %q", got, c.Warnings)
	}
	if !slices.Equal(c.Services[0].Names, []string{"mqtt.example.org", "b.duckdns.org"}) || len(c.Names) != 3 {
		t.Errorf("names %q, overrides %+v", c.Services[0].Names, c.Names)
	}
}

func TestNotifyAndPush(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "url"), []byte("ntfy://ntfy.sh/my-secret-topic\n"), 0o644)
	write(t, filepath.Join(dir, "password"), []byte("blank and ümlaut\n"), 0o600)
	file := filepath.Join(dir, "edgeguard.toml")
	write(t, file, []byte(minimal+`
[wan]
event_port = 49200
event_host = "::ffff:192.168.1.2"
[[notify]]
url = "https://hooks.example.org/my-secret-path"
on = ["failure", "recovery"]
after_seconds = 90
[[notify]]
url_file = "`+filepath.Join(dir, "url")+`"
[push]
user = "fritz box"
password_file = "password"
`), 0o600)
	c, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.RouterEventPort != 49200 || c.LANAddress != netip.MustParseAddr("192.168.1.2") {
		t.Errorf("events at %v:%d", c.LANAddress, c.RouterEventPort)
	}
	if c.Push.User != "fritz box" || c.Push.Password.Reveal() != "blank and ümlaut" {
		t.Errorf("push %+v", c.Push)
	}
	n := c.Notify.Targets
	if len(n) != 2 || c.Notify.StateFile != "/data/notify.json" || n[0].Name != "notify[0]" || n[1].URL.Reveal() != "ntfy://ntfy.sh/my-secret-topic" ||
		!slices.Equal(n[0].On, []notify.Event{notify.Failure, notify.Recovery}) || n[0].After != 90*time.Second || n[1].On != nil || n[1].After != 10*time.Minute {
		t.Errorf("notify %+v", c.Notify)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "everybody on this host can read "+filepath.Join(dir, "url")) {
		t.Errorf("warnings %q", c.Warnings)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
		for _, secret := range []string{"my-secret", "ümlaut"} {
			if strings.Contains(fmt.Sprintf(verb, *c), secret) {
				t.Errorf("%s prints %s", verb, secret)
			}
		}
	}
}

func TestNothingIsTheDefault(t *testing.T) {
	c := parse(t, minimal, nil)
	if c.Notify.Targets != nil || c.Push.User != "" || !c.Push.Password.IsZero() || c.RouterEventPort != 0 || c.LANAddress.IsValid() {
		t.Errorf("%+v", c)
	}
}

// Whatever is wrong with a URL or a password, no part of it is told.
func TestNotifySecretsAreNotQuoted(t *testing.T) {
	const hidden = "Zq7xW9kP2m"
	for _, line := range []string{
		`url = "S"`, `url = "S://host/x"`, `url = "ntfy://S@/topic"`, `url = "ntfy://h/S/S"`, `url = "discord://S@S"`, `url = "https://S:S@"`,
		`url = "https://h/%ZZS"`, `url = "gotify://S"`, `url = "telegram://S@telegram?chats=S"`, `url = "telegram://1:S@telegram?S=1"`,
		`url = "slack://hook:S@webhook"`, `url = "pushover://S@u"`, `url = "generic://h?@S=\u0007"`, `url = "generic://h?template=S"`,
		`url = "ntfy://h S/x"`, `url_file = "S"`, `url_file = "ntfy://h/S"`, `url = ["S"]`, `url = "ntfy://h/t?priority=S"`,
		"[push]\npassword = \"S\"\nuser = \"a:S\"", "[push]\npassword = \"S\\u0007\"", "[push]\npassword_file = \"S\"",
	} {
		text := minimal + "[[notify]]\n" + strings.ReplaceAll(line, "S", hidden) + "\n"
		_, err := config.Parse("f.toml", []byte(text), nil, noFiles)
		if err == nil {
			t.Errorf("%s was accepted", line)
		} else if strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: the secret is in:\n%v", line, err)
		}
	}
}

func TestWholeDDNSFromEnvironment(t *testing.T) {
	c := parse(t, minimal, map[string]string{
		"EDGEGUARD_DDNS_PROVIDER": "cloudflare", "EDGEGUARD_DDNS_DOMAIN": "a.example.org", "EDGEGUARD_DDNS_TOKEN": token,
		"EDGEGUARD_DDNS_TYPES": "A, AAAA", "EDGEGUARD_DDNS_ZONE": "example.org",
	})
	r := c.DDNS.Records
	if len(r) != 2 || r[0].Type != "A" || r[1].Type != "AAAA" || r[1].Zone != "example.org" || r[1].Token.Reveal() != token {
		t.Errorf("%+v", r)
	}
}
