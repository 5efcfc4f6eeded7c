//go:build linux

package lab_test

// [[portmap.forward]]: several ports of several hosts, UDP among them, with real
// traffic from the street.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// echoAll sends back whatever comes over the connections that it takes.
func echoAll(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		}()
	}
}

// echoUDP sends each datagram to an address of a host back to where it came
// from, until the test ends.
func echoUDP(t *testing.T, host *lab.Host, at netip.AddrPort) {
	t.Helper()
	conn, err := host.ListenPacket("udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(buffer[:n], from)
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
}

// says sends a text from the street to a port of the home, and wants it back.
func says(h *lab.Home, network string, port uint16, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := h.WAN.Dial(ctx, network, publicAt(int(port)))
	if err != nil {
		return err
	}
	defer conn.Close()
	buffer := make([]byte, 2048)
	err = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, werr := io.WriteString(conn, text); werr != nil {
		err = errors.Join(err, werr)
	}
	n, rerr := conn.Read(buffer)
	if err := errors.Join(err, rerr); err != nil || string(buffer[:n]) != text {
		return fmt.Errorf("%s port %d says %q, %w", network, port, buffer[:n], err)
	}
	return nil
}

func TestSeveralPortsOfSeveralHosts(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t, "secure_mode=no")
	echoUDP(t, p.Pi, netip.AddrPortFrom(lab.PiAddr, 51820))
	for host, port := range map[*lab.Host]uint16{p.Pi: 51820, p.NAS: 9000} {
		l, err := host.Listen("tcp", netip.AddrPortFrom(host.Addr, port).String())
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go echoAll(l)
	}
	d := p.start(t, `
[[portmap.forward]]
name = "wireguard"
address = "192.168.77.11:51820"
protocol = "udp"

[[portmap.forward]]
name = "wireguard-tcp"
address = "192.168.77.11:51820"

[[portmap.forward]]
name = "other"
address = "192.168.77.10:9000"
external_port = 9443
`)
	lab.Eventually(t, lab.Patience, d.WantForward("active"))
	if got := p.Mappings(t); len(got) != 4 {
		t.Errorf("the router forwards %v", got)
	}
	for _, err := range []error{says(p.Home, "udp", 51820, "datagram"), says(p.Home, "tcp", 51820, "stream"), says(p.Home, "tcp", 9443, "mapped"), p.open(lab.BrokerPort)()} {
		if err != nil {
			t.Error(err)
		}
	}
	// The port that differs is a warning, and says what clients at home must do.
	s, err := d.Status()
	link := s.Link("forward")
	if err != nil || link.Status != "warn" || !strings.Contains(link.Action, "clients at home port 9000") || !strings.Contains(link.Action, "clients outside port 9443") {
		t.Errorf("the link is %+v, %v", link, err)
	}
	if !strings.Contains(link.Summary, "DNS") {
		t.Errorf("the summary does not say why: %q", link.Summary)
	}
	text := showStatus(t, d)
	for _, want := range []string{"wireguard: UDP 51820 to 192.168.77.11:51820 is active by UPnP-IGD", "wireguard-tcp: TCP 51820 to ", "other: TCP 9443 to 192.168.77.10:9000 is active", "mqtt: TCP 8883 to "} {
		if !strings.Contains(text, want) {
			t.Errorf("the text has no %q", want)
		}
	}
	p.RestartRouter(t, lab.Crash)
	lab.Eventually(t, 2*lab.Patience, func() error {
		return errors.Join(says(p.Home, "udp", 51820, "datagram"), says(p.Home, "tcp", 9443, "mapped"), p.open(lab.BrokerPort)())
	})
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := p.Mappings(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// UDP to another host is nothing that the relay could carry: where the router
// refuses it, that is said, and TCP beside it goes its way.
func TestUDPToAnotherHostInSecureMode(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	d := p.start(t, "\n[portmap]\nrelay = \"auto\"\n\n[[portmap.forward]]\nname = \"wireguard\"\naddress = \"192.168.77.11:51820\"\nprotocol = \"udp\"\n")
	lab.Eventually(t, lab.Patience, d.WantForwardOf("mqtt", "ipv4", "active"))
	lab.Eventually(t, lab.Patience, d.WantForwardOf("wireguard", "ipv4", "failed"))
	f, err := d.ForwardOf("wireguard", "ipv4")
	if err != nil || !strings.Contains(f.Action, "The relay carries TCP only.") || f.Relay != nil {
		t.Errorf("%+v, %v", f, err)
	}
	if err := p.open(lab.BrokerPort)(); err != nil {
		t.Error(err)
	}
	showStatus(t, d)
}
