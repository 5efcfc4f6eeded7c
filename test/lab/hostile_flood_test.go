//go:build linux

package lab_test

// Floods in the LAN: forged announcements at 10,000 a second, under the
// device's own address and under the router's, and connections to the port
// where the router's events come in.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

const (
	floodRate = 10_000
	floodTime = 5 * time.Second
)

// calm is a home in which all is well, and what is counted in it from now on.
type calm struct {
	*port
	d                       *lab.Daemon
	x                       *lab.Hostile
	harm                    harm
	heard, searches, calls  *lab.Counter
	datagrams               *lab.Counter // NAT-PMP and PCP to the router
	logged, resident, fds   int
	wasSearches, wasCalls   int
	wasHeard, wasDatagrams  int
	asked, answered, failed atomic.Int64 // questions to its DNS
	marked                  time.Time    // when it was counted from
}

func newCalm(t *testing.T, from netip.Addr) *calm {
	t.Helper()
	c := &calm{}
	c.port, c.x, c.harm = evilHome(t)
	c.heard = c.NAS.Count(t, "input", "heard", fmt.Sprintf("ip saddr %s ip daddr { 239.255.255.250, 224.0.0.1 } udp dport { 1900, 5350 }", from))
	c.searches = c.NAS.Count(t, "output", "searches", "ip daddr { 239.255.255.250, 192.168.77.1 } udp dport 1900")
	c.calls = c.NAS.Count(t, "output", "calls", "ip daddr 192.168.77.1 tcp flags & (syn | ack) == syn")
	c.datagrams = c.NAS.Count(t, "output", "datagrams", "ip daddr 192.168.77.1 udp dport 5351")
	text := replaceLine(t, c.config(t, ""), "level = ", `level = "info"`)
	c.d = c.StartEdgeguard(t, lab.EdgeguardOptions{Config: text})
	c.forwarded(t, c.d, lab.BrokerPort)
	lab.Eventually(t, lab.Patience, c.listens)
	lab.Eventually(t, lab.Patience, c.Phone.WantA(lab.NASAddr, lab.DuckDNSName, lab.NASAddr))
	c.mark(t)
	return c
}

// listens wants the daemon to listen to all that the router says.
func (c *calm) listens() error {
	raw, err := c.d.StatusJSON()
	if err != nil {
		return err
	}
	var told struct {
		WAN struct {
			Events []struct {
				Name string `json:"name"`
				On   bool   `json:"on"`
			} `json:"events"`
		} `json:"wan"`
	}
	if err := json.Unmarshal(raw, &told); err != nil {
		return err
	}
	on := 0
	for _, e := range told.WAN.Events {
		if e.On {
			on++
		}
	}
	if on != 3 {
		return fmt.Errorf("it listens to %+v", told.WAN.Events)
	}
	return nil
}

// mark takes note of how things are, to compare with later.
func (c *calm) mark(t *testing.T) {
	t.Helper()
	c.marked = time.Now()
	c.logged, c.resident, c.fds = strings.Count(c.d.Log(), "\n"), rss(t, c.d), descriptors(t, c.d.Pid())
	c.wasHeard, c.wasSearches, c.wasCalls, c.wasDatagrams = c.heard.Packets(t), c.searches.Packets(t), c.calls.Packets(t), c.datagrams.Packets(t)
}

