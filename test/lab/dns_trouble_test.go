//go:build linux

package lab_test

// What happens to the house's names while the world is gone, or lies.

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/test/lab"
)

// askLimit is longer than any exchange with upstream may take.
const askLimit = time.Minute

// maxRSS is far more memory than the daemon ever needs, and far less than what
// growth without a bound takes: in KiB.
const maxRSS = 1 << 20

// rss is the daemon's resident memory in KiB.
func rss(t *testing.T, d *lab.Daemon) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("the daemon has no memory: %s", text)
	return 0
}

// question is a message with a question as stub resolvers send it.
func question(name string, qtype uint16) *dns.Msg {
	return new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype).SetEdns0(1232, false)
}

// wantAddr wants one A record with this address in the answer.
func wantAddr(answer *dns.Msg, err error, want netip.Addr) error {
	if err != nil {
		return err
	}
	for _, rr := range answer.Answer {
		if a, ok := rr.(*dns.A); ok && a.A.Equal(want.AsSlice()) {
			return nil
		}
	}
	return fmt.Errorf("no address %v in\n%v", want, answer)
}

// stubPatience is how long a stub resolver waits: less than the daemon does for
// upstream, so that an answer that had to wait for one that hangs is lost.
const stubPatience = 4 * time.Second

// stallPatience is how long a stub resolver's machine may stall, and lateFew
// of how many answers that were late for the resolver one is laid to that.
const (
	stallPatience = time.Minute
	lateFew       = 100
)

// asker asks over one socket, one question after the other, and counts what is
// lost, and what would be lost on a resolver unless the machine stalled.
type asker struct {
	t           *testing.T
	conn        *dns.Conn
	asked, late int
	lost        int
}

func newAsker(t *testing.T, from *lab.Host) *asker {
	t.Helper()
	conn, err := from.Dial(t.Context(), "udp", netip.AddrPortFrom(lab.NASAddr, 53).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &asker{t: t, conn: &dns.Conn{Conn: conn, UDPSize: 4096}}
}

// throw asks and never looks for the answer.
func (a *asker) throw(name string) {
	a.t.Helper()
	if err := a.conn.WriteMsg(question(name, dns.TypeA)); err != nil {
		a.t.Fatal(err)
	}
}

// want asks once, never again, and waits for the answer.
func (a *asker) want(name string, addr netip.Addr) {
	a.t.Helper()
	m := question(name, dns.TypeA)
	if err := a.conn.WriteMsg(m); err != nil {
		a.t.Fatal(err)
	}
	began := time.Now()
	a.asked++
	_ = a.conn.SetReadDeadline(began.Add(stallPatience))
	for {
		answer, err := a.conn.ReadMsg()
		if err == nil && (answer.Id != m.Id || answer.Question[0].Name != m.Question[0].Name) {
			continue // to a question that was given up
		}
		if time.Since(began) > stubPatience {
			a.late++
			a.t.Logf("%s: answered after %v", name, time.Since(began))
		}
		if err := wantAddr(answer, err, addr); err != nil {
			a.lost++
			if a.lost == 1 {
				a.t.Errorf("%s: %v", name, err)
			}
		}
		return
	}
}

// all wants everything to be answered. A server that lets what it knows wait for
// what hangs is late again and again, a machine that stalls is now and then.
func (a *asker) all() error {
	if a.lost > 0 || a.late > 1+a.asked/lateFew {
		return fmt.Errorf("of %d questions %d were not answered and %d late", a.asked, a.lost, a.late)
	}
	return nil
}

// AdguardTeam/AdGuardHome#4825, #2596, #2657 and #4317: exchanges with a dead
// upstream took all the room there was for questions, and names that needed no
// upstream went unanswered with the others. Here the line dies while ten
// thousand questions hang, and more come all the time. What the house knows by
// itself, and what it asked for before, it is still told: each single time.
func TestComplaintAdGuardHome4825LocalAnswersDieWithTheWAN(t *testing.T) {
	const hanging, each = 10_000, 20
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	h.StartPublicDNS(t)
	liar := h.StartLiar(t, h.WAN, lab.LiarAddr)
	d := h.start(t, fmt.Sprintf("upstreams = [%q]\n", lab.LiarAddr))

	// Several devices, as one alone is not given all the room; each with a
	// socket of its own, as a burst of failures must not push an answer out of
	// the client's buffer.
	a := newAsker(t, h.Phone)
	throwers := []*asker{newAsker(t, h.Phone), newAsker(t, h.Pi), newAsker(t, h.Router)}
	a.want("cached.example.com", lab.LiarAnswer)
	liar.Tell(lab.Silent)
	for i := range hanging {
		if i == hanging/2 {
			h.CutWAN(t)
		}
		throwers[i%len(throwers)].throw(fmt.Sprintf("n%d.example.com", i))
		if i%each == each-1 { // in step, so that no socket's buffer runs over
			a.want(h.name, lab.NASAddr)
			a.want("cached.example.com", lab.LiarAnswer)
		}
	}
	for range 500 {
		a.want(h.name, lab.NASAddr)
		a.want("cached.example.com", lab.LiarAnswer)
	}
	if err := a.all(); err != nil {
		t.Errorf("names in the house and in the cache: %v", err)
	}
	if liar.Asked() < 100 {
		t.Error("upstream was hardly asked, so nothing hung: this test proves nothing")
	}
	if n := rss(t, d); n > maxRSS {
		t.Errorf("the daemon takes %d KiB", n)
	}

	liar.Tell(lab.Honest)
	h.MendWAN(t)
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, "afterwards.example.com", lab.LiarAnswer))
	a.want(h.name, lab.NASAddr)
	lab.Eventually(t, lab.Patience, d.WantLink("dns", "pass"))
}

