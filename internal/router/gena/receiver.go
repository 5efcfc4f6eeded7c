package gena

// The callback: a listener on our LAN address that hears the gateway only.

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/murmur"
)

const (
	maxAtOnce = 4               // connections of the router's at once
	patience  = 3 * time.Second // for one notification, all in all
)

// Receiver receives the notifications of one subscription. Make one with
// Listen.
type Receiver struct {
	listener net.Listener
	gateway  netip.Addr
	callback string
	heard    func()
	log      *murmur.Log
	tasks    sync.WaitGroup
	slots    chan struct{}

	mu   sync.Mutex
	want expected          // guarded by mu
	open map[net.Conn]bool // guarded by mu; nil once closed
}

// ReceiverConfig says where to listen, and to whom.
type ReceiverConfig struct {
	// Local is our own address toward the gateway, the only one listened on.
	Local netip.Addr
	// Port is the port listened on; zero means any.
	Port uint16
	// Advertise is the address in the callback's URL; the zero Addr means
	// Local. They differ where we are in a container and the host forwards.
	Advertise netip.Addr
	// Gateway is the only host that is answered.
	Gateway netip.Addr
	// Heard is called for each notification, in a goroutine of the receiver's;
	// required, must not block.
	Heard func()
	// Log gets what comes and what is refused, at debug and a few lines a
	// minute; required.
	Log *slog.Logger
}

// Listen starts to listen, on a path that nobody can guess.
func Listen(cfg ReceiverConfig) (*Receiver, error) {
	listener, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(cfg.Local, cfg.Port)))
	if err != nil {
		return nil, fmt.Errorf("listening for the router's events: %w", err)
	}
	host := cfg.Advertise
	if !host.IsValid() {
		host = cfg.Local
	}
	port := listener.Addr().(*net.TCPAddr).AddrPort().Port()
	path := "/" + rand.Text()
	r := &Receiver{
		listener: listener, gateway: cfg.Gateway, heard: cfg.Heard, log: murmur.New(cfg.Log),
		callback: "http://" + netip.AddrPortFrom(host, port).String() + path,
		want:     expected{path: path},
		slots:    make(chan struct{}, maxAtOnce),
		open:     make(map[net.Conn]bool),
	}
	r.tasks.Go(r.accept)
	return r, nil
}

// Callback is the URL that the router is told.
func (r *Receiver) Callback() string { return r.callback }

// Confirm says which subscription the notifications must be for. Before that,
// any that come on the path are taken: the first may come before the answer to
// the subscription does.
func (r *Receiver) Confirm(sid string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.want.sid = sid
}

// Close stops listening and returns when all goroutines have ended.
func (r *Receiver) Close() {
	r.listener.Close()
	r.mu.Lock()
	for conn := range r.open {
		conn.Close()
	}
	r.open = nil
	r.mu.Unlock()
	r.tasks.Wait()
}

func (r *Receiver) accept() {
	for {
		conn, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(100 * time.Millisecond) // no descriptors are left: others close theirs
			continue
		}
		if from, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err != nil || from.Addr().Unmap() != r.gateway {
			r.log.Debug("refused a connection to the events' callback", "from", conn.RemoteAddr())
			conn.Close()
			continue
		}
		r.slots <- struct{}{} // the gateway's own may wait: they are bounded in time
		if !r.track(conn) {
			<-r.slots
			return
		}
		r.tasks.Go(func() {
			defer func() { <-r.slots }()
			defer r.forget(conn)
			r.serve(conn)
		})
	}
}

// serve takes one notification. The answer goes out before the body is read.
func (r *Receiver) serve(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(patience))
	r.mu.Lock()
	want := r.want
	r.mu.Unlock()
	head := &io.LimitedReader{R: conn, N: maxHead}
	reader := bufio.NewReaderSize(head, 4<<10)
	n, status, length, err := readNotice(reader, want)
	sent := answer(conn, status)
	if err == nil {
		r.log.Debug("the router sent an event", "seq", n.seq, "unanswered", sent)
		r.heard()
	} else {
		r.log.Debug("refused an event", "err", err)
	}
	// A sender that is cut off in its body may never see the answer, takes that
	// for a failure and forgets the subscriber.
	if length < 0 || length > maxBody {
		length = maxBody
	}
	head.N = maxBody
	_, _ = io.CopyN(io.Discard, reader, length)
}

// track notes a connection for Close; false means that it is too late.
func (r *Receiver) track(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		conn.Close()
		return false
	}
	r.open[conn] = true
	return true
}

func (r *Receiver) forget(conn net.Conn) {
	conn.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, conn)
}
