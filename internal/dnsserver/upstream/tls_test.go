package upstream_test

// DNS over TLS and TCP: kept connections, pipelining, whom to believe.

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

// tlsPool asks one DoT server, whose URL ends in suffix.
func tlsPool(t testing.TB, ca *authority, l *listener, suffix string) *upstream.Pool {
	t.Helper()
	return opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, "tls://"+l.addr().String()+suffix)}, RootCAs: ca.roots})
}

func TestTLSServerIsAskedOnOneConnectionWithPadding(t *testing.T) {
	ca := newAuthority(t)
	var odd atomic.Int32
	l := serveTLS(t, ca.server(t, yesterday(), "127.0.0.1"), func(w dns.ResponseWriter, r *dns.Msg) {
		if r.Len()%128 != 0 || r.IsEdns0() == nil || len(r.IsEdns0().Option) != 1 {
			odd.Add(1)
		}
		_ = w.WriteMsg(reply(r, "1.2.3.4"))
	})
	p := tlsPool(t, ca, l, "")
	for range 20 {
		wantAddr(t, exchange(t, p, nil), "1.2.3.4")
	}
	m := new(dns.Msg).SetQuestion("a.name.that.is.rather.long."+strings.Repeat("x", 60)+".example.", dns.TypeA)
	if r, err := p.ExchangeMsg(t.Context(), m); err != nil || len(r.Answer) != 1 {
		t.Errorf("%v, %v", r, err)
	}
	if n := l.accepted.Load(); n != 1 {
		t.Errorf("%d connections for questions one after the other", n)
	}
	if n := odd.Load(); n != 0 {
		t.Errorf("%d questions are not padded to 128 octets", n)
	}
	st := p.Status()[0]
	if st.Name != "tls://"+l.addr().String() || st.Protocol != "tls" || st.Address != l.addr() || st.PlainFallback || st.RTT <= 0 {
		t.Errorf("status %+v", st)
	}
}

func TestPipelinedRepliesMayComeInAnyOrder(t *testing.T) {
	const questions = 200
	ca := newAuthority(t)
	var mu sync.Mutex
	var waiting []func()
	l := serveTLS(t, ca.server(t, yesterday(), "127.0.0.1"), func(w dns.ResponseWriter, r *dns.Msg) {
		mu.Lock()
		defer mu.Unlock()
		if waiting = append(waiting, func() { _ = w.WriteMsg(reply(r, "1.2.3."+strings.Split(r.Question[0].Name, ".")[0])) }); len(waiting) == questions {
			for i := range waiting {
				waiting[len(waiting)-1-i]()
			}
		}
	})
	p := tlsPool(t, ca, l, "")
	var asking sync.WaitGroup
	for i := range questions {
		asking.Go(func() {
			r, err := p.ExchangeMsg(t.Context(), new(dns.Msg).SetQuestion(fmt.Sprintf("%d.example.", i), dns.TypeA))
			if err != nil {
				t.Error(err)
				return
			}
			wantAddr(t, r, fmt.Sprintf("1.2.3.%d", i))
		})
	}
	asking.Wait()
	if n := l.accepted.Load(); n != 1 {
		t.Errorf("%d connections, want one that all share", n)
	}
}

