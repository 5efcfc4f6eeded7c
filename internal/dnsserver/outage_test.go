package dnsserver_test

// Outages over real sockets: the upstream dies, and comes back.

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
)

// broken starts a DNS server with a handler on loopback.
func broken(t *testing.T, handler dns.HandlerFunc) netip.AddrPort {
	t.Helper()
	packets, stream := pair(t)
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: stream, Handler: handler}} {
		started, ended := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { defer close(ended); _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	}
	return packets.LocalAddr().(*net.UDPAddr).AddrPort()
}

// until asks with EDNS until the answer is as wanted, for half a minute at most.
func (h *house) until(name string, wanted func(*dns.Msg) bool) *dns.Msg {
	h.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		m := h.exchange("udp", new(dns.Msg).SetQuestion(name, dns.TypeA).SetEdns0(1232, false))
		if wanted(m) {
			return m
		}
		if time.Now().After(end) {
			h.t.Fatalf("%s is still %v", name, m)
		}
		if len(m.Answer) == 0 {
			h.t.Fatalf("in between %s is %v", name, m)
		}
	}
}

func isStale(m *dns.Msg) bool { return ede(m) == 3 && m.Answer[0].Header().Ttl == 30 }

// aMoment is for an exchange that gives up soon, so that an outage is seen soon.
const aMoment = 1500 * time.Millisecond

func TestNamesAskedBeforeOutliveTheirUpstream(t *testing.T) {
	t.Parallel()
	var dead atomic.Bool
	w := &world{rcodes: map[string]int{}, asked: map[dns.Question]int{}}
	w.add(t, "www.example.net. 1 IN A 11.22.33.44", "alias.example.net. 1 IN CNAME www.example.net.")
	addr := broken(t, func(rw dns.ResponseWriter, r *dns.Msg) {
		if !dead.Load() {
			w.ServeDNS(rw, r)
		}
	})
	h := start(t, addr, func(c *dnsserver.Config) { c.Upstream = waiting(t, aMoment, addr) })
	for _, name := range []string{"www.example.net.", "alias.example.net."} {
		h.ask(name, dns.TypeA)
	}
	dead.Store(true)
	for _, name := range []string{"www.example.net.", "alias.example.net."} {
		m := h.until(name, isStale)
		if got := addresses(m.Answer); len(got) != 1 || got[0] != "11.22.33.44" {
			t.Errorf("%s is %v", name, m)
		}
		if m := h.exchange("tcp", new(dns.Msg).SetQuestion(name, dns.TypeA).SetEdns0(1232, false)); !isStale(m) {
			t.Errorf("over TCP %s is %v", name, m)
		}
	}
	if m := h.ask("never.example.net.", dns.TypeA); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("what was never asked before is %v", m)
	}
	w.mu.Lock()
	w.records = nil
	w.mu.Unlock()
	w.add(t, "www.example.net. 1 IN A 55.66.77.88")
	dead.Store(false)
	h.until("www.example.net.", func(m *dns.Msg) bool {
		return ede(m) == 0 && addresses(m.Answer)[0] == "55.66.77.88"
	})
	if st := h.Status(); st.Queries.Stale < 4 || st.Cache.StaleAnswers != st.Queries.Stale {
		t.Errorf("Status = %+v", st)
	}
}

