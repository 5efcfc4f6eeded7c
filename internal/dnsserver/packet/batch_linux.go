package packet

// Many datagrams with one system call.

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// batchLoop is the Loop of Linux. It owns its descriptor: in blocking mode, not
// known to the netpoller, and closed by nobody else.
type batchLoop struct {
	log     *slog.Logger
	bound   netip.AddrPort
	v4      bool
	info    bool // as in pollerLoop
	pktinfo pktinfo
	zones   zones
	release func() // called once, when the socket is closed
	always  bool   // as in pace

	closing atomic.Bool
	once    sync.Once
	state   sync.Mutex
	ended   chan struct{} // guarded by state; nil while Run was not called

	using sync.RWMutex // held while the descriptor is used outside of Run
	fd    int          // -1 once it is closed; written with using held
}

// listenBatch binds addr. It calls release when the socket is closed, and not
// at all with an error.
func listenBatch(log *slog.Logger, addr netip.AddrPort, release func()) (Loop, error) {
	l := &batchLoop{log: log, v4: addr.Addr().Is4(), info: addr.Addr().IsUnspecified(), pktinfo: pktinfo{v4: addr.Addr().Is4()}, release: release}
	var err error
	if l.fd, err = socket(addr, l.info); err != nil {
		return nil, err
	}
	if !supported(l.fd) {
		unix.Close(l.fd)
		return nil, errUnsupported
	}
	sa, err := unix.Getsockname(l.fd)
	if err != nil {
		unix.Close(l.fd)
		return nil, fmt.Errorf("asking for the bound address: %w", err)
	}
	port := uint16(0)
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		port = uint16(sa.Port)
	case *unix.SockaddrInet6:
		port = uint16(sa.Port)
	}
	l.bound = netip.AddrPortFrom(addr.Addr(), port)
	return l, nil
}

// Addr implements Loop.
func (l *batchLoop) Addr() netip.AddrPort { return l.bound }

// Close implements Loop. The descriptor is closed after Run has left it and
// while no Send uses it, so that nobody writes to what has its number next.
func (l *batchLoop) Close() {
	l.once.Do(func() {
		l.closing.Store(true)
		wake(l.fd)
		l.state.Lock()
		ended := l.ended
		l.state.Unlock()
		if ended != nil {
			<-ended
		}
		l.using.Lock()
		unix.Close(l.fd)
		l.fd = -1
		l.using.Unlock()
		l.release()
	})
}

// begin reports whether Run may use the socket; end says that it does no more.
func (l *batchLoop) begin() (end func(), ok bool) {
	l.state.Lock()
	defer l.state.Unlock()
	if l.closing.Load() {
		return nil, false
	}
	ended := make(chan struct{})
	l.ended = ended
	return func() { close(ended) }, true
}

// Run implements Loop.
func (l *batchLoop) Run(ctx context.Context, h Handler) error {
	defer l.Close()
	end, ok := l.begin()
	if !ok {
		return nil
	}
	defer end()
	stop := context.AfterFunc(ctx, l.Close)
	defer stop()
	addProc(1)
	defer addProc(-1)
	return l.serve(h)
}

// serve receives until the loop is closed.
func (l *batchLoop) serve(h Handler) error {
	b, p := newBatch(l), pace{always: l.always}
	defer p.stop()
	var idle *idler // nil while the loop is busy
	defer func() { idle.stop() }()
	for failed := 0; !l.closing.Load(); {
		n, err := l.wait(b, &p, &idle)
		switch {
		case l.closing.Load(): // it was woken
		case err == nil:
			failed = 0
			b.answer(h, n)
			p.came(n)
		case err == unix.EINTR || err == unix.EAGAIN:
			p.interrupted()
			// Whoever sent the signal wants the P: the garbage collector, or the
			// scheduler for a goroutine that waits.
			runtime.Gosched()
		default:
			if failed++; failed > maxReadErrors {
				return fmt.Errorf("receiving on udp %s: %w", l.bound, err)
			}
			l.log.Debug("receiving datagrams failed", "listen", l.bound, "err", err)
		}
	}
	return nil
}

// wait waits for datagrams in the way that the pace asks for.
func (l *batchLoop) wait(b *batch, p *pace, idle **idler) (int, error) {
	if p.busy {
		(*idle).stop()
		*idle = nil
		n, errno := receive(l.fd, b.in[:])
		if errno != 0 {
			return 0, errno
		}
		return n, nil
	}
	if *idle == nil {
		i, err := newIdler(l.fd, &l.closing)
		if err != nil {
			return 0, err
		}
		*idle = i
	}
	return (*idle).receive(b.in[:])
}

// Send implements Loop.
func (l *batchLoop) Send(to Peer, message []byte) {
	if len(message) == 0 {
		return
	}
	s := singles.Get().(*single)
	defer singles.Put(s)
	putName(&s.name, to.Addr, to.scope, l.v4)
	point(&s.vec, message)
	var control []byte
	if to.Local.IsValid() {
		control = l.pktinfo.append(s.room[:0], to.Local, to.Device)
	}
	aim(&s.hdr, &s.name, nameLen(l.v4), &s.vec, control)
	defer point(&s.vec, nil) // the message is the caller's
	l.using.RLock()
	defer l.using.RUnlock()
	if l.fd < 0 {
		return
	}
	if errno := sendPatiently(l.fd, &s.hdr); errno != 0 {
		l.failed(to.Addr, errno)
	}
}

// failed says that a reply did not go out.
func (l *batchLoop) failed(to netip.AddrPort, errno unix.Errno) {
	l.log.Debug("sending a reply failed", "client", to, "err", errno)
}
