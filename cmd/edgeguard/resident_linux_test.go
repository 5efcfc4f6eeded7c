package main

// How much memory the daemon takes, as the system counts it: the binary as it
// ships, a house's config, a real upstream on loopback.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
	// residentIdle, residentUse and residentFull are in KiB of VmRSS, as ps shows
	// it: what the daemon may take while nothing is asked, once everything has
	// been asked of it, and after residentNames names with the cache as it is by
	// default. A good half of the second is the program's own file, of which the
	// kernel maps sixteen pages around each that is used and which it takes back
	// when memory is short; residentMemory is the bound of the rest.
	residentIdle   = 16 << 10
	residentUse    = 24 << 10
	residentMemory = 8 << 10
	residentFull   = 32 << 10
	residentNames  = 100_000
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
	program := buildPlain(t, dir)
	server, statusAt := port(t), port(t)
	// Its handshakes make the daemon load the system's certificates, as any at
	// home do.
	broker := httptest.NewUnstartedServer(nil)
	var looks atomic.Int64
	broker.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed { // one is over
			looks.Add(1)
		}
	}
	broker.StartTLS()
	defer broker.Close()
	text := strings.NewReplacer("%BROKER%", broker.Listener.Addr().String(), "%DNS%", server,
		"%UPSTREAM%", quickUpstream(t), "%STATUS%", statusAt).Replace(residentConfig)
	file := filepath.Join(dir, "edgeguard.toml")
	if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.Mkdir(filepath.Join(dir, "state"), 0o700)); err != nil {
		t.Fatal(err)
	}
	daemon, stop := startPlain(t, program, dir, file)
	defer stop()

	until(t, func() error { return conditions["answers"]([]string{server, "mqtt.example.org", "127.0.0.1"}) })
	until(t, func() error { return conditions["says"]([]string{statusAt, `"spki_sha256": "`}) }) // the handshake is over
	// It is idle once it has given back what only its start needed.
	until(t, func() error { return resident(t, daemon, "idle", residentIdle) })
	// In use it is once what it gave back has come again, as far as it is needed:
	// for answers, for the status, the page and the metrics, and for its own
	// looks, which come with handshakes and at times of their own. So one of them
	// is waited for; else its pages are in the figure of one run and not in that
	// of the next.
	before := looks.Load()
	for range 100 {
		if err := conditions["answers"]([]string{server, "mqtt.example.org", "127.0.0.1"}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := status.Fetch(t.Context(), statusAt); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/", "/metrics"} {
			if err := get(t, "http://"+statusAt+path); err != nil {
				t.Fatal(err)
			}
		}
	}
	until(t, func() error {
		if looks.Load() == before {
			return errors.New("no look of its own since it is idle")
		}
		return nil
	})
	if err := resident(t, daemon, "in use", residentUse); err != nil {
		t.Error(err)
	}
	if memory := sizes(t, daemon)["RssAnon"]; memory > residentMemory {
		t.Errorf("in use: %d KiB of it are memory, want at most %d", memory, residentMemory)
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

// get reads a page, all of which must come.
func get(t *testing.T, url string) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Timeout: patience}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s says %s", url, response.Status)
	}
	return nil
}

// buildPlain builds the daemon as it ships, without the race detector's tables.
func buildPlain(t *testing.T, dir string) (program string) {
	t.Helper()
	program = filepath.Join(dir, "edgeguard")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return program
}

// startPlain runs a program as the daemon, with nothing of this machine's own
// settings, until stop is called.
func startPlain(t *testing.T, program, dir, config string) (daemon *os.Process, stop func()) {
	t.Helper()
	run := exec.Command(program, "run", "--config", config)
	run.Dir, run.Env, run.Stderr = dir, []string{}, t.Output()
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	return run.Process, func() {
		_ = run.Process.Signal(os.Interrupt)
		if err := run.Wait(); err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
	}
}

// resident holds the resident size of a process against a bound in KiB.
func resident(t *testing.T, p *os.Process, when string, most int) error {
	t.Helper()
	size := sizes(t, p)
	says := fmt.Sprintf("%s: %d KiB are resident, of which %d are the program's file and %d memory", when, size["VmRSS"], size["RssFile"], size["RssAnon"])
	if size["VmRSS"] == 0 || size["VmRSS"] > most {
		return fmt.Errorf("%s, want at most %d", says, most)
	}
	t.Log(says)
	return nil
}

// sizes are what the kernel says of a process's memory, in KiB.
func sizes(t *testing.T, p *os.Process) map[string]int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
	if err != nil {
		t.Fatal(err)
	}
	size := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[2] == "kB" {
			size[strings.TrimSuffix(f[0], ":")], _ = strconv.Atoi(f[1])
		}
	}
	return size
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
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
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
