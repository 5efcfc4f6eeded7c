//go:build linux

package lab_test

// The relay on the NAS: a broker on another host, behind a router that forwards
// to nobody but the host that asks.

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/portmap/relay"
	"github.com/edgeguard/edgeguard/test/lab"
)

// asRelay makes this test program a relay on the NAS, by the config in it: see
// TestRelayOnTheNAS.
const asRelay = "EDGEGUARD_TEST_RELAY"

// relayPlan is the config of a relay on the NAS.
type relayPlan struct {
	Port, MaxConnections, MaxPerSource int
	Target                             netip.AddrPort
	ProxyProtocol                      bool
}

// TestRelayOnTheNAS is no test: it is what the tests here start on the NAS. It
// carries connections until it is told to end, and writes a line for each
// change of its counters.
func TestRelayOnTheNAS(t *testing.T) {
	text := os.Getenv(asRelay)
	if text == "" {
		return // not skipped: nothing is left out
	}
	var plan relayPlan
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		t.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	r, err := relay.Listen(relay.Config{
		Listen: netip.AddrPortFrom(lab.NASAddr, uint16(plan.Port)), Target: plan.Target,
		MaxConnections: plan.MaxConnections, MaxPerSource: plan.MaxPerSource, ProxyProtocol: plan.ProxyProtocol,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for last := (relay.Counters{Open: -1}); ; {
		if now := r.Counters(); now != last {
			line, _ := json.Marshal(now)
			fmt.Fprintf(os.Stderr, "@ %s\n", line)
			last = now
		}
		select {
		case err := <-ended:
			line, _ := json.Marshal(r.Counters())
			fmt.Fprintf(os.Stderr, "@ %s\nended: %v\n", line, err)
			return
		case <-tick.C:
		}
	}
}

// nasRelay is a TestRelayOnTheNAS that runs.
type nasRelay struct{ *lab.Process }

// startRelay starts a relay on the NAS, and has the router forward its port.
func startRelay(t *testing.T, h *lab.Home, plan relayPlan) nasRelay {
	t.Helper()
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	r := nasRelay{h.NAS.Start(t, "the relay", "env", asRelay+"="+string(text), os.Args[0], "-test.run=^TestRelayOnTheNAS$", "-test.v")}
	r.WaitLog(t, lab.Patience, "the relay listens")
	port := strconv.Itoa(plan.Port)
	h.NAS.Run(t, "upnpc", "-m", "eth0", "-e", "test", "-a", lab.NASAddr.String(), port, port, "TCP", "600")
	return r
}

// counters returns what the relay counted last.
func (r nasRelay) counters() (c relay.Counters) {
	log := r.Log()
	if at := strings.LastIndex(log, "\n@ "); at >= 0 {
		line, _, _ := strings.Cut(log[at+3:], "\n")
		_ = json.Unmarshal([]byte(line), &c)
	}
	return c
}

// await waits until the counters are as they should be.
func (r nasRelay) await(t *testing.T, what string, check func(c relay.Counters) bool) {
	t.Helper()
	lab.Eventually(t, lab.Patience, func() error {
		if c := r.counters(); !check(c) {
			return fmt.Errorf("%+v is not %s", c, what)
		}
		return nil
	})
}

// end ends the relay, and wants it to end well.
func (r nasRelay) end(t *testing.T) {
	t.Helper()
	if code, err := r.Stop(lab.Patience); err != nil || code != 0 || !strings.Contains(r.Log(), "ended: <nil>") {
		t.Errorf("the relay ended with %d, %v\n%s", code, err, r.Log())
	}
}

// outside is where a service's port is seen from the internet.
func publicAt(port int) string {
	return netip.AddrPortFrom(lab.WANAddr, uint16(port)).String()
}

func TestForwardRelayReachesABrokerElsewhere(t *testing.T) {
	t.Parallel()
	h := withRouter(t)
	cert := h.CA.Issue(t, lab.WANAddr.String(), lab.PiAddr.String())
	broker := h.StartBroker(t, h.Pi, cert)
	// Why there is a relay at all.
	if out, _ := h.NAS.Try(lab.Patience, "upnpc", "-m", "eth0", "-a", lab.PiAddr.String(), "8883", "8883", "TCP", "600"); !strings.Contains(out, "failed with code") {
		t.Fatalf("the router forwards to another host than the one that asks:\n%s", out)
	}
	r := startRelay(t, h, relayPlan{Port: lab.BrokerPort, Target: broker.Addr})

	raw, err := h.WAN.Dial(t.Context(), "tcp", publicAt(lab.BrokerPort))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(h.CA.Cert)
	conn := tls.Client(raw, &tls.Config{RootCAs: roots, ServerName: lab.WANAddr.String()})
	defer conn.Close()
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !conn.ConnectionState().PeerCertificates[0].Equal(cert.Leaf) {
		t.Error("the certificate is not the broker's")
	}
	conn.Close()

	sub := h.Subscribe(t, h.WAN, lab.WANAddr.String(), h.CA)
	if err := h.Publish(h.WAN, lab.WANAddr.String(), h.CA); err != nil {
		t.Fatal(err)
	}
	sub.WaitLog(t, lab.Patience, "hello from wan")
	if err := h.Publish(h.Pi, lab.PiAddr.String(), h.CA); err != nil {
		t.Fatal(err)
	}
	sub.WaitLog(t, lab.Patience, "hello from pi")
	r.await(t, "three carried, one of them open", func(c relay.Counters) bool {
		return c.Open == 1 && c.Total == 3 && c.Failed == 0 && c.BytesIn > 500 && c.BytesOut > 500
	})

	// The broker crashes with a client connected, and comes back.
	broker.Kill()
	if _, err := sub.Wait(lab.Patience); err != nil {
		t.Errorf("the client does not hear of it: %v", err)
	}
	r.await(t, "no longer open", func(c relay.Counters) bool { return c.Open == 0 })
	if err := h.Publish(h.WAN, lab.WANAddr.String(), h.CA); err == nil {
		t.Error("a client published without a broker")
	}
	r.await(t, "failed, with the reason", func(c relay.Counters) bool {
		return c.Failed > 0 && strings.Contains(c.LastError, "does not take connections at 192.168.77.11:8883")
	})
	h.StartBroker(t, h.Pi, cert)
	sub = h.Subscribe(t, h.WAN, lab.WANAddr.String(), h.CA)
	if err := h.Publish(h.WAN, lab.WANAddr.String(), h.CA); err != nil {
		t.Error(err)
	}
	sub.WaitLog(t, lab.Patience, "hello from wan")
	r.await(t, "well again", func(c relay.Counters) bool { return c.LastError == "" })
	r.WaitLog(t, lab.Patience, "the relay reaches the service again")
	r.end(t)
	t.Logf("%+v", r.counters())
}

func TestForwardRelayCarriesHalfClosed(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := withRouter(t)
	ln, err := h.Pi.Listen("tcp", netip.AddrPortFrom(lab.PiAddr, 9000).String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { // answers when it has heard all
				defer c.Close()
				all, err := io.ReadAll(c)
				fmt.Fprintf(c, "%v: %s", err, bytes.ToUpper(all))
			}()
		}
	}()
	r := startRelay(t, h, relayPlan{Port: 9000, Target: ln.Addr().(*net.TCPAddr).AddrPort()})
	c, err := h.WAN.Dial(t.Context(), "tcp", publicAt(9000))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(lab.Patience))
	fmt.Fprint(c, "question")
	c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "<nil>: QUESTION" {
		t.Errorf("%q, %v", got, err)
	}
	r.await(t, "carried", func(c relay.Counters) bool {
		return c == relay.Counters{Total: 1, BytesIn: 8, BytesOut: 15}
	})
	r.end(t)
}

