package main

// How much memory the daemon takes, as the system counts it: the binary as it
// ships, a house's config, a real upstream on loopback.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/miekg/dns"
)

const (
	// residentIdle and residentFull are in KiB: what the daemon may take while
	// nothing is asked, and after residentNames names with the cache as it is
	// by default.
	residentIdle  = 16 << 10
	residentFull  = 32 << 10
	residentNames = 100_000
	// residentClients ask at once, one question after the other each.
	residentClients = 16
)

const residentConfig = `
state_dir = "state"

[[service]]
name = "mqtt"
kind = "tls"
address = "%BROKER%"
names = ["mqtt.example.org"]

[wan]
sources = ["https://%BROKER%/"]

[portmap]
enabled = false

[dns]
listen = ["%DNS%"]
upstreams = ["%UPSTREAM%"]

[[dns.forward]]
zone = "fritz.box"
upstreams = ["127.0.0.1:9"]

[status]
listen = "%STATUS%"
`

func TestResidentSize(t *testing.T) {
	if testing.Short() {
		t.Skip("asks 100,000 names, which takes half a minute")
	}
	dir := t.TempDir()
	server, statusAt := port(t), port(t)
	// Its handshakes make the daemon load the system's certificates, as any at
	// home do.
	broker := httptest.NewTLSServer(nil)
	defer broker.Close()
	text := strings.NewReplacer("%BROKER%", broker.Listener.Addr().String(), "%DNS%", server,
		"%UPSTREAM%", quickUpstream(t), "%STATUS%", statusAt).Replace(residentConfig)
	file := filepath.Join(dir, "edgeguard.toml")
	if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.Mkdir(filepath.Join(dir, "state"), 0o700)); err != nil {
		t.Fatal(err)
	}
	daemon := startPlain(t, dir, file)

	until(t, func() error { return conditions["answers"]([]string{server, "mqtt.example.org", "127.0.0.1"}) })
	until(t, func() error { return conditions["says"]([]string{statusAt, `"spki_sha256": "`}) }) // the handshake is over
	// It is idle once it has given back what only its start needed.
	until(t, func() error { return resident(t, daemon, "idle", residentIdle) })
	// And it still is once it has been of some use: the pages that it gave back
	// come again as far as they are needed.
	for range 100 {
		if err := conditions["answers"]([]string{server, "mqtt.example.org", "127.0.0.1"}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := status.Fetch(t.Context(), statusAt); err != nil {
			t.Fatal(err)
		}
	}
	if err := resident(t, daemon, "in use", residentIdle); err != nil {
		t.Error(err)
	}

	askNames(t, server)
	s, _, err := status.Fetch(t.Context(), statusAt)
	if err != nil {
		t.Fatal(err)
	}
	// Or else little is proved.
	if q, c := s.DNS.Queries, s.DNS.Cache; q.Forwarded < residentNames || c.LimitBytes != 8<<20 || c.Bytes < c.LimitBytes*3/4 {
		t.Fatalf("%d questions were forwarded, and the cache has %d of %d bytes", q.Forwarded, c.Bytes, c.LimitBytes)
	}
	if err := resident(t, daemon, fmt.Sprintf("after %d names", residentNames), residentFull); err != nil {
		t.Error(err)
	}
}

// startPlain builds the daemon as it ships, without the race detector's tables,
// and runs it with nothing of this machine's own settings.
func startPlain(t *testing.T, dir, config string) *os.Process {
	t.Helper()
	program := filepath.Join(dir, "edgeguard")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	run := exec.Command(program, "run", "--config", config)
	run.Dir, run.Env, run.Stderr = dir, []string{}, t.Output()
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Signal(os.Interrupt)
		if err := run.Wait(); err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
	})
	return run.Process
}

// resident holds the resident size of a process against a bound in KiB.
func resident(t *testing.T, p *os.Process, when string, most int) error {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
	if err != nil {
		return err
	}
	size := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[2] == "kB" {
			size[strings.TrimSuffix(f[0], ":")], _ = strconv.Atoi(f[1])
		}
	}
	says := fmt.Sprintf("%s: %d KiB are resident, of which %d are the program's file and %d memory", when, size["VmRSS"], size["RssFile"], size["RssAnon"])
	if size["VmRSS"] == 0 || size["VmRSS"] > most {
		return fmt.Errorf("%s, want at most %d", says, most)
	}
	t.Log(says)
	return nil
}

// askNames asks for residentNames names, all of which must be answered.
func askNames(t *testing.T, server string) {
	t.Helper()
	var next atomic.Int64
	var clients sync.WaitGroup
	for range residentClients {
		clients.Go(func() {
			conn, err := net.Dial("udp", server)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for n := next.Add(1); n <= residentNames && !t.Failed(); n = next.Add(1) {
				if err := askName(conn, uint16(n), fmt.Sprintf("host-%d.example.net.", n)); err != nil {
					t.Errorf("question %d: %v", n, err)
				}
			}
		})
	}
	clients.Wait()
}

// askName asks one question, again where the datagram was lost.
func askName(conn net.Conn, id uint16, name string) error {
	m := new(dns.Msg).SetQuestion(name, dns.TypeA)
	m.Id = id
	packed, err := m.Pack()
	if err != nil {
		return err
	}
	var reply [512]byte
	for range 10 {
		if _, err := conn.Write(packed); err != nil {
			return err
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience / 10))
		for {
			n, err := conn.Read(reply[:])
			if err != nil {
				break
			}
			if n < len(packed) || binary.BigEndian.Uint16(reply[:]) != id {
				continue // to a question that was asked again
			}
			if rcode, answers := reply[3]&15, reply[7]; rcode != 0 || answers != 1 {
				return fmt.Errorf("rcode %d with %d answers", rcode, answers)
			}
			return nil
		}
	}
	return os.ErrDeadlineExceeded
}

// quickUpstream runs a DNS server on loopback that answers any name at once with
// one address, and returns its address.
func quickUpstream(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadBuffer(4 << 20)
	record := []byte{0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 198, 51, 100, 1} // A, an hour, 198.51.100.1
	go func() {
		in := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(in)
			if err != nil {
				return
			}
			end := 12
			for end < n && in[end] != 0 {
				end += 1 + int(in[end])
			}
			if end += 5; end > n {
				continue
			}
			reply := append(append([]byte{}, in[:end]...), record...)
			copy(reply[2:12], []byte{0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0})
			_, _ = conn.WriteToUDPAddrPort(reply, from)
		}
	}()
	return conn.LocalAddr().String()
}
