package upstream_test

// Plain DNS: the case of questions, and servers that do not keep it.

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

func overUDP(w dns.ResponseWriter) bool {
	_, udp := w.LocalAddr().(*net.UDPAddr)
	return udp
}

func TestQuestionsAreAskedInRandomCaseFromRandomPorts(t *testing.T) {
	var mu sync.Mutex
	names, ids, ports := map[string]bool{}, map[uint16]bool{}, map[string]bool{}
	p := opened(t, upstream.Config{Servers: []netip.AddrPort{serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
		mu.Lock()
		defer mu.Unlock()
		names[r.Question[0].Name], ids[r.Id], ports[w.RemoteAddr().String()] = true, true, true
		m := new(dns.Msg).SetReply(r)
		m.Compress = true
		for _, text := range []string{"%[1]s 60 IN CNAME host.%[1]s", "host.%[1]s 60 IN A 1.2.3.4"} {
			rr, _ := dns.NewRR(fmt.Sprintf(text, r.Question[0].Name))
			m.Answer = append(m.Answer, rr)
		}
		_ = w.WriteMsg(m)
	})}})
	const name = "a-rather-long-name-of-letters.example."
	for range 20 {
		r, err := p.ExchangeMsg(t.Context(), new(dns.Msg).SetQuestion(name, dns.TypeA))
		if err != nil {
			t.Fatal(err)
		}
		if r.Question[0].Name != name || len(r.Answer) != 2 || r.Answer[0].(*dns.CNAME).Target != "host."+name || r.Answer[1].Header().Name != "host."+name {
			t.Errorf("the case of the question is left in %v", r)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(names) < 15 || len(ids) < 15 || len(ports) < 15 {
		t.Errorf("20 questions had %d names, %d IDs, %d ports", len(names), len(ids), len(ports))
	}
}

func TestServerThatDoesNotKeepTheCase(t *testing.T) {
	lower := func(w dns.ResponseWriter, r *dns.Msg) {
		m := reply(r, "1.2.3.4")
		m.Question[0].Name = strings.ToLower(m.Question[0].Name)
		_ = w.WriteMsg(m)
	}
	t.Run("with TCP", func(t *testing.T) {
		var udp, tcp atomic.Int32
		p := opened(t, upstream.Config{Servers: []netip.AddrPort{serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
			if overUDP(w) {
				udp.Add(1)
			} else {
				tcp.Add(1)
			}
			lower(w, r)
		})}})
		for range 5 {
			wantAddr(t, long(t, p), "1.2.3.4")
		}
		if udp.Load() != 5 || tcp.Load() != 1 {
			t.Errorf("%d questions over UDP, %d over TCP; want it remembered", udp.Load(), tcp.Load())
		}
	})
	t.Run("without TCP", func(t *testing.T) {
		var asked atomic.Int32
		p := opened(t, upstream.Config{Servers: []netip.AddrPort{serveUDP(t, func(w dns.ResponseWriter, r *dns.Msg) {
			asked.Add(1)
			lower(w, r)
		})}})
		for range 5 {
			wantAddr(t, long(t, p), "1.2.3.4")
		}
		if asked.Load() != 6 {
			t.Errorf("asked %d times; want it remembered", asked.Load())
		}
	})
}

// A forger who knows ID, port and question, but not the case.
func TestAReplyInAnotherCaseIsNotBelieved(t *testing.T) {
	var forged atomic.Int32
	p := opened(t, upstream.Config{Servers: []netip.AddrPort{serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
		if overUDP(w) {
			forged.Add(1)
			m := reply(r, "6.6.6.6")
			m.Question[0].Name = strings.ToLower(m.Question[0].Name)
			_ = w.WriteMsg(m)
			return
		}
		_ = w.WriteMsg(reply(r, "1.2.3.4"))
	})}})
	for range 5 {
		wantAddr(t, long(t, p), "1.2.3.4")
	}
	if forged.Load() != 5 {
		t.Errorf("%d forged", forged.Load())
	}
}

