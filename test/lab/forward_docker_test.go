//go:build linux

package lab_test

// A real container on the bridge of a real Docker engine, which runs on the
// lab's NAS.

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// published asks the daemon for a path from the phone, through the published
// port of its status page.
func (p *port) published(path string) ([]byte, error) {
	answer, err := p.Phone.HTTPClient(nil).Get(fmt.Sprintf("http://%s:%d%s", lab.NASAddr, lab.StatusPort, path))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 8<<20))
	if err == nil && answer.StatusCode != 200 {
		err = fmt.Errorf("%s: %s", answer.Status, body)
	}
	return body, err
}

// wellInDocker wants everything to be well in the end: the router forwards to
// the NAS, the street reaches the broker, and the router's events arrive.
func (p *port) wellInDocker(t *testing.T) {
	t.Helper()
	want := []lab.Mapping{{Protocol: "tcp", External: lab.BrokerPort, Internal: p.at}}
	lab.Eventually(t, 2*lab.Patience, func() error {
		s, err := boxedOf(p.published)
		if err != nil {
			return err
		}
		if len(s.Forwards) != 1 || s.Forwards[0].State != "active" || s.Forwards[0].Method != "igd" {
			return fmt.Errorf("the forwards are %+v", s.Forwards)
		}
		if r := s.Router; !r.Bridged || r.Local != lab.NASAddr || !r.Events.GENA.On || !strings.Contains(r.Lost, "noticed by its events, which arrive at TCP port 49200") {
			return fmt.Errorf("the router's section is %+v", r)
		}
		if got := p.Mappings(t); !slices.Equal(got, want) {
			return fmt.Errorf("the router forwards %v, want %v", got, want)
		}
		return p.open(lab.BrokerPort)()
	})
}

// followed wants a change of the public address to come as an event, and the
// forward to be back after a power cut of the router's.
func (p *port) followed(t *testing.T) {
	t.Helper()
	changed := time.Now()
	p.SetWANAddress(t, netip.MustParseAddr("11.22.33.91"))
	lab.Eventually(t, lab.Patience, func() error {
		s, err := boxedOf(p.published)
		if h := s.WAN.LastHint; err == nil && (h.Kind != "gena" || h.At.Before(changed.Truncate(time.Second))) {
			err = fmt.Errorf("the last hint is %+v", h)
		}
		return err
	})
	t.Logf("the status told of the new address's event %v after the first command", time.Since(changed).Round(time.Millisecond))
	p.RestartRouter(t, lab.Crash)
	up := time.Now()
	lab.Eventually(t, 2*lab.Patience, func() error { return p.listed(lab.BrokerPort) })
	t.Logf("listed again %v after a restart", time.Since(up).Round(100*time.Millisecond))
	p.wellInDocker(t)
}

