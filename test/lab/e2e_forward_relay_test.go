//go:build linux

package lab_test

// The whole daemon with a broker on another host, behind a router that forwards
// to nobody but the host that asks: the relay on the NAS carries what comes.

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// nasBroker is where the relay listens for the broker.
var nasBroker = netip.AddrPortFrom(lab.NASAddr, lab.BrokerPort)

// toNAS is the one forward that leads to the relay.
var toNAS = []lab.Mapping{{Protocol: "tcp", External: lab.BrokerPort, Internal: nasBroker}}

// relaysTo wants the daemon's forward to be in force through a relay to target,
// with the router's one rule leading to the NAS.
func relaysTo(t *testing.T, h *lab.Home, d *lab.Daemon, target netip.AddrPort) func() error {
	return func() error {
		f, err := d.Forward()
		switch {
		case err != nil:
			return err
		case f.State != "active" || f.Relay == nil:
			return fmt.Errorf("the forward is %+v", f)
		case f.Relay.Listen != nasBroker || f.Relay.Target != target || f.Internal != target:
			return fmt.Errorf("the relay leads from %s to %s, the forward to %s", f.Relay.Listen, f.Relay.Target, f.Internal)
		}
		if got := h.Mappings(t); !slices.Equal(got, toNAS) {
			return fmt.Errorf("the router forwards %v, want %v", got, toNAS)
		}
		return d.WantLink("forward", "pass")()
	}
}

// refusedForPi is what miniupnpd writes when a host asks for a forward to
// another one in secure mode.
const refusedForPi = "tried to redirect port to 192.168.77.11"

func TestRelayAutoTakesOver(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	home := lab.New(t, lab.Options{})
	home.StartRouter(t) // in secure mode
	cert := home.CA.Issue(t, lab.DuckDNSName)
	h := &house{Home: home, inet: home.StartInternet(t), broker: home.StartBroker(t, home.Pi, cert), name: lab.DuckDNSName}
	text := h.EdgeguardConfig(t, lab.EdgeguardOptions{Provider: "duckdns", Broker: h.broker.Addr}) + "\n[portmap]\nrelay = \"auto\"\n"
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: text})
	lab.Eventually(t, 2*lab.Patience, h.works)
	lab.Eventually(t, lab.Patience, relaysTo(t, h.Home, d, h.broker.Addr))
	if !strings.Contains(h.RouterLog(), refusedForPi) {
		t.Error("the router was not asked for a forward to the broker itself, or did not refuse it: this proves nothing")
	}
	street := &port{Home: h.Home, cert: cert, broker: h.broker, at: h.broker.Addr}
	if err := street.open(lab.BrokerPort)(); err != nil { // with the broker's own key
		t.Error(err)
	}
	for _, link := range []string{"wan", "ddns", "forward", "broker", "certificate", "dns"} {
		lab.Eventually(t, lab.Patience, d.WantLink(link, "pass"))
	}
	before, err := d.Forward()
	if err != nil {
		t.Fatal(err)
	}
	sub := h.Subscribe(t, h.WAN, h.name, h.CA)
	lab.Eventually(t, lab.Patience, func() error {
		f, err := d.Forward()
		if err == nil && (f.Relay == nil || f.Relay.Open != 1 || f.Relay.Total != before.Relay.Total+1 || f.Relay.BytesIn < before.Relay.BytesIn+200 || f.Relay.BytesOut < before.Relay.BytesOut+500) {
			err = fmt.Errorf("with one client more the relay counts %+v, before %+v", f.Relay, before.Relay)
		}
		return err
	})
	showStatus(t, d)

	brokerDown(t, h, d, sub)
	h.broker = h.StartBroker(t, h.Pi, cert)
	lab.Eventually(t, lab.Patience, h.works)

	// By what it remembers of the router, the next life does not try in vain.
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := h.Mappings(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	asked := strings.Count(h.RouterLog(), refusedForPi)
	d.Start(t)
	lab.Eventually(t, lab.Patience, relaysTo(t, h.Home, d, h.broker.Addr))
	lab.Eventually(t, lab.Patience, h.works)
	if again := strings.Count(h.RouterLog(), refusedForPi); again != asked {
		t.Errorf("the router was asked %d more times for what it had refused", again-asked)
	}
}

// brokerDown has the broker crash with a client connected, and wants the status
// to say whom the relay does not reach.
func brokerDown(t *testing.T, h *house, d *lab.Daemon, client *lab.Process) {
	t.Helper()
	h.broker.Kill()
	if _, err := client.Wait(lab.Patience); err != nil {
		t.Errorf("the client does not hear of it: %v", err)
	}
	if err := h.Publish(h.WAN, h.name, h.CA); err == nil {
		t.Error("a client published without a broker")
	}
	lab.Eventually(t, 2*lab.Patience, func() error {
		f, err := d.Forward()
		if err == nil && (f.Relay == nil || f.Relay.Failed == 0 || !strings.Contains(f.Relay.LastError, "does not take connections at 192.168.77.11:8883")) {
			err = fmt.Errorf("the relay says %+v", f.Relay)
		}
		return err
	})
	if text := showStatus(t, d); !strings.Contains(text, "does not take connections at 192.168.77.11:8883") {
		t.Error("the text does not say so")
	}
}

