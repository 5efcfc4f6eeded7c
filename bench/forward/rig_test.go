//go:build linux

package forward

// The home in which all is measured, and who keeps a forward in it.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
	"golang.org/x/sys/unix"
)

// brokerName is what the brokers' certificates are for.
const brokerName = "myhome.example.com"

// keptAs says how one keeps a forward.
type keptAs struct {
	name string
	// deaf is whether what the router says unasked is kept from the host.
	deaf bool
	// upnpc is whether a timer that runs upnpc does it, and not edgeguard.
	upnpc bool
	// off is whether no forward is kept after all.
	off bool
	// near are the ways of asking the router for its address; empty means both
	// of the default.
	near string
	// quiet is whether the log is as people have it.
	quiet bool
}

// kept is one who keeps a forward, on a host of its own with a broker.
type kept struct {
	keptAs
	host   *lab.Host
	daemon *lab.Daemon // nil for upnpc
	port   uint16      // the external one
	cert   *lab.Certificate

	delays map[lab.Restart][]time.Duration // of each restart after which it came back
	missed int                             // restarts after which it did not
}

// rig is the home.
type rig struct {
	*lab.Home
	kept  []*kept
	alive *announcements
}

// newRig starts everything and waits until every forward works.
func newRig(t *testing.T, all ...keptAs) *rig {
	t.Helper()
	h := lab.New(t, lab.Options{})
	// As on most routers, UPnP is on another port after each restart.
	h.StartRouter(t, "port=0")
	h.StartPublicDNS(t)
	h.StartEcho(t)
	r := &rig{Home: h, alive: hearAlive(t, h)}
	for i, as := range all {
		k := &kept{keptAs: as, port: uint16(8883 + i), delays: map[lab.Restart][]time.Duration{}}
		k.host = h.AddHost(t, as.name, netip.AddrFrom4([4]byte{192, 168, 77, byte(31 + i)}))
		if as.deaf {
			k.host.BlockRouterEvents(t)
		}
		k.cert = h.CA.Issue(t, brokerName)
		h.StartBroker(t, k.host, k.cert)
		r.kept = append(r.kept, k)
	}
	r.countTraffic(t)
	for i, k := range r.kept {
		if i > 1 { // what they do every few minutes is not to come all at once
			time.Sleep(stagger)
		}
		r.begin(t, k)
	}
	for _, k := range r.kept {
		if !k.off {
			lab.Eventually(t, lab.Patience, func() error { return r.works(k) })
		}
	}
	return r
}

// begin starts the one who keeps the forward.
func (r *rig) begin(t *testing.T, k *kept) {
	t.Helper()
	if k.upnpc {
		k.host.Start(t, "upnpc", "sh", "-c", fmt.Sprintf(
			"while :; do upnpc -a %s %d %d TCP 3600; sleep 120; done", k.host.Addr, lab.BrokerPort, k.port))
		return
	}
	text := r.EdgeguardConfig(t, lab.EdgeguardOptions{
		Host: k.host, Broker: netip.AddrPortFrom(k.host.Addr, lab.BrokerPort), Names: []string{brokerName},
	})
	near := k.near
	if near == "" {
		near = `"igd", "natpmp"`
	}
	for _, edit := range [][2]string{
		{`sources = ["igd"`, `sources = [` + near},
		{"names   =", fmt.Sprintf("external_port = %d\nnames   =", k.port)},
	} {
		if !strings.Contains(text, edit[0]) {
			t.Fatalf("the config has no %s:\n%s", edit[0], text)
		}
		text = strings.Replace(text, edit[0], edit[1], 1)
	}
	if k.quiet {
		text = strings.Replace(text, `level = "debug"`, `level = "info"`, 1)
	}
	if k.off {
		text += "\n[portmap]\nenabled = false\n"
	}
	k.daemon = r.StartEdgeguard(t, lab.EdgeguardOptions{Host: k.host, Config: text})
}

// works wants a client in the internet to get the broker's certificate through
// the router.
func (r *rig) works(k *kept) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	raw, err := r.WAN.Dial(ctx, "tcp", netip.AddrPortFrom(r.WANAddress(), k.port).String())
	if err != nil {
		return err
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) // which certificate is the question
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	if !conn.ConnectionState().PeerCertificates[0].Equal(k.cert.Leaf) {
		return errors.New("that is another broker")
	}
	return nil
}

// until tries every few milliseconds until the forward works, or for as long as
// it may take, and returns when that was.
func (r *rig) until(k *kept, every, most time.Duration) (at time.Time, ok bool) {
	for began := time.Now(); ; time.Sleep(every) {
		if r.works(k) == nil {
			return time.Now(), true
		}
		if time.Since(began) > most {
			return time.Now(), false
		}
	}
}

// cpu is the processor time that the daemon has used, of all its threads.
func (k *kept) cpu() (time.Duration, error) {
	pids, err := k.host.Try(10*time.Second, "ip", "netns", "pids", k.host.Namespace())
	if err != nil {
		return 0, err
	}
	for _, text := range strings.Fields(pids) {
		pid, err := strconv.Atoi(text)
		if err != nil {
			return 0, err
		}
		if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); strings.TrimSpace(string(name)) != "edgeguard" {
			continue
		}
		// The clock of another process, as clock_getcpuclockid(3) gives it: to
		// the nanosecond, where /proc counts hundredths of a second.
		var used unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|2), &used); err != nil {
			return 0, fmt.Errorf("reading the processor clock of %d: %w", pid, err)
		}
		return time.Duration(used.Nano()), nil
	}
	return 0, fmt.Errorf("no edgeguard runs on %s", k.host.Name)
}
