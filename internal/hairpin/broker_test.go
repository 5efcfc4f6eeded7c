package hairpin_test

// A small real broker on loopback, and the prober that looks at it.

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"slices"
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
	return listenAt(t, netip.AddrPortFrom(netip.MustParseAddr(host), 0), handle)
}

// listenAt is listen on a port.
func listenAt(t *testing.T, at netip.AddrPort, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Skipf("listening on %s: %v", at, err) // 127.0.0.2 is Linux only
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
	down   atomic.Bool              // it hangs up at once
	judge  func(packet string) byte // the return code for a CONNECT; nil: that of answer
	ended  chan []byte              // what came after each CONNACK, up to the end
	names  chan string              // the server name of each handshake

	mu      sync.Mutex
	packets []string // guarded by mu; the CONNECTs
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
		select {
		case b.names <- hello.ServerName:
		default:
		}
		return b.cert.Load(), nil
	}}
	if b.config != nil {
		b.config(cfg)
	}
	stream := tls.Server(conn, cfg)
	head := make([]byte, 2) // none of our packets is longer than its length says in one byte
	if _, err := io.ReadFull(stream, head); err != nil {
		return
	}
	rest := make([]byte, head[1])
	if _, err := io.ReadFull(stream, rest); err != nil {
		return
	}
	packet := string(head) + string(rest)
	b.mu.Lock()
	b.packets = append(b.packets, packet)
	b.mu.Unlock()
	if _, err := stream.Write(b.answerTo(packet)); err != nil {
		return
	}
	end, _ := io.ReadAll(io.LimitReader(stream, 64))
	b.ended <- end
}

// answerTo is the answer to a CONNECT: in MQTT 5.0 where it is one of it.
func (b *broker) answerTo(packet string) []byte {
	answer := *b.answer.Load()
	if b.judge != nil {
		answer = []byte{0x20, 2, 0, b.judge(packet)}
	}
	if len(packet) < 9 || packet[8] != 5 || len(answer) != 4 {
		return answer
	}
	reason := [...]byte{0, 0x84, 0x85, 0x88, 0x86, 0x87}[answer[3]]
	return []byte{0x20, 6, 0, reason, 3, 0x21, 0, 20} // with a receive maximum
}

// called lists the CONNECTs so far.
func (b *broker) called() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.packets)
}

// The CONNECTs of a client without a name.
const (
	connect311 = "\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"
	connect5   = "\x10\x0d\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x00"
)

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
	limit := time.After(3 * time.Minute)
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