func TestIdenticalQuestionsShareOneExchangeAndOutliveTheFirst(t *testing.T) {
	var asked atomic.Int32
	release := make(chan struct{})
	addr := broken(t, func(rw dns.ResponseWriter, r *dns.Msg) {
		asked.Add(1)
		<-release
		m := new(dns.Msg).SetReply(r)
		rr, _ := dns.NewRR(r.Question[0].Name + " 60 IN A 11.22.33.44")
		m.Answer = []dns.RR{rr}
		_ = rw.WriteMsg(m)
	})
	h := start(t, addr, func(c *dnsserver.Config) { c.Upstream = waiting(t, time.Minute, addr) })
	leader, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	first := pack(t, new(dns.Msg).SetQuestion("www.example.net.", dns.TypeA))
	if _, err := leader.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(first))), first...)); err != nil {
		t.Fatal(err)
	}
	total := func(n uint64) {
		for h.Status().Queries.Total < n {
			time.Sleep(time.Millisecond)
		}
	}
	for total(1); asked.Load() == 0; time.Sleep(time.Millisecond) {
	}
	leader.Close() // it does not wait for its answer
	const followers = 20
	var all sync.WaitGroup
	for i := range followers {
		name := []byte("www.example.net.")
		for bit := range 3 {
			if i&(1<<bit) != 0 {
				name[bit] -= 'a' - 'A'
			}
		}
		m := new(dns.Msg).SetQuestion(string(name), dns.TypeA)
		m.RecursionDesired = i%5 != 0
		all.Go(func() {
			reply := h.exchange([]string{"udp", "tcp"}[i%2], m) // holds id, case and RD against the question
			if len(addresses(reply.Answer)) != 1 || reply.Answer[0].Header().Name != string(name) || reply.Id != m.Id || reply.CheckingDisabled {
				t.Errorf("follower %d gets %v", i, reply)
			}
		})
	}
	total(1 + followers)
	time.AfterFunc(50*time.Millisecond, func() { close(release) })
	all.Wait()
	// The pool hedges with a second try; one that came late asks once more.
	if n := asked.Load(); n > 4 {
		t.Errorf("upstream was asked %d times", n)
	}
}

// unbound is a real unbound on loopback that knows one name.
func unbound(t *testing.T, port int, addr string) (end func()) {
	t.Helper()
	path, err := exec.LookPath("unbound")
	if err != nil {
		if os.Getenv("EDGEGUARD_LAB") == "require" {
			t.Fatal("unbound is not installed")
		}
		t.Skip("unbound is not installed")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "unbound.conf")
	text := fmt.Sprintf("server:\n  interface: 127.0.0.1@%d\n  do-daemonize: no\n  use-syslog: no\n  chroot: \"\"\n  username: \"\"\n  directory: %q\n  pidfile: \"\"\n  do-not-query-localhost: no\n  local-zone: \"example.net.\" static\n  local-data: \"www.example.net. 1 IN A %s\"\nremote-control:\n  control-enable: no\n", port, dir, addr)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-d", "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	t.Cleanup(end)
	server := fmt.Sprintf("127.0.0.1:%d", port)
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if m, err := dns.Exchange(new(dns.Msg).SetQuestion("www.example.net.", dns.TypeA), server); err == nil && len(m.Answer) == 1 {
			return end
		} else if time.Now().After(deadline) {
			t.Fatalf("unbound does not answer: %v, %v", m, err)
		}
	}
}

func TestUnboundDiesAndComesBack(t *testing.T) {
	t.Parallel()
	packets, stream := pair(t)
	addr := packets.LocalAddr().(*net.UDPAddr).AddrPort()
	packets.Close()
	stream.Close()
	kill := unbound(t, int(addr.Port()), "11.22.33.44")
	h := start(t, addr, func(c *dnsserver.Config) { c.Upstream = waiting(t, aMoment, addr) })
	h.ask("www.example.net.", dns.TypeA)
	kill()
	h.until("www.example.net.", isStale)
	if dig, err := exec.LookPath("dig"); err == nil {
		host, port, _ := net.SplitHostPort(h.addr)
		out, err := exec.Command(dig, "@"+host, "-p", port, "+tries=1", "+timeout=10", "www.example.net.", "A").CombinedOutput()
		if text := string(out); err != nil || !strings.Contains(text, "EDE: 3 (Stale Answer)") || !strings.Contains(text, "11.22.33.44") {
			t.Errorf("dig says %v\n%s", err, out)
		}
	}
	unbound(t, int(addr.Port()), "55.66.77.88")
	h.until("www.example.net.", func(m *dns.Msg) bool {
		return ede(m) == 0 && addresses(m.Answer)[0] == "55.66.77.88"
	})
}