func TestConnectionsToOneServerAreBounded(t *testing.T) {
	ca := newAuthority(t)
	release := make(chan struct{})
	var asked atomic.Int32
	l := serveTLS(t, ca.server(t, yesterday(), "127.0.0.1"), func(w dns.ResponseWriter, r *dns.Msg) {
		asked.Add(1)
		<-release
		_ = w.WriteMsg(reply(r, "1.2.3.4"))
	})
	p := opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, "tls://"+l.addr().String())}, RootCAs: ca.roots, Timeout: 60 * time.Second, Patience: 20 * time.Second})
	var asking sync.WaitGroup
	var good, busy atomic.Int32
	for i := range 1100 {
		asking.Go(func() {
			_, err := p.ExchangeMsg(t.Context(), new(dns.Msg).SetQuestion(fmt.Sprintf("%d.example.", i), dns.TypeA))
			switch {
			case err == nil:
				good.Add(1)
			case strings.Contains(err.Error(), "wait for it already"):
				busy.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	for asked.Load() < 1024 || busy.Load() < 76 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	asking.Wait()
	if good.Load() != 1024 || l.accepted.Load() > 4 {
		t.Errorf("%d answered on %d connections", good.Load(), l.accepted.Load())
	}
}

func TestADeadKeptConnectionIsReplacedOnce(t *testing.T) {
	ca := newAuthority(t)
	config := ca.server(t, yesterday(), "127.0.0.1")
	var resumed atomic.Int32
	config.VerifyConnection = func(s tls.ConnectionState) error {
		if s.DidResume {
			resumed.Add(1)
		}
		return nil
	}
	l := serveTLS(t, config, answering("1.2.3.4"))
	p := tlsPool(t, ca, l, "")
	for range 5 {
		wantAddr(t, exchange(t, p, nil), "1.2.3.4")
		l.cut()
	}
	if st := p.Status()[0]; st.Failures != 0 || l.accepted.Load() != 5 {
		t.Errorf("after lost connections: %+v, %d connections", st, l.accepted.Load())
	}
	if resumed.Load() == 0 {
		t.Error("no TLS session was resumed")
	}
}

// A server that takes one question for each connection, as some do.
func TestAServerThatClosesAfterEachAnswer(t *testing.T) {
	ca := newAuthority(t)
	l := serveTLS(t, ca.server(t, yesterday(), "127.0.0.1"), func(w dns.ResponseWriter, r *dns.Msg) {
		_ = w.WriteMsg(reply(r, "1.2.3.4"))
		w.Close()
	})
	p := tlsPool(t, ca, l, "")
	for range 10 {
		wantAddr(t, exchange(t, p, nil), "1.2.3.4")
	}
}

func TestTheCertificateIsChecked(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	good := ca.server(t, yesterday(), "127.0.0.1", "dns.example")
	old := ca.server(t, time.Now().AddDate(-2, 0, 0), "127.0.0.1")
	weak := ca.server(t, yesterday(), "127.0.0.1")
	weak.MaxVersion = tls.VersionTLS11
	for name, c := range map[string]struct {
		config *tls.Config
		suffix string
		words  string // of the error; empty where it is good
	}{
		"address":            {good, "", ""},
		"pinned name":        {good, "#dns.example", ""},
		"wrong pinned name":  {good, "#other.example", "for another name"},
		"wrong address":      {ca.server(t, yesterday(), "192.0.2.1"), "", "for another name"},
		"no address":         {ca.server(t, yesterday(), "dns.example"), "", "for another name"},
		"another authority":  {other.server(t, yesterday(), "127.0.0.1"), "", "nobody whom this host trusts"},
		"out of date":        {old, "", "not valid at this time"},
		"too old a protocol": {weak, "", "protocol version"},
	} {
		t.Run(name, func(t *testing.T) {
			p := tlsPool(t, ca, serveTLS(t, c.config, answering("1.2.3.4")), c.suffix)
			_, err := p.Exchange(t.Context(), question(t, nil))
			if c.words == "" && err != nil || c.words != "" && (err == nil || !strings.Contains(err.Error(), c.words)) {
				t.Errorf("Exchange = %v, want %q", err, c.words)
			}
		})
	}
}

func TestPlainTCPServerIsAskedOverTCPAlone(t *testing.T) {
	var udp atomic.Int32
	addr := serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
		if w.LocalAddr().Network() == "udp" {
			udp.Add(1)
		}
		_ = w.WriteMsg(reply(r, "1.2.3.4"))
	})
	p := opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, "tcp://"+addr.String())}})
	wantAddr(t, exchange(t, p, nil), "1.2.3.4")
	if udp.Load() != 0 {
		t.Error("it was asked over UDP")
	}
}

func TestCloseWaitsForTheAnswersAndLeavesNothing(t *testing.T) {
	ca := newAuthority(t)
	asked, release := make(chan struct{}), make(chan struct{})
	l := serveTLS(t, ca.server(t, yesterday(), "127.0.0.1"), func(w dns.ResponseWriter, r *dns.Msg) {
		close(asked)
		<-release
		_ = w.WriteMsg(reply(r, "1.2.3.4"))
	})
	p := tlsPool(t, ca, l, "")
	answer, closed := make(chan error, 1), make(chan struct{})
	go func() { _, err := p.Exchange(t.Context(), question(t, nil)); answer <- err }()
	<-asked
	go func() { p.Close(); close(closed) }()
	select {
	case <-closed:
		t.Error("closed while a question waits")
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	if err := errors.Join(<-answer); err != nil {
		t.Error(err)
	}
	<-closed
}