// endedWell wants a container to have ended well, and to have left nothing.
func (p *port) endedWell(t *testing.T, e *lab.Engine, container string) {
	t.Helper()
	if state := e.Run(t, "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", container); state != "exited 0" {
		t.Errorf("the container is %s", state)
	}
	if left := p.Mappings(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Without a file: all in the environment, as a NAS's form has it.
func TestForwardDockerByTheEnvironment(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t, "secure_mode=yes")
	e := p.NAS.StartEngine(t)
	e.Run(t, "run", "-d", "--name", "edgeguard", "-p", "53:53/udp", "-p", "53:53/tcp", "-p", "8053:8053", "-p", "49200:49200",
		"-e", "EDGEGUARD_SERVICE_ADDRESS="+p.at.String(), "-e", "EDGEGUARD_LAN_ROUTER="+lab.RouterAddr.String(),
		"-e", "EDGEGUARD_LAN_ADDRESS="+lab.NASAddr.String(), "-e", "EDGEGUARD_WAN_EVENT_PORT=49200", lab.EngineImage)
	defer logs(t, e, "edgeguard")
	p.wellInDocker(t)
	p.followed(t)
	e.Run(t, "exec", "edgeguard", "/edgeguard", "healthcheck")
	e.Run(t, "stop", "-t", "30", "edgeguard")
	p.endedWell(t, e, "edgeguard")
}

// Nothing but a service is set: what is missing is said.
func TestForwardDockerWithNothingSet(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	e := p.NAS.StartEngine(t)
	e.Run(t, "run", "-d", "--name", "edgeguard", "-p", "8053:8053", "-e", "EDGEGUARD_SERVICE_ADDRESS="+p.at.String(), lab.EngineImage)
	defer logs(t, e, "edgeguard")
	lab.Eventually(t, 2*lab.Patience, func() error {
		s, err := boxedOf(p.published)
		if _, action := s.forward(); err == nil && !strings.Contains(action, "set router and address under [lan], and event_port under [wan]") {
			err = fmt.Errorf("the action is %q", action)
		}
		return err
	})
}

// The compose file and the config of the documentation, word for word but for
// the addresses.
func TestForwardDockerAsDocumented(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t, "secure_mode=yes")
	e := p.NAS.StartEngine(t)
	dir := t.TempDir()
	compose, config := documented(t)
	config = fmt.Sprintf("[[service]]\nname = \"mqtt\"\naddress = %q\nnames = [%q]\n\n[dns]\nupstreams = [%q]\n\n[log]\nlevel = \"debug\"\n\n", p.at, lab.DuckDNSName, lab.InternetAddr) + config
	put := func(name, text string) {
		t.Helper()
		text = strings.NewReplacer("192.168.1.1\"", lab.RouterAddr.String()+"\"", "192.168.1.2", lab.NASAddr.String()).Replace(text)
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file+".new", []byte(text), 0o600), os.Rename(file+".new", file)); err != nil {
			t.Fatal(err)
		}
	}
	put("docker-compose.yml", compose)
	put("config/edgeguard.toml", config)
	e.Compose(t, dir, "config", "--quiet")
	e.Compose(t, dir, "up", "-d")
	container := e.Compose(t, dir, "ps", "-q")
	defer logs(t, e, container)
	p.wellInDocker(t)
	p.followed(t)
	// The phone asks it for names, and is known by its own address.
	lab.Eventually(t, lab.Patience, p.Phone.WantA(lab.NASAddr, lab.DuckDNSName, lab.NASAddr))
	if answer, err := p.Phone.AskOver("tcp", lab.NASAddr, lab.DuckDNSName, 1); err != nil || len(answer.Answer) != 1 {
		t.Errorf("over TCP: %v, %v", answer, err)
	}
	lab.Eventually(t, lab.Patience, func() error {
		s, err := boxedOf(p.published)
		if c := s.DNS.Clients; err == nil && (len(c) != 1 || c[0].Address != lab.PhoneAddr.String()) {
			err = fmt.Errorf("the DNS has seen %+v", c)
		}
		return err
	})
	// An editor puts another file in its place.
	put("config/edgeguard.toml", strings.Replace(config, lab.DuckDNSName, lab.CloudflareName, 1))
	lab.Eventually(t, lab.Patience, p.Phone.WantA(lab.NASAddr, lab.CloudflareName, lab.NASAddr))
	// What it knew is in the volume, and it goes on where it was.
	e.Compose(t, dir, "restart")
	p.wellInDocker(t)
	e.Compose(t, dir, "stop", "-t", "30")
	p.endedWell(t, e, container)
	e.Compose(t, dir, "down", "-v")
}

// documented are the compose file and the config in docs/configuration.md.
func documented(t *testing.T) (compose, config string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## In a container without the host's network\n")
	block := func(language string) string {
		_, rest, ok := strings.Cut(section, "```"+language+"\n")
		body, _, ends := strings.Cut(rest, "```")
		found = found && ok && ends
		return body
	}
	compose, config = block("yaml"), block("toml")
	if !found {
		t.Fatal("the documentation has no such section with a compose file and a config")
	}
	return compose, config
}

// logs prints what a container wrote, where the test failed.
func logs(t *testing.T, e *lab.Engine, container string) {
	if t.Failed() {
		text, err := e.Try("logs", "--tail", "60", container)
		t.Logf("the container wrote last: %v\n%s", err, text)
	}
}