// long asks for a name whose case is not all lower by chance.
func long(t *testing.T, p *upstream.Pool) *dns.Msg {
	t.Helper()
	m, err := p.ExchangeMsg(t.Context(), new(dns.Msg).SetQuestion(strings.Repeat("abcdefgh.", 12)+"example.", dns.TypeA))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// serveUDP starts a server on loopback that has no TCP.
func serveUDP(t *testing.T, handler dns.HandlerFunc) netip.AddrPort {
	t.Helper()
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started, ended := make(chan struct{}), make(chan struct{})
	s := &dns.Server{PacketConn: packets, Handler: handler, NotifyStartedFunc: func() { close(started) }}
	go func() { defer close(ended); _ = s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	return packets.LocalAddr().(*net.UDPAddr).AddrPort()
}

// Whatever the only server or the first of two does, there is an answer from
// the other, or a clear error in time.
func TestLiarsLeadToTheNextServerOrAClearError(t *testing.T) {
	stream := func(write func(net.Conn)) netip.AddrPort {
		l := listen(t)
		packets, err := net.ListenPacket("udp4", l.Addr().String())
		if err != nil {
			t.Skipf("the port is taken for UDP: %v", err)
		}
		started, ended := make(chan struct{}), make(chan struct{})
		s := &dns.Server{PacketConn: packets, NotifyStartedFunc: func() { close(started) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
			m := new(dns.Msg).SetReply(r)
			m.Truncated = true
			_ = w.WriteMsg(m)
		})}
		go func() { defer close(ended); _ = s.ActivateAndServe() }()
		<-started
		var serving sync.WaitGroup
		serving.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				serving.Go(func() { defer conn.Close(); write(conn) })
			}
		})
		t.Cleanup(func() { l.Close(); l.cut(); serving.Wait(); _ = s.Shutdown(); <-ended })
		return packets.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	chain := func(records ...string) netip.AddrPort {
		return serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
			m := new(dns.Msg).SetReply(r)
			for _, text := range records {
				rr, err := dns.NewRR(text)
				if err != nil {
					panic(err)
				}
				m.Answer = append(m.Answer, rr)
			}
			_ = w.WriteMsg(m)
		})
	}
	rcode := func(code int) netip.AddrPort {
		return serve(t, func(w dns.ResponseWriter, r *dns.Msg) { _ = w.WriteMsg(new(dns.Msg).SetRcode(r, code)) })
	}
	var endless []string
	for i := range 40 {
		endless = append(endless, fmt.Sprintf("%d.example. 60 IN CNAME %d.example.", i, i+1))
	}
	endless[0] = "a.example. 60 IN CNAME 1.example."
	for name, c := range map[string]struct {
		server netip.AddrPort
		rcode  int    // what the client hears when it is alone
		words  string // or the error
	}{
		"silent":          {silent(t), 0, "no answer within"},
		"nothing listens": {refusing(t), 0, "nothing listens"},
		"garbage": {serveUDP(t, func(w dns.ResponseWriter, r *dns.Msg) {
			_, _ = w.Write(append([]byte{byte(r.Id >> 8), byte(r.Id)}, "this is no DNS message at all"...))
		}), 0, "no answer within"},
		"wrong IDs": {serveUDP(t, func(w dns.ResponseWriter, r *dns.Msg) {
			m := reply(r, "6.6.6.6")
			m.Id++
			_ = w.WriteMsg(m)
		}), 0, "no answer within"},
		"another question": {serveUDP(t, func(w dns.ResponseWriter, r *dns.Msg) {
			m := reply(r, "6.6.6.6")
			m.Question[0].Name = "b.example."
			_ = w.WriteMsg(m)
		}), 0, "no answer within"},
		"truncation without TCP": {serveUDP(t, func(w dns.ResponseWriter, r *dns.Msg) {
			m := new(dns.Msg).SetReply(r)
			m.Truncated = true
			_ = w.WriteMsg(m)
		}), 0, "nothing listens"},
		"truncation over TCP too": {serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
			m := new(dns.Msg).SetReply(r)
			m.Truncated = true
			_ = w.WriteMsg(m)
		}), 0, "does not answer the question"},
		"a byte a second": {stream(func(conn net.Conn) {
			for {
				if _, err := conn.Write([]byte{1}); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}), 0, "no answer within"},
		"64 KiB of zeros over TCP": {stream(func(conn net.Conn) {
			_, _ = conn.Write(append([]byte{0xff, 0xff}, make([]byte, 65535)...))
			_, _ = conn.Read(make([]byte, 1024)) // until it is closed
			_, _ = conn.Read(make([]byte, 1024))
		}), 0, "no answer within"},
		"answers to nothing over TCP": {stream(func(conn net.Conn) {
			for {
				if _, err := conn.Write(append([]byte{0, 12}, make([]byte, 12)...)); err != nil {
					return
				}
			}
		}), 0, "lost"},
		"TCP that is closed at once": {stream(func(net.Conn) {}), 0, "lost"},
		"SERVFAIL":                   {rcode(dns.RcodeServerFailure), dns.RcodeServerFailure, ""},
		"REFUSED":                    {rcode(dns.RcodeRefused), dns.RcodeRefused, ""},
		"NOTIMP":                     {rcode(dns.RcodeNotImplemented), dns.RcodeNotImplemented, ""},
		"an unknown code":            {rcode(14), 14, ""},
		"a CNAME loop":               {chain("a.example. 60 IN CNAME b.example.", "b.example. 60 IN CNAME a.example."), dns.RcodeServerFailure, ""},
		"an endless chain":           {chain(endless...), dns.RcodeServerFailure, ""},
		"a referral": {serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
			m := new(dns.Msg).SetReply(r)
			rr, _ := dns.NewRR("example. 60 IN NS ns.example.")
			m.Ns = append(m.Ns, rr)
			_ = w.WriteMsg(m)
		}), dns.RcodeRefused, ""},
	} {
		good := serve(t, answering("1.2.3.4"))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := opened(t, upstream.Config{Servers: []netip.AddrPort{c.server, good}, Timeout: 30 * time.Second, Patience: 200 * time.Millisecond})
			wantAddr(t, exchange(t, p, nil), "1.2.3.4")
			timeout := 60 * time.Second
			if c.words == "no answer within" {
				timeout = 600 * time.Millisecond
			}
			alone := opened(t, upstream.Config{Servers: []netip.AddrPort{c.server}, Timeout: timeout})
			r, err := alone.Exchange(t.Context(), question(t, nil))
			switch {
			case c.words != "":
				if err == nil || !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), "no upstream DNS server answered") {
					t.Errorf("alone it gives %v, want %q", err, c.words)
				}
			case err != nil || int(r.Rcode()) != c.rcode:
				t.Errorf("alone it gives %v, %v, want code %d", r, err, c.rcode)
			}
		})
	}
}
