package hairpin_test

// A small real broker on loopback, and the prober that looks at it.

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// listen serves every connection to host with handle until the test ends.
func listen(t *testing.T, host string, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Skipf("listening on %s: %v", host, err) // 127.0.0.2 is Linux only
	}
	var group sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer conn.Close()
				stop := context.AfterFunc(ctx, func() { conn.Close() })
				defer stop()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); cancel(); group.Wait() })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// broker speaks MQTT in TLS; its certificate and its answer can be changed.
type broker struct {
	cert   atomic.Pointer[tls.Certificate]
	answer atomic.Pointer[[]byte]
	config func(*tls.Config)
	down   atomic.Bool            // it hangs up at once
	bad    atomic.Pointer[string] // what a client did wrong
	ended  chan []byte            // what came after each CONNACK, up to the end
	names  chan string            // the server name of each handshake
}

func newBroker(cert *tls.Certificate, answer ...byte) *broker {
	b := &broker{ended: make(chan []byte, 64), names: make(chan string, 64)}
	b.cert.Store(cert)
	b.answer.Store(&answer)
	return b
}

func (b *broker) handle(conn net.Conn) {
	if b.down.Load() {
		return
	}
	cfg := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		b.names <- hello.ServerName
		return b.cert.Load(), nil
	}}
	if b.config != nil {
		b.config(cfg)
	}
	stream := tls.Server(conn, cfg)
	packet := make([]byte, 14)
	if _, err := io.ReadFull(stream, packet); err != nil {
		return
	}
	if string(packet) != "\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00" {
		text := string(packet)
		b.bad.Store(&text)
	}
	if _, err := stream.Write(*b.answer.Load()); err != nil {
		return
	}
	rest, _ := io.ReadAll(io.LimitReader(stream, 64))
	b.ended <- rest
}

func accepted() []byte { return []byte{0x20, 2, 0, 0} }

// run runs a prober until the test ends.
func run(t *testing.T, cfg hairpin.Config, wan *watch.Value[fact.Observation]) *hairpin.Prober {
	t.Helper()
	if wan == nil {
		wan = wanValue("")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute // no test of ours should ever see it
	}
	cfg.Interval = time.Hour // rounds come by kicks
	p := hairpin.New(cfg, wan)
	start(t, p)
	return p
}

func start(t *testing.T, p *hairpin.Prober) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
}

func wanValue(addr string) *watch.Value[fact.Observation] {
	o := fact.Observation{}
	if addr != "" {
		o = fact.KnownAddr(netip.MustParseAddr(addr), "test", time.Now())
	}
	return watch.New(o, fact.Observation.SameValue)
}

// await waits for a status that is so.
func await(t *testing.T, p *hairpin.Prober, what string, so func(hairpin.Status) bool) hairpin.Status {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		status, changed := p.Status().Get()
		if so(status) {
			return status
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("waiting for %s: the status stays %+v", what, status)
		}
	}
}

// looked waits for the first look at every service.
func looked(t *testing.T, p *hairpin.Prober) hairpin.Status {
	t.Helper()
	return await(t, p, "the first look", func(s hairpin.Status) bool {
		for _, service := range s.Services {
			if service.Reachable == fact.VerdictUnknown {
				return false
			}
		}
		return true
	})
}
