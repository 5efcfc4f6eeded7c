package upstream_test

// Servers given by host name: found through bootstrap, kept, looked up again.

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

// directory is a bootstrap server that knows one host.
type directory struct {
	asked atomic.Int32
	addr  atomic.Pointer[string] // nil means silence
	ttl   atomic.Uint32
}

func (d *directory) handle(w dns.ResponseWriter, r *dns.Msg) {
	addr := d.addr.Load()
	if addr == nil {
		return
	}
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable = true
	if q := r.Question[0]; !strings.EqualFold(q.Name, "dns.example.") {
		m.Rcode = dns.RcodeNameError
	} else if q.Qtype == dns.TypeA {
		d.asked.Add(1)
		m = reply(r, *addr)
		m.Answer[0].Header().Ttl = d.ttl.Load()
	}
	_ = w.WriteMsg(m)
}

func (d *directory) set(addr string) { d.addr.Store(&addr) }

// The dialling is real but for the port, which is the one of the test's server.
func TestAServerByNameIsFoundThroughBootstrap(t *testing.T) {
	ca := newAuthority(t)
	l := serveTLS(t, ca.server(t, yesterday(), "dns.example"), answering("1.2.3.4"))
	var d directory
	d.set("127.0.0.1")
	d.ttl.Store(60)
	boot := serve(t, d.handle)
	s := spec(t, "tls://dns.example:"+l.Addr().String()[strings.LastIndex(l.Addr().String(), ":")+1:])
	p := opened(t, upstream.Config{Specs: []upstream.Spec{s}, Bootstrap: []netip.AddrPort{silent(t), boot}, RootCAs: ca.roots, Patience: 100 * time.Millisecond})
	if st := p.Status()[0]; st.Address.IsValid() || st.Name != s.Text {
		t.Errorf("before it is found: %+v", st)
	}
	if list := p.Addresses(); len(list) != 2 || !slices.Contains(list, boot) {
		t.Errorf("in plain are asked %v, want the bootstrap servers", list)
	}
	for range 3 {
		wantAddr(t, exchange(t, p, nil), "1.2.3.4")
	}
	if st := p.Status()[0]; st.Address != l.addr() {
		t.Errorf("after it was found: %+v", st)
	}
	if n := d.asked.Load(); n != 1 {
		t.Errorf("looked up %d times", n)
	}
}

func TestAPlainServerByNameIsListedOnceFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d directory
		d.set("192.0.2.2")
		network := &bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): d.handle, second.String(): answering("1.2.3.4")}}
		p := opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, "udp://dns.example")}, Bootstrap: []netip.AddrPort{first}, Dial: network.dial})
		exchange(t, p, nil)
		if list := p.Addresses(); !slices.Equal(list, []netip.AddrPort{second, first}) {
			t.Errorf("in plain are asked %v", list)
		}
	})
}

func TestTheLastGoodAddressIsKeptAndLookedUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d directory
		d.set("192.0.2.2")
		d.ttl.Store(600)
		third := netip.MustParseAddrPort("192.0.2.3:53")
		network := &bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): d.handle, second.String(): answering("1.2.3.4")}}
		p := opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, "tcp://dns.example")}, Bootstrap: []netip.AddrPort{first}, Dial: network.dial, Timeout: 5 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(time.Second)
		if n := d.asked.Load(); n != 1 {
			t.Errorf("looked up %d times at the start", n)
		}
		time.Sleep(12 * time.Minute)
		if n := d.asked.Load(); n != 2 {
			t.Errorf("looked up %d times after the TTL", n)
		}
		d.addr.Store(nil) // the bootstrap server is gone
		time.Sleep(3 * time.Hour)
		exchange(t, p, nil)
		if st := p.Status()[0]; st.Address.Addr() != second.Addr() {
			t.Errorf("without bootstrap: %+v", st)
		}
		network.become(map[string]dns.HandlerFunc{first.String(): d.handle, third.String(): answering("1.2.3.5")})
		d.set("192.0.2.3") // the server moved, and all connections are lost
		time.Sleep(5 * time.Minute)
		wantAddr(t, exchange(t, p, nil), "1.2.3.5")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAServerThatCanNotBeFoundSaysSo(t *testing.T) {
	rcode := func(code int) dns.HandlerFunc {
		return func(w dns.ResponseWriter, r *dns.Msg) { _ = w.WriteMsg(new(dns.Msg).SetRcode(r, code)) }
	}
	for name, boot := range map[string]dns.HandlerFunc{
		"no such name": rcode(dns.RcodeNameError), "SERVFAIL": rcode(dns.RcodeServerFailure), "nothing listens": nil,
		"no answer": func(dns.ResponseWriter, *dns.Msg) {},
	} {
		synctest.Test(t, func(t *testing.T) {
			network := &bubbleNet{servers: map[string]dns.HandlerFunc{first.String(): boot}}
			p := opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, "tls://dns.example")}, Bootstrap: []netip.AddrPort{first}, Dial: network.dial, Timeout: 5 * time.Second})
			_, err := p.Exchange(t.Context(), question(t, nil))
			if err == nil || !strings.Contains(err.Error(), "the address of dns.example could not be found through the bootstrap servers") {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	if _, err := upstream.New(upstream.Config{Specs: []upstream.Spec{spec(t, "tls://dns.example")}}); err == nil || !strings.Contains(err.Error(), "set bootstrap in [dns]") {
		t.Errorf("without bootstrap: %v", err)
	}
}

func TestAnotherAddressIsTriedWhereOneDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &bubbleNet{servers: map[string]dns.HandlerFunc{second.String(): answering("1.2.3.4"), first.String(): func(w dns.ResponseWriter, r *dns.Msg) {
			m := reply(r, "192.0.2.77") // nothing listens there
			m.Answer = append(m.Answer, reply(r, "192.0.2.2").Answer...)
			if r.Question[0].Qtype != dns.TypeA {
				m.Answer = nil
			}
			_ = w.WriteMsg(m)
		}}}
		p := opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, "tcp://dns.example")}, Bootstrap: []netip.AddrPort{first}, Dial: network.dial})
		wantAddr(t, exchange(t, p, nil), "1.2.3.4")
		if st := p.Status()[0]; st.Address != second || st.Failures != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestWeNeverAskOurselves(t *testing.T) {
	var dialled atomic.Int32
	own := netip.MustParseAddrPort("192.0.2.2:53")
	p := opened(t, upstream.Config{
		Specs: []upstream.Spec{spec(t, "udp://192.0.2.2"), spec(t, "tcp://dns.example")}, Bootstrap: []netip.AddrPort{own}, Timeout: time.Second,
		Own: func(addr netip.AddrPort) bool { return addr == own },
		Dial: func(context.Context, string, string) (net.Conn, error) {
			dialled.Add(1)
			return nil, syscall.ECONNREFUSED
		},
	})
	if _, err := p.Exchange(t.Context(), question(t, nil)); err == nil || !strings.Contains(err.Error(), "is this server itself") || dialled.Load() != 0 {
		t.Errorf("Exchange = %v, %d connections", err, dialled.Load())
	}
}