// Both upstreams die; one comes back, the one that is not first.
func TestOneOfTwoUpstreamsComesBack(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	h.StartPublicDNS(t)
	first, second := h.StartUnbound(t), h.StartBIND(t)
	d := h.start(t, fmt.Sprintf("upstreams = [%q, %q]\n", first.Addr, second.Addr))
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, "www.example.com", lab.ElsewhereAddr))

	first.Kill()
	if err := wantFrom(h, "www.example.org", lab.ElsewhereAddr); err != nil {
		t.Errorf("with one of two upstreams: %v", err)
	}
	second.Kill()
	answer, err := h.Phone.Exchange(question("echo.example.net", dns.TypeA), "udp", lab.NASAddr, askLimit)
	if err != nil || answer.Rcode != dns.RcodeServerFailure {
		t.Errorf("without upstreams: %v\n%v", err, answer)
	}
	if err := wantFrom(h, h.name, lab.NASAddr); err != nil {
		t.Errorf("without upstreams: %v", err)
	}
	lab.Eventually(t, lab.Patience, d.WantLink("dns", "fail"))

	second.Start(t)
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, "echo.example.net", lab.ElsewhereAddr))
	lab.Eventually(t, lab.Patience, d.WantLink("dns", "pass"))
}

// wantFrom asks once, for as long as it may take.
func wantFrom(h *house, name string, want netip.Addr) error {
	answer, err := h.Phone.Exchange(question(name, dns.TypeA), "udp", lab.NASAddr, askLimit)
	return wantAddr(answer, err, want)
}

// The only upstream lies. A client gets the truth or a failure, in words that
// every stub resolver knows; the house's own names stay; and once the lies end,
// so does the trouble.
func TestOnlyUpstreamLies(t *testing.T) {
	t.Parallel() // it waits more than it works
	lies := []lab.Lie{lab.Garbage, lab.WrongIDs, lab.WrongQuestion, lab.TruncatedOnly, lab.AliasLoop, lab.Huge,
		lab.Drip, lab.Silent, lab.ServFail, lab.Refused, lab.Elsewhere, lab.LowerCase}
	lab.Require(t)
	// The liar is in the LAN, as no NAT lets an answer from elsewhere in.
	home := lab.New(t, lab.Options{})
	h := &house{Home: home, name: "mqtt.example.org"}
	h.StartPublicDNS(t)
	liarAddr := netip.MustParseAddr("192.168.77.40")
	liar := h.StartLiar(t, h.Pi, liarAddr)
	d := h.start(t, fmt.Sprintf("upstreams = [%q]\n", liarAddr))
	for i, lie := range lies {
		name := strings.ReplaceAll(string(lie), " ", "-")
		t.Run(name, func(t *testing.T) {
			liar.Tell(lie)
			before := liar.Asked()
			var asking sync.WaitGroup
			for j := range 8 {
				network := []string{"udp", "tcp"}[j%2]
				asking.Go(func() {
					m := question(fmt.Sprintf("l%d-%d.example.com", i, j), dns.TypeA)
					answer, err := h.Phone.Exchange(m, network, lab.NASAddr, askLimit)
					if err := truthOrFailure(answer, err); err != nil {
						t.Errorf("over %s: %v", network, err)
					}
				})
			}
			for range 50 {
				if err := wantFrom(h, h.name, lab.NASAddr); err != nil {
					t.Error(err)
					break
				}
			}
			asking.Wait()
			if liar.Asked() == before {
				t.Error("the liar was not asked: this proves nothing")
			}
			if n := rss(t, d); n > maxRSS {
				t.Errorf("the daemon takes %d KiB", n)
			}
			liar.Tell(lab.Honest)
			lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, fmt.Sprintf("after%d.example.com", i), lab.LiarAnswer))
		})
	}
}

// truthOrFailure wants the liar's right answer, whole or marked as cut, or
// SERVFAIL. An alias loop is the truth too, if nothing follows from it.
func truthOrFailure(answer *dns.Msg, err error) error {
	switch {
	case err != nil:
		return err
	case answer.Rcode == dns.RcodeServerFailure && len(answer.Answer) == 0:
		return nil
	case answer.Rcode == dns.RcodeSuccess && answer.Truncated:
		return nil
	}
	return wantAddr(answer, nil, lab.LiarAnswer)
}

// queries are the counters of the status.
func queries(t *testing.T, d *lab.Daemon) map[string]int {
	t.Helper()
	s, err := d.Status()
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		DNS struct {
			Queries map[string]int `json:"queries"`
		} `json:"dns"`
	}
	if err := json.Unmarshal(s.Raw, &told); err != nil {
		t.Fatal(err)
	}
	return told.DNS.Queries
}