// showStatus logs what the status command says, and returns it.
func showStatus(t *testing.T, d *lab.Daemon) string {
	t.Helper()
	code, text := d.Run(t, "status")
	t.Logf("edgeguard status, exit code %d:\n%s", code, text)
	return text
}

// What always goes by the relay does so where the router would forward to the
// broker itself, too; and the service hears who the client is.
func TestRelayOnTellsTheClientsAddress(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.RequireTool(t, "haproxy", "haproxy")
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartRouter(t, "secure_mode=no")
	cert := h.CA.Issue(t, lab.DuckDNSName)
	dir := t.TempDir()
	pem, conf := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "haproxy.cfg")
	text := `defaults
	mode http
	timeout client 20s
	timeout server 20s
	timeout connect 5s
frontend one
	bind 192.168.77.11:8883 accept-proxy ssl crt ` + pem + `
	http-request return status 200 content-type text/plain lf-string "%[src] %[src_port]"
`
	if err := errors.Join(os.WriteFile(pem, cert.PEM, 0o600), os.WriteFile(conf, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	p := &port{Home: h, cert: cert, at: netip.AddrPortFrom(lab.PiAddr, lab.BrokerPort)}
	h.Pi.Start(t, "haproxy", "haproxy", "-db", "-f", conf)
	d := p.start(t, "\n[portmap]\nrelay = \"on\"\nrelay_proxy_protocol = true\n")
	lab.Eventually(t, lab.Patience, relaysTo(t, h, d, p.at))
	lab.Eventually(t, lab.Patience, p.open(lab.BrokerPort))
	seen, local, err := p.asks()
	if want := strings.ReplaceAll(local, ":", " "); err != nil || seen != want {
		t.Errorf("the service sees %q, %v; not %q", seen, err, want)
	}
	t.Logf("the service sees %q", seen)
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := h.Mappings(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// asks asks the service from the street, in HTTP over TLS, and returns what it
// says and from where it was asked.
func (p *port) asks() (text, local string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), lab.Patience)
	defer cancel()
	raw, err := p.WAN.Dial(ctx, "tcp", publicAt(lab.BrokerPort))
	if err != nil {
		return "", "", err
	}
	defer raw.Close()
	roots := x509.NewCertPool()
	roots.AddCert(p.CA.Cert)
	conn := tls.Client(raw, &tls.Config{RootCAs: roots, ServerName: lab.DuckDNSName})
	if err := conn.HandshakeContext(ctx); err != nil {
		return "", "", err
	}
	if err := conn.SetDeadline(time.Now().Add(lab.Patience)); err != nil {
		return "", "", err
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+lab.DuckDNSName+"\r\nConnection: close\r\n\r\n"); err != nil {
		return "", "", err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), raw.LocalAddr().String(), err
}

// A port that another program on the NAS holds must not be opened to the world.
func TestRelayWhosePortIsInUse(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPortOnPi(t)
	other, err := p.NAS.Listen("tcp", nasBroker.String())
	if err != nil {
		t.Fatal(err)
	}
	go drain(other)
	defer other.Close()
	d := p.start(t, "\n[portmap]\nrelay = \"auto\"\n")
	f := p.refused(t, d, "failed", "the relay cannot listen on 192.168.77.10:8883", "another program on this host holds the port")
	if !strings.Contains(f.Action, "Free port 8883 of this host") {
		t.Errorf("the action: %q", f.Action)
	}
	if got := p.Mappings(t); len(got) != 0 {
		t.Errorf("the router forwards %v, to somebody else's program", got)
	}
	showStatus(t, d)
	other.Close()
	lab.Eventually(t, 2*lab.Patience, relaysTo(t, p.Home, d, p.at))
	if err := p.open(lab.BrokerPort)(); err != nil {
		t.Error(err)
	}
}

// drain takes connections and says nothing.
func drain(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(io.Discard, c)
		}()
	}
}

// PCP and NAT-PMP forward only to the host that asks, so without the relay there
// is nothing that these routers could do for a broker elsewhere.
func TestRelayWithoutUPnP(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	for _, method := range []string{"pcp", "natpmp"} {
		t.Run(method, func(t *testing.T) {
			h := lab.New(t, lab.Options{})
			h.StartPCPRouter(t)
			p := portOf(t, h, h.Pi)
			d := p.start(t, fmt.Sprintf("\n[portmap]\nrelay = \"auto\"\nmethods = [\"igd\", %q]\n", method))
			lab.Eventually(t, 2*lab.Patience, relaysTo(t, h, d, p.at))
			if err := p.open(lab.BrokerPort)(); err != nil {
				t.Error(err)
			}
			if f, err := d.Forward(); err != nil || f.Method != method {
				t.Errorf("the forward is %+v, %v", f, err)
			}
			showStatus(t, d)
			d.Stop(t)
			if left := p.Mappings(t); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
