package dnsecho_test

// Real DNS servers on loopback in the place of the services.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/edgeguard/edgeguard/internal/wan/dnsecho"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a DNS server on one loopback port, UDP and TCP, to which every dial
// leads.
type stage struct {
	addr    string
	mu      sync.Mutex
	dialled []string       // guarded by mu
	asked   []dns.Question // guarded by mu
	dead    map[string]bool
}

func serve(t *testing.T, handle func(network string, q *dns.Msg) *dns.Msg) *stage {
	t.Helper()
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp4", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{addr: tcp.Addr().String(), dead: map[string]bool{}}
	for _, server := range []*dns.Server{{PacketConn: udp}, {Listener: tcp}} {
		network := "udp"
		if server.Listener != nil {
			network = "tcp"
		}
		server.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			s.mu.Lock()
			s.asked = append(s.asked, q.Question[0])
			s.mu.Unlock()
			if m := handle(network, q); m != nil {
				w.WriteMsg(m)
			}
		})
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		ended := make(chan error, 1)
		go func() { ended <- server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { server.Shutdown(); <-ended })
	}
	return s
}

func (s *stage) dial(ctx context.Context, network, address string) (net.Conn, error) {
	s.mu.Lock()
	s.dialled = append(s.dialled, network+" "+address)
	s.mu.Unlock()
	if s.dead[network+" "+address] {
		return nil, errors.New("unreachable")
	}
	return (&net.Dialer{}).DialContext(ctx, network, s.addr)
}

// record answers with records in the zone file's form, % standing for the name.
func record(aa bool, texts ...string) func(string, *dns.Msg) *dns.Msg {
	return func(_ string, q *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = aa
		for _, text := range texts {
			rr, err := dns.NewRR(strings.ReplaceAll(text, "%", q.Question[0].Name))
			if err != nil {
				panic(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		return m
	}
}

func find(t *testing.T, name string) dnsecho.Service {
	t.Helper()
	s, ok := dnsecho.Find(name)
	if !ok {
		t.Fatalf("no service %s", name)
	}
	return s
}

func TestAskEachService(t *testing.T) {
	for name, c := range map[string]struct {
		handle func(string, *dns.Msg) *dns.Msg
		dial   string
		asked  string
	}{
		"cloudflare": {record(false, `% 0 CH TXT "11.22.33.44"`), "udp4 1.1.1.1:53", "whoami.cloudflare. CH TXT"},
		"google":     {record(true, `% 60 IN TXT "11.22.33.44"`, `% 60 IN TXT "edns0-client-subnet 11.22.0.0/16"`), "udp4 216.239.32.10:53", "o-o.myaddr.l.google.com. IN TXT"},
		"opendns":    {record(false, `% 0 IN A 11.22.33.44`), "udp4 208.67.222.222:53", "myip.opendns.com. IN A"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.handle)
			seen := map[string]bool{}
			for range 4 {
				got, err := find(t, name).Ask(t.Context(), s.dial, false)
				if err != nil || got != netip.MustParseAddr("11.22.33.44") {
					t.Fatalf("got %v, %v", got, err)
				}
			}
			if s.dialled[0] != c.dial || len(s.dialled) != 4 {
				t.Errorf("dialled %q", s.dialled)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, q := range s.asked {
				seen[q.Name] = true
				text := fmt.Sprintf("%s %s %s", strings.ToLower(q.Name), dns.ClassToString[q.Qclass], dns.TypeToString[q.Qtype])
				if text != c.asked {
					t.Errorf("asked %q", text)
				}
			}
			if len(seen) < 2 {
				t.Errorf("four questions had the letters' case in common: %v", seen)
			}
		})
	}
}

func TestAskOverTCPWhereTheAnswerIsCut(t *testing.T) {
	s := serve(t, func(network string, q *dns.Msg) *dns.Msg {
		m := record(false, `% 0 IN A 11.22.33.44`)(network, q)
		if network == "udp" {
			m.Answer, m.Truncated = nil, true
		}
		return m
	})
	got, err := find(t, "opendns").Ask(t.Context(), s.dial, false)
	if err != nil || got.String() != "11.22.33.44" || len(s.dialled) != 2 || s.dialled[1] != "tcp4 208.67.222.222:53" {
		t.Fatalf("got %v, %v, dialled %q", got, err, s.dialled)
	}
}

func TestAskTheSecondServer(t *testing.T) {
	s := serve(t, record(false, `% 0 IN A 11.22.33.44`))
	s.dead["udp4 208.67.222.222:53"], s.dead["tcp4 208.67.222.222:53"] = true, true
	if got, err := find(t, "opendns").Ask(t.Context(), s.dial, false); err != nil || got.String() != "11.22.33.44" {
		t.Fatalf("got %v, %v", got, err)
	}
	s.dead["udp4 208.67.220.220:53"], s.dead["tcp4 208.67.220.220:53"] = true, true
	if _, err := find(t, "opendns").Ask(t.Context(), s.dial, false); err == nil || !strings.Contains(err.Error(), "unreachable") {
		t.Fatalf("got %v", err)
	}
}

func TestAskForIPv6(t *testing.T) {
	s := serve(t, record(false, `% 0 IN AAAA 2a02::1`))
	// The stage is IPv4 only; what is dialled is the point.
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if network != "udp6" || address != "[2620:119:35::35]:53" {
			t.Errorf("dialled %s %s", network, address)
		}
		return (&net.Dialer{}).DialContext(ctx, "udp4", s.addr)
	}
	if got, err := find(t, "opendns").Ask(t.Context(), dial, true); err != nil || got.String() != "2a02::1" {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestAskRefusesAnswersOfOthers(t *testing.T) {
	code := func(rcode int) func(string, *dns.Msg) *dns.Msg {
		return func(_ string, q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, rcode) }
	}
	for name, c := range map[string]struct {
		service string
		handle  func(string, *dns.Msg) *dns.Msg
		want    string
	}{
		"refused":             {"cloudflare", code(dns.RcodeRefused), "REFUSED"},
		"no such name":        {"opendns", code(dns.RcodeNameError), "NXDOMAIN"},
		"nothing":             {"opendns", record(false), "0 addresses"},
		"two":                 {"opendns", record(false, "% 0 IN A 11.22.33.44", "% 0 IN A 11.22.33.55"), "2 addresses"},
		"alias":               {"opendns", record(false, "% 0 IN CNAME a.example.", "a.example. 0 IN A 11.22.33.44"), "other records"},
		"another name":        {"opendns", record(false, "a.example. 0 IN A 11.22.33.44"), "other records"},
		"class IN for CHAOS":  {"cloudflare", record(false, `% 0 IN TXT "11.22.33.44"`), "other records"},
		"text":                {"cloudflare", record(false, `% 0 CH TXT "hello"`), "no address"},
		"two texts":           {"cloudflare", record(false, `% 0 CH TXT "11.22.33.44" "x"`), "no address"},
		"a resolver's answer": {"google", record(false, `% 0 IN TXT "11.22.33.44"`), "a resolver's"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.handle)
			got, err := find(t, c.service).Ask(t.Context(), s.dial, false)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "intercepting DNS") || got.IsValid() {
				t.Errorf("got %v, %v, want an error with %q", got, err, c.want)
			}
			if len(s.dialled) != 1 {
				t.Errorf("an answer of nonsense was asked for again: %q", s.dialled)
			}
		})
	}
}

