package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
)

const quietConfig = `
[[service]]
name = "mqtt"
address = "127.0.0.77:8883"
names = ["%NAME%"]

[wan]
sources = ["http://127.0.0.1:9/"]

[portmap]
enabled = false

[dns]
upstreams = ["127.0.0.1:9"]
`

// port returns an address of loopback whose port is free for UDP and TCP.
func port(t *testing.T) string {
	t.Helper()
	port, err := quietPort()
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + strconv.Itoa(port)
}

// A SIGHUP reloads even a file that looks untouched, such as one whose token
// file has changed.
func TestHangupReloads(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "edgeguard.toml")
	write := func(name string) {
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(quietConfig, "%NAME%", name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one.example.org")
	opt := &options{config: file}
	flags := listenFlags{dns: port(t), status: port(t)}
	loads := make(chan struct{}, 100)
	load := func() (*config.Config, error) {
		loads <- struct{}{}
		return loadConfig(opt, flags)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runDaemon(ctx, opt, load, t.Output()) }()
	<-loads
	until(t, func() error { return conditions["answers"]([]string{flags.dns, "one.example.org", "127.0.0.77"}) })

	write("two.example.org")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	<-loads
	until(t, func() error { return conditions["answers"]([]string{flags.dns, "two.example.org", "127.0.0.77"}) })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func until(t *testing.T, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// What a new config leaves as it was goes on with all it knows.
func TestReloadKeepsWhatDidNotChange(t *testing.T) {
	load := func(change func(string) string) *config.Config {
		text := change(strings.ReplaceAll(quietConfig, "%NAME%", "one.example.org"))
		cfg, err := config.Parse("edgeguard.toml", []byte(text), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	same := func(s string) string { return s }
	d := &daemon{log: newLogger(t.Output(), nil, "text", (&secretList{}).all), news: newNews()}
	old, err := d.makeConcerns(load(same), nil)
	if err != nil {
		t.Fatal(err)
	}
	kept := func(c *concerns) string {
		var list []string
		for name, same := range map[string]bool{
			"upstream": c.upstream == old.upstream, "wan": c.wan == old.wan, "ddns": c.ddns == old.ddns,
			"portmap": c.portmap == old.portmap, "hairpin": c.hairpin == old.hairpin, "notify": c.notify == old.notify,
		} {
			if same {
				list = append(list, name)
			}
		}
		return strings.Join(sorted(list), " ")
	}
	for name, test := range map[string]struct {
		change func(string) string
		want   string
	}{
		"nothing":    {same, "ddns hairpin notify portmap upstream wan"},
		"a comment":  {func(s string) string { return "# hello\n" + s }, "ddns hairpin notify portmap upstream wan"},
		"sources":    {func(s string) string { return strings.Replace(s, ":9/", ":9/x", 1) }, "notify portmap upstream"},
		"a receiver": {func(s string) string { return s + "[[notify]]\nurl = \"ntfy://ntfy.sh/a-topic\"\n" }, "ddns hairpin portmap upstream wan"},
		"a forward": {func(s string) string {
			return s + "[[portmap.forward]]\nname = \"vpn\"\naddress = \"192.168.1.2:51820\"\n"
		}, "ddns hairpin notify upstream wan"},
		"a limit": {func(s string) string {
			return strings.Replace(s, "enabled = false", "enabled = false\nrelay_max_connections = 9", 1)
		}, "ddns hairpin notify upstream wan"},
		"the router": {func(s string) string { return "[lan]\nrouter = \"192.168.1.254\"\n" + s }, "ddns hairpin notify portmap upstream wan"},
		"a name":     {func(s string) string { return strings.Replace(s, "one.", "two.", 1) }, "ddns notify portmap upstream wan"},
	} {
		t.Run(name, func(t *testing.T) {
			next, err := d.makeConcerns(load(test.change), old)
			if err != nil {
				t.Fatal(err)
			}
			if got := kept(next); got != test.want {
				t.Errorf("kept %q, want %q", got, test.want)
			}
		})
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}
