//go:build linux

package lab_test

// The whole daemon in a container on a bridge: with all that the documentation
// has set, and with less.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// eventsArrive is a check: the router is found, and its events come through the
// published port.
func eventsArrive(t *testing.T, d *lab.Daemon) func() error {
	return func() error {
		r := boxed(t, d).Router
		if !r.Found || !r.Bridged || r.Local != lab.NASAddr || !r.Events.GENA.On || !strings.Contains(r.Lost, "noticed by its events, which arrive at TCP port 49200") {
			return fmt.Errorf("the router's section is %+v", r)
		}
		return nil
	}
}

func TestForwardBridgeWithAllThatIsDocumented(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t, "secure_mode=yes")
	box := container(t, p.Home, usual()...)
	d := p.startBoxed(t, box, lanRouter+lanAddress, eventPortKey(), "")
	p.forwarded(t, d, lab.BrokerPort)
	if f, err := d.Forward(); err != nil || f.Method != "igd" || f.Internal != p.at || p.at.Addr() != lab.NASAddr {
		t.Errorf("the forward is %+v, %v", f, err)
	}
	lab.Eventually(t, lab.Patience, eventsArrive(t, d))
	s := boxed(t, d)
	for name, e := range map[string]heard{"ssdp": s.Router.Events.SSDP, "announcements": s.Router.Events.Announcements} {
		if e.On || !strings.Contains(e.Why, "is not in a network of this host's") {
			t.Errorf("%s: %+v", name, e)
		}
	}
	evidence, _ := s.forward()
	wantAll(t, evidence, s.Router.Lost, "SSDP, and the announcements of NAT-PMP and PCP")

	// A change of the address comes as an event.
	changed := time.Now()
	p.SetWANAddress(t, netip.MustParseAddr("11.22.33.91"))
	lab.Eventually(t, lab.Patience, func() error {
		s := boxed(t, d)
		if h := s.WAN.LastHint; h.Kind != "gena" || h.At.Before(changed.Truncate(time.Second)) {
			return fmt.Errorf("the last hint is %+v", h)
		}
		return p.open(lab.BrokerPort)()
	})
	t.Logf("the change was known %v after the first command", time.Since(changed).Round(time.Millisecond))

	// The phone is a client of the published DNS and status.
	lab.Eventually(t, lab.Patience, p.Phone.WantA(lab.NASAddr, lab.DuckDNSName, lab.NASAddr))
	if answer, err := p.Phone.AskOver("tcp", lab.NASAddr, lab.DuckDNSName, 1); err != nil || len(answer.Answer) != 1 {
		t.Errorf("over TCP: %v, %v", answer, err)
	}
	page, err := p.Phone.HTTPClient(nil).Get(fmt.Sprintf("http://%s:%d/api/v1/status", lab.NASAddr, lab.StatusPort))
	if err != nil || page.StatusCode != 200 {
		t.Errorf("the status page: %v, %v", page, err)
	}
	if err == nil {
		page.Body.Close()
	}
	lab.Eventually(t, lab.Patience, func() error {
		if c := boxed(t, d).DNS.Clients; len(c) != 1 || c[0].Address != lab.PhoneAddr.String() {
			return fmt.Errorf("the DNS has seen %+v", c)
		}
		return nil
	})

	for _, how := range []lab.Restart{lab.Clean, lab.Crash} {
		p.RestartRouter(t, how)
		up := time.Now()
		lab.Eventually(t, 2*lab.Patience, func() error { return p.listed(lab.BrokerPort) })
		t.Logf("listed again %v after a restart", time.Since(up).Round(100*time.Millisecond))
		p.forwarded(t, d, lab.BrokerPort)
		lab.Eventually(t, lab.Patience, eventsArrive(t, d))
	}
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := p.Mappings(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The whole chain from a container: names for the sofa and for the street, and
// both go on when the address changes overnight.
func TestForwardBridgeServesTheWholeHome(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	box := container(t, h.Home, usual()...)
	text := h.EdgeguardConfig(t, lab.EdgeguardOptions{Provider: "duckdns"})
	text = replaceLine(t, text, "sources = ", fmt.Sprintf("sources = [\"igd\", \"natpmp\", %q]\n%s", lab.EchoURL, eventPortKey()))
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Host: box, Config: text + "\n[lan]\n" + lanRouter + lanAddress})
	lab.Eventually(t, 2*lab.Patience, h.works)
	lab.Eventually(t, lab.Patience, eventsArrive(t, d))
	changed := time.Now()
	h.SetWANAddress(t, newAddr)
	lab.Eventually(t, lab.Patience, func() error {
		if s := boxed(t, d); s.WAN.IPv4 == nil || *s.WAN.IPv4 != newAddr {
			return fmt.Errorf("the address is %v", s.WAN.IPv4)
		}
		return nil
	})
	t.Logf("the address was known %v after the first command", time.Since(changed).Round(time.Millisecond))
	lab.Eventually(t, lab.Patience, h.works)
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if err := h.forwards(t, 0)(); err != nil {
		t.Error(err)
	}
}