func TestForwardRelayIsBounded(t *testing.T) {
	t.Parallel()
	h := withRouter(t)
	broker := h.StartBroker(t, h.Pi, h.CA.Issue(t, lab.WANAddr.String()))
	r := startRelay(t, h, relayPlan{Port: lab.BrokerPort, Target: broker.Addr, MaxConnections: 256, MaxPerSource: 256})
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	const all = 300
	refused := 0
	for range all {
		c, err := h.WAN.Dial(t.Context(), "tcp", publicAt(lab.BrokerPort))
		switch {
		case err == nil:
			conns = append(conns, c)
		case errors.Is(err, syscall.ECONNRESET):
			refused++ // it came even before the connection was open
		default:
			t.Fatal(err)
		}
	}
	r.await(t, "256 open and 44 turned away", func(c relay.Counters) bool {
		return c.Open == 256 && c.Total == 256 && c.Refused == all-256 && c.Failed == 0
	})
	for _, c := range conns { // the others are silent, as the broker waits for them
		c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, syscall.ECONNRESET) {
			refused++
		} else if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection ended with %v", err)
		}
	}
	if refused != all-256 {
		t.Errorf("%d of %d were turned away", refused, all)
	}
	if err := h.Publish(h.WAN, lab.WANAddr.String(), h.CA); err == nil {
		t.Error("a client found a place beside 256 others")
	}
	for _, c := range conns {
		c.Close()
	}
	r.await(t, "empty", func(c relay.Counters) bool { return c.Open == 0 })
	if err := h.Publish(h.WAN, lab.WANAddr.String(), h.CA); err != nil {
		t.Error(err)
	}
	if n := strings.Count(r.Log(), "turned connections away"); n != 1 {
		t.Errorf("the log says %d times that connections were turned away", n)
	}
	r.end(t)
}

// What HAProxy takes from the header is the client's address, as if there were
// no relay.
func TestForwardRelayTellsTheClientsAddress(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.RequireTool(t, "haproxy", "haproxy")
	h := withRouter(t)
	conf := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(conf, []byte(`defaults
	mode http
	timeout client 20s
	timeout server 20s
	timeout connect 5s
frontend one
	bind 192.168.77.11:9001 accept-proxy
	http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port]"
`), 0o644); err != nil {
		t.Fatal(err)
	}
	h.Pi.Start(t, "haproxy", "haproxy", "-db", "-f", conf)
	lab.Eventually(t, lab.Patience, func() error {
		c, err := h.NAS.Dial(t.Context(), "tcp", "192.168.77.11:9001")
		if err == nil {
			c.Close()
		}
		return err
	})
	r := startRelay(t, h, relayPlan{Port: 9001, Target: netip.MustParseAddrPort("192.168.77.11:9001"), ProxyProtocol: true})
	var local string
	client := &http.Client{Timeout: lab.Patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := h.WAN.Dial(ctx, network, address)
			if err == nil {
				local = c.LocalAddr().String()
			}
			return c, err
		},
	}}
	answer, err := client.Get("http://" + publicAt(9001) + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	want := strings.ReplaceAll(local, ":", " ") + " 192.168.77.10 9001"
	if err != nil || string(got) != want {
		t.Errorf("the service sees %q, %v; not %q", got, err, want)
	}
	t.Logf("the service sees %q", got)
	r.end(t)
}