func TestAskPassesOverForgedDatagrams(t *testing.T) {
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buffer := make([]byte, 512)
		n, from, err := socket.ReadFrom(buffer)
		q := new(dns.Msg)
		if err != nil || q.Unpack(buffer[:n]) != nil {
			return
		}
		truth := record(false, `% 0 IN A 11.22.33.44`)("udp", q)
		for _, change := range []func(*dns.Msg){
			func(m *dns.Msg) { m.Id++ },
			func(m *dns.Msg) { m.Question[0].Name = strings.ToLower(m.Question[0].Name) + "x." },
			func(m *dns.Msg) { m.Response = false },
			func(m *dns.Msg) { m.Question = nil },
		} {
			lie := record(false, `% 0 IN A 6.6.6.6`)("udp", q)
			change(lie)
			packed, err := lie.Pack()
			if err == nil {
				socket.WriteTo(packed, from)
			}
		}
		packed, _ := truth.Pack()
		socket.WriteTo(packed, from)
	}()
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, socket.LocalAddr().String())
	}
	got, err := find(t, "opendns").Ask(t.Context(), dial, false)
	if err != nil || got.String() != "11.22.33.44" {
		t.Errorf("got %v, %v", got, err)
	}
	socket.Close()
	<-ended
}

func TestAskEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(string, *dns.Msg) *dns.Msg { cancel(); return nil })
	if got, err := find(t, "cloudflare").Ask(ctx, s.dial, false); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	s, _ := dnsecho.Find("google")
	q := s.Message(false)
	q.Id = 1
	q.Question[0].Name = "o-o.myaddr.l.google.com."
	for _, handle := range []func(string, *dns.Msg) *dns.Msg{record(true, `% 0 IN TXT "11.22.33.44"`), record(false), record(true, `% 0 IN TXT "x" "y"`)} {
		packed, err := handle("", q).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		addr, err := s.Parse(message, q)
		if (err == nil) != addr.IsValid() || addr.Is4In6() || addr.Zone() != "" {
			t.Fatalf("%v, %v", addr, err)
		}
		if err == nil && (len(message) < 12 || message[0] != 0 || message[1] != 1) {
			t.Fatal("an answer to another question was read")
		}
	})
}