// The port of the events is configured, and not published: the subscription
// stands, and nothing comes.
func TestForwardBridgeWithoutThePublishedPort(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	box := container(t, p.Home)
	d := p.startBoxed(t, box, lanRouter+lanAddress, eventPortKey(), "")
	p.forwarded(t, d, lab.BrokerPort)
	lab.Eventually(t, lab.Patience, func() error {
		s := boxed(t, d)
		if !s.Router.Events.GENA.On || !strings.Contains(s.Router.Lost, "none of its events has arrived yet: publish TCP port 49200 of the container as 192.168.77.10:49200") {
			return fmt.Errorf("the router's section is %+v", s.Router)
		}
		return nil
	})
	p.RestartRouter(t, lab.Crash)
	lab.Eventually(t, 2*lab.Patience, func() error { return p.listed(lab.BrokerPort) })
}

// A router with PCP and NAT-PMP only: the address in the packet is the host's.
func TestForwardBridgeWithoutUPnP(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, method := range []string{"pcp", "natpmp"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			lab.Require(t)
			h := lab.New(t, lab.Options{})
			h.StartPCPRouter(t)
			p := portOf(t, h, h.NAS)
			box := container(t, h, usual()...)
			d := p.startBoxed(t, box, lanRouter+lanAddress, eventPortKey(), fmt.Sprintf("\n[portmap]\nmethods = [%q]\n", method))
			p.forwarded(t, d, lab.BrokerPort)
			if f, err := d.Forward(); err != nil || f.Method != method {
				t.Errorf("the forward is %+v, %v", f, err)
			}
			if r := boxed(t, d).Router; !r.Bridged || r.Address != lab.RouterAddr || r.Local != lab.NASAddr || !slices.Contains(r.Speaks, method) {
				t.Errorf("the router's section is %+v", r)
			} else {
				wantAll(t, r.Lost, "noticed by the clock in its answers")
			}
			lab.Eventually(t, lab.Patience, func() error { return runsFor(h, 5) })
			h.RestartPCPRouter(t, lab.Crash)
			p.forwarded(t, d, lab.BrokerPort)
			if code := d.Stop(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if left := p.Mappings(t); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// Without address, the router would be named the container's own, and refuses.
func TestForwardBridgeWithoutUPnPAndAddress(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartPCPRouter(t)
	p := portOf(t, h, h.NAS)
	d := p.startBoxed(t, container(t, h), lanRouter, "", "")
	lab.Eventually(t, 2*lab.Patience, func() error {
		return errors.Join(d.WantForward("manual")(), saysToDo(d, "Set address under [lan] to this host's own address in the LAN"))
	})
	if f, err := d.Forward(); err != nil || strings.Contains(f.LastError+f.Action+f.Note, boxAddr.String()) || strings.Contains(f.Note, "relay") {
		t.Errorf("the container's own address or the relay is spoken of, which are of no use: %+v, %v", f, err)
	}
	if got := p.Mappings(t); len(got) != 0 {
		t.Errorf("the router forwards %v", got)
	}
}

// saysToDo is nil where the link forward says all of the words to a person.
func saysToDo(d *lab.Daemon, words ...string) error {
	s, err := boxedOf(d.Get)
	if err != nil {
		return err
	}
	_, action := s.forward()
	for _, word := range words {
		if !strings.Contains(action, word) {
			return fmt.Errorf("the action is %q, and does not say %q", action, word)
		}
	}
	return nil
}

// runsFor is nil once the router's epoch, in whole seconds, has something to go
// back from.
func runsFor(h *lab.Home, seconds uint32) error {
	conn, err := h.Phone.Dial(context.Background(), "udp", netip.AddrPortFrom(lab.RouterAddr, 5351).String())
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	answer := make([]byte, 64)
	if _, err := conn.Write([]byte{0, 0}); err != nil { // NAT-PMP: what is your address
		return err
	}
	n, err := conn.Read(answer)
	if err != nil || n < 12 {
		return fmt.Errorf("%d octets, %v", n, err)
	}
	if epoch := binary.BigEndian.Uint32(answer[4:]); epoch < seconds {
		return fmt.Errorf("the epoch is %d", epoch)
	}
	return nil
}

// The broker is on the Pi, and the router forwards to nobody but the NAS: the
// relay listens in the container, and its port is published.
func TestForwardBridgeRelays(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPortOnPi(t, "secure_mode=yes")
	box := container(t, p.Home, append(usual(), publish{"tcp", lab.BrokerPort})...)
	d := p.startBoxed(t, box, lanRouter+lanAddress, eventPortKey(), "\n[portmap]\nrelay = \"auto\"\n")
	lab.Eventually(t, 2*lab.Patience, d.WantForward("active"))
	want := []lab.Mapping{{Protocol: "tcp", External: lab.BrokerPort, Internal: netip.AddrPortFrom(lab.NASAddr, lab.BrokerPort)}}
	if got := p.Mappings(t); !slices.Equal(got, want) {
		t.Errorf("the router forwards %v, want %v", got, want)
	}
	lab.Eventually(t, lab.Patience, p.open(lab.BrokerPort))
	lab.Eventually(t, lab.Patience, p.Phone.WantA(lab.NASAddr, lab.DuckDNSName, lab.PiAddr))
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := p.Mappings(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Nothing is set: the status says what to.
func TestForwardBridgeWithNothingSet(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	d := p.startBoxed(t, container(t, p.Home, usual()...), "", "", "")
	lab.Eventually(t, 2*lab.Patience, func() error {
		return errors.Join(d.WantForward("manual")(), saysToDo(d, "its gateway is the engine and not the router", "set router and address under [lan]", "event_port under [wan]"))
	})
	evidence, _ := boxed(t, d).forward()
	wantAll(t, evidence, "no router that speaks UPnP-IGD answered at the gateway's address 172.17.0.1", "set there router under [lan] to the router's address", "address under [lan]", "event_port under [wan]")
}

// The router alone is set: it forwards, and what else to set is said.
func TestForwardBridgeWithTheRouterOnly(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	d := p.startBoxed(t, container(t, p.Home, usual()...), lanRouter, "", "")
	p.forwarded(t, d, lab.BrokerPort)
	s := boxed(t, d)
	wantAll(t, s.Router.Lost, "set address under [lan]", "event_port under [wan]")
	if s.Router.Events.GENA.On || !strings.Contains(s.Router.Events.GENA.Why, "412") {
		t.Errorf("the events are %+v", s.Router.Events.GENA)
	}
}
