//go:build linux

package lab_test

// What users of other servers complained of about ports and addresses: taken
// ones, wrong ones, and ones that come late.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/test/lab"
)

// pi-hole/docker-pi-hole#267 (Synology's DNS package), erichiller/dnsmasq-qpkg#4
// (QNAP's Container Station) and AdguardTeam/AdGuardHome#4283 (systemd-resolved):
// another program has port 53, and the server does not start. Where the other
// holds an address of its own, both live; where it holds the LAN's, the
// message names it and the way out.
func TestComplaintDockerPiHole267PortTaken(t *testing.T) {
	t.Parallel() // it waits more than it works
	t.Run("other addresses", func(t *testing.T) {
		lab.Require(t)
		h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
		h.StartPublicDNS(t)
		h.NAS.StartResolved(t, lab.InternetAddr) // 127.0.0.53 and 127.0.0.54
		for line := range strings.Lines("link add lxcbr0 type bridge\naddr add 10.0.3.1/24 dev lxcbr0\nlink set lxcbr0 up") {
			h.NAS.Run(t, "ip", strings.Fields(line)...)
		}
		h.NAS.StartDnsmasq(t, netip.MustParseAddr("10.0.3.1")) // Container Station's own
		h.NAS.StartDnsmasq(t, lab.Loopback)
		h.start(t, "")
		if err := h.Phone.WantA(lab.NASAddr, "www.example.com", lab.ElsewhereAddr)(); err != nil {
			t.Error(err)
		}
		for _, other := range []string{"127.0.0.53", "10.0.3.1", "127.0.0.1"} {
			if _, err := h.NAS.Ask(netip.MustParseAddr(other), "localhost", dns.TypeA); err != nil {
				t.Errorf("the other server on %s does not answer any more: %v", other, err)
			}
		}
	})
	t.Run("every address", func(t *testing.T) {
		lab.Require(t)
		h := lab.New(t, lab.Options{})
		h.NAS.Start(t, "dnsmasq", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
			"--user=root", "--pid-file=")
		d := startUntilTaken(t, h)
		for _, want := range []string{"53", "dnsmasq", "Synology", "Package Center", "QNAP", "Container Station"} {
			if !strings.Contains(d.Log(), want) {
				t.Errorf("the message does not speak of %q:\n%s", want, d.Log())
			}
		}
	})
}

// moby/libnetwork#1729: a server on 0.0.0.0 replied from another address than
// was asked, and clients threw the replies away. moby/moby#53384: after a
// restart the clients that kept their port went on being sent to the container
// that was gone. A client here keeps one socket, connected to the NAS's second
// address, over a restart.
func TestComplaintLibnetwork1729ReplyFromTheWrongAddress(t *testing.T) {
	t.Parallel() // it waits more than it works
	second := netip.MustParseAddr("192.168.77.12")
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	h.StartPublicDNS(t)
	h.NAS.Run(t, "ip", "addr", "add", second.String()+"/24", "dev", "eth0")
	d := h.start(t, `listen = [":53"]`+"\n")
	conn, err := h.Phone.Dial(context.Background(), "udp", netip.AddrPortFrom(second, 53).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	kept := &dns.Conn{Conn: conn, UDPSize: 1232}
	ask := func(name string, want netip.Addr) error {
		m := question(name, dns.TypeA)
		if err := kept.WriteMsg(m); err != nil {
			return err
		}
		_ = conn.SetReadDeadline(time.Now().Add(lab.Patience))
		answer, err := kept.ReadMsg()
		if err == nil && answer.Id != m.Id {
			err = fmt.Errorf("an answer to another question: %v", answer)
		}
		return wantAddr(answer, err, want)
	}
	for run := range 2 {
		for name, want := range map[string]netip.Addr{h.name: lab.NASAddr, "www.example.com": lab.ElsewhereAddr} {
			if err := ask(name, want); err != nil {
				t.Errorf("run %d, %s asked of the second address: %v", run, name, err)
			}
			if err := h.Phone.WantA(lab.NASAddr, name, want)(); err != nil {
				t.Errorf("run %d: %v", run, err)
			}
		}
		if run == 0 {
			d.Kill()
			d.Start(t)
			lab.Eventually(t, lab.Patience, h.Phone.WantA(second, h.name, lab.NASAddr))
		}
	}
}

// AdguardTeam/AdGuardHome#6321: upstreams given by name stayed unresolved for
// good when the server started without a network, which is how every power cut
// ends. hassio-addons/app-adguard-home#717: addresses were looked at once,
// before the DHCP lease was there. Here the NAS has neither an address nor a
// line when the daemon starts.
func TestComplaintAdGuardHome6321StartedOffline(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	h.StartPublicDNS(t)
	h.StartUnbound(t)
	h.StartBIND(t)
	h.CutWAN(t)
	h.NAS.Run(t, "ip", "addr", "flush", "dev", "eth0")
	config := h.dnsConfig(t, fmt.Sprintf("upstreams = [\"https://%s%s\", \"tls://%s\"]\nbootstrap = [%q]\n",
		lab.BINDName, lab.DoHPath, lab.UnboundName, lab.InternetAddr))
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: config})
	lab.Eventually(t, lab.Patience, func() error { // it shall meet the network as it is
		if d.Ended() || d.Log() != "" {
			return nil
		}
		return errors.New("it has not looked yet")
	})
	if d.Ended() {
		t.Fatalf("it does not wait for a network:\n%s", d.Log())
	}

	h.NAS.Run(t, "ip", "addr", "add", lab.NASAddr.String()+"/24", "dev", "eth0")
	h.NAS.Run(t, "ip", "route", "add", "default", "via", lab.RouterAddr.String())
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, h.name, lab.NASAddr)) // the line is still dead
	if answer, err := h.Phone.Exchange(question("www.example.com", dns.TypeA), "udp", lab.NASAddr, askLimit); err != nil || answer.Rcode != dns.RcodeServerFailure {
		t.Errorf("without a line: %v\n%v", err, answer)
	}
	h.MendWAN(t)
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, "www.example.com", lab.ElsewhereAddr))
}