// askDNS asks the daemon's DNS server one question after the other, from the
// phone, until ctx ends. The kernel of a busy machine may lose a datagram beside
// ten thousand others, so it asks once more, as every client does.
func (c *calm) askDNS(ctx context.Context) {
	for ctx.Err() == nil {
		c.asked.Add(1)
		ask := c.Phone.WantA(lab.NASAddr, lab.DuckDNSName, lab.NASAddr)
		err := ask()
		if err != nil {
			err = ask()
		}
		if err != nil {
			c.failed.Add(1)
		} else {
			c.answered.Add(1)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// limits are what the router may get for a whole flood.
type limits struct{ searches, calls, datagrams int }

// survey is the look for other routers ten seconds after the start, which falls
// into a flood on a machine that is slow to begin one: three sendings of two
// targets.
const survey = 3 * 2

// quiet is what the router gets in that time when nothing happens: a question
// for its address about every second.
var quiet = limits{searches: survey, calls: 2 * int(floodTime/time.Second)}

// stands says what the flood brought about, and wants it to be little and all
// to be well. The daemon must still run.
func (c *calm) stands(t *testing.T, most limits) {
	t.Helper()
	took := max(time.Since(c.marked), floodTime)
	searches, calls, datagrams := c.searches.Packets(t)-c.wasSearches, c.calls.Packets(t)-c.wasCalls, c.datagrams.Packets(t)-c.wasDatagrams
	lines := strings.Count(c.d.Log(), "\n") - c.logged
	grown := rss(t, c.d) - c.resident
	fds := descriptors(t, c.d.Pid()) - c.fds
	// What goes there by the clock goes on while the machine stalls.
	most.calls += 2 * int((took-floodTime)/time.Second)
	t.Logf("to the router: %d searches, %d connections, %d NAT-PMP and PCP datagrams; %d log lines; %d KiB more resident; %d more descriptors; DNS: %d of %d answered",
		searches, calls, datagrams, lines, grown, fds, c.answered.Load(), c.asked.Load())
	for _, n := range []struct {
		what      string
		got, most int
	}{
		{"searches", searches, most.searches}, {"connections to the router", calls, most.calls},
		{"NAT-PMP and PCP datagrams", datagrams, most.datagrams},
		{"log lines", lines, 40}, {"KiB of memory", grown, 64 << 10}, {"descriptors", fds, 24},
	} {
		if n.got > n.most {
			t.Errorf("%d %s, want at most %d", n.got, n.what, n.most)
		}
	}
	if c.failed.Load() != 0 || c.answered.Load() == 0 {
		t.Errorf("of %d questions during the flood %d were answered", c.asked.Load(), c.answered.Load())
	}
	c.forwarded(t, c.d, lab.BrokerPort)
	c.harm.none(t)
	if got := c.x.Callers(); got != 0 {
		t.Errorf("%d connections to the hostile device", got)
	}
	s, err := c.d.Status()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(s.Raw), "11.66.66.66") {
		t.Error("the status tells the forged address")
	}
	lab.Eventually(t, lab.Patience, c.listens)
}

func TestFloodOfForgedAnnouncements(t *testing.T) {
	for _, c := range []struct {
		name string
		from netip.Addr
		most limits
	}{
		// Nothing that comes from elsewhere counts: what goes to the router is
		// what goes there anyway.
		{"under its own address", evilAddr, quiet},
		// Searches two seconds apart, five at once and one a minute after that,
		// of at most 36 datagrams each; and questions for the address, at the
		// pace of all calls, which is five a second.
		{"under the gateway's address", lab.RouterAddr, limits{searches: 5*36 + survey, calls: 5 * int(floodTime/time.Second), datagrams: 60}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			h := newCalm(t, c.from)
			ctx, cancel := context.WithTimeout(t.Context(), floodTime)
			defer cancel()
			var tasks sync.WaitGroup
			tasks.Go(func() { h.askDNS(ctx) })
			wrong, during := atomic.Int64{}, atomic.Int64{}
			tasks.Go(func() { h.watch(ctx, &during, &wrong) })
			sent, took, err := h.x.Flood(ctx, floodRate, forged(c.from))
			tasks.Wait()
			if err != nil {
				t.Fatal(err)
			}
			heard := h.heard.Packets(t) - h.wasHeard
			t.Logf("%d datagrams in %v, %d a second, of which the NAS got %d; in %d of %d looks the forward was not active",
				sent, took.Round(time.Millisecond), int(float64(sent)/took.Seconds()), heard, wrong.Load(), during.Load())
			if heard < sent/2 || sent < floodRate/2 {
				t.Errorf("the flood did not arrive: this proves nothing")
			}
			if wrong.Load() != 0 || during.Load() == 0 {
				t.Errorf("in %d of %d looks the forward was not active", wrong.Load(), during.Load())
			}
			h.stands(t, c.most)
		})
	}
}

// watch looks whether the forward stays, and whether the router has it.
func (c *calm) watch(ctx context.Context, looks, wrong *atomic.Int64) {
	for ctx.Err() == nil {
		f, err := c.d.Forward()
		if looks.Add(1); err != nil || f.State != "active" {
			wrong.Add(1)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// forged is every kind of announcement in turn, each with news in it.
func forged(from netip.Addr) func(i int) lab.Datagram {
	return func(i int) lab.Datagram {
		boot := strconv.Itoa(1_000_000 + i)
		switch i % 5 {
		case 0:
			return lab.Byebye(from)
		case 1:
			return lab.Alive(from, rootDesc, boot)
		case 2:
			return lab.Alive(from, fmt.Sprintf("http://%s:%d/device.xml", from, 1024+i%60_000), boot)
		case 3:
			return lab.NATPMPNews(from, uint32(i%7))
		}
		return lab.PCPNews(from, uint32(i%11))
	}
}

// The port of the router's events is open to the LAN: whoever is not the router
// gets nothing from it, and does not keep the router away.
func TestFloodOfTheEventsPort(t *testing.T) {
	h := newCalm(t, evilAddr)
	callback := eventsPort(t, h.NAS)
	evil := lab.Host{}
	for _, host := range h.Hosts() {
		if host.Addr == evilAddr {
			evil = *host
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), floodTime)
	defer cancel()
	var tasks sync.WaitGroup
	tasks.Go(func() { h.askDNS(ctx) })
	var connections, replies atomic.Int64
	for range 8 {
		tasks.Go(func() {
			for ctx.Err() == nil {
				conn, err := evil.Dial(ctx, "tcp", callback.String())
				if err != nil {
					continue
				}
				connections.Add(1)
				fmt.Fprintf(conn, "NOTIFY / HTTP/1.1\r\nHOST: %s\r\nNT: upnp:event\r\nNTS: upnp:propchange\r\nSID: %s\r\nSEQ: 0\r\nContent-Length: 0\r\n\r\n", callback, lab.HostileUDN)
				conn.SetReadDeadline(time.Now().Add(5 * time.Second))
				if n, _ := conn.Read(make([]byte, 512)); n > 0 {
					replies.Add(1)
				}
				conn.Close()
			}
		})
	}
	tasks.Wait()
	t.Logf("%d connections, %d replies", connections.Load(), replies.Load())
	if connections.Load() < 100 {
		t.Errorf("%d connections are no flood: this proves nothing", connections.Load())
	}
	if replies.Load() != 0 {
		t.Errorf("%d strangers were answered", replies.Load())
	}
	h.stands(t, quiet)
	// The router itself is still heard, and by this way alone.
	h.NAS.Run(t, "nft", "add table inet deaf; add chain inet deaf in { type filter hook input priority 0; }; "+
		"add rule inet deaf in udp dport 5350 drop; add rule inet deaf in ip daddr 239.255.255.250 drop")
	calls := h.calls.Packets(t)
	h.SetWANAddress(t, newAddr)
	lab.Eventually(t, lab.Patience, func() error {
		s, err := h.d.Status()
		if err == nil && (h.calls.Packets(t) == calls || !strings.Contains(string(s.Raw), `"gena"`) || !strings.Contains(string(s.Raw), newAddr.String())) {
			err = errors.New("the router's event had no effect")
		}
		return err
	})
}

// eventsPort is where a host listens for the router's events: the only port on
// its LAN address that is neither DNS nor the status page nor the broker.
func eventsPort(t *testing.T, host *lab.Host) netip.AddrPort {
	t.Helper()
	var found []netip.AddrPort
	for line := range strings.Lines(host.Run(t, "ss", "-Hltn")) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		at, err := netip.ParseAddrPort(fields[3])
		if err == nil && at.Addr() == host.Addr && at.Port() != 53 && at.Port() != lab.StatusPort && at.Port() != lab.BrokerPort {
			found = append(found, at)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the events' port is not told from others: %v", found)
	}
	return found[0]
}

// descriptors is how many files and sockets a process has open.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
