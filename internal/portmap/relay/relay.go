package relay

// The relay: its listener, its life, its counters.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Relay carries connections to one service. Its methods may be called from any
// goroutine.
type Relay struct {
	cfg   Config
	ln    net.Listener
	addr  netip.AddrPort
	seats seats

	total, refused, failed atomic.Uint64
	bytesIn, bytesOut      atomic.Uint64

	turnedAway, noService, noAccept complaint

	mu        sync.Mutex
	lastError string // guarded by mu; see Counters
	saidDown  bool   // guarded by mu; the log says that there is no service
}

// Counters are what a relay has done since Listen.
type Counters struct {
	// Open is how many connections there are now, those that are still to be
	// made to the service included.
	Open int
	// Total is how many have reached the service, Refused how many were turned
	// away because there were too many, and Failed how many did not reach the
	// service.
	Total, Refused, Failed uint64
	// BytesIn went from the internet to the service, BytesOut back. A PROXY
	// protocol header is not counted.
	BytesIn, BytesOut uint64
	// LastError says why the service could not be reached, and what to do; empty
	// as soon as it has been reached again.
	LastError string
}

// Listen binds the relay's address. Connections are carried from Run on; a relay
// that is not run is to be closed. Errors are those of a config that cannot work
// and of an address that cannot be bound, and say why without naming it.
func Listen(cfg Config) (*Relay, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := cfg.checkLoop(cfg.Listen); err != nil {
		return nil, err // before a port is taken
	}
	network := "tcp6"
	if cfg.Listen.Addr().Is4() {
		network = "tcp4"
	}
	ln, err := cfg.Bind(context.Background(), network, cfg.Listen.String())
	if err != nil {
		return nil, bindError(err)
	}
	r := &Relay{cfg: cfg, ln: ln, addr: addrPort(ln.Addr())}
	r.seats = seats{most: cfg.MaxConnections, mostEach: cfg.MaxPerSource, each: make(map[netip.Prefix]int)}
	if err := cfg.checkLoop(r.addr); err != nil {
		ln.Close()
		return nil, err
	}
	return r, nil
}

// bindError says what is in the way of an address.
func bindError(err error) error {
	cause := err
	var call *os.SyscallError
	if errors.As(err, &call) {
		cause = call // without the address, which who called names
	}
	why := "the system refuses"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		why = "another program on this host holds the port"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		why = "ports below 1024 need a privilege: give the container or service CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		why = "this host does not have that address (yet)"
	}
	return fmt.Errorf("%s (%w)", why, cause)
}

// Addr is where the relay listens, with its real port.
func (r *Relay) Addr() netip.AddrPort { return r.addr }

// Close gives back the address of a relay that was never run.
func (r *Relay) Close() error { return r.ln.Close() }

// Counters returns what the relay has done so far.
func (r *Relay) Counters() Counters {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Counters{
		Open:      r.seats.taken(),
		Total:     r.total.Load(),
		Refused:   r.refused.Load(),
		Failed:    r.failed.Load(),
		BytesIn:   r.bytesIn.Load(),
		BytesOut:  r.bytesOut.Load(),
		LastError: r.lastError,
	}
}

// Run carries connections until ctx ends. Then it resets those that are open,
// and returns nil when nothing of it is left. Its only error is that the
// listener was closed by another.
func (r *Relay) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { r.ln.Close() })()
	defer r.ln.Close()
	tasks.Go(func() { r.report(ctx) })
	r.cfg.Log.Info("the relay listens", "listen", r.addr, "target", r.cfg.Target)
	for wait := time.Duration(0); ; {
		conn, err := r.ln.Accept()
		switch {
		case err == nil:
			wait = 0
			r.enter(ctx, conn, &tasks)
			continue
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accepting connections on %s for the relay to %s: %w", r.addr, r.cfg.Target, err)
		}
		// Out of file descriptors or memory, mostly. Who waits in the kernel's
		// queue meanwhile is not lost.
		r.noAccept.note(r, err.Error())
		wait = min(max(2*wait, firstPause), longestPause)
		pause(ctx, wait)
	}
}

// firstPause and longestPause are how long to wait after a failure to accept.
const (
	firstPause   = 5 * time.Millisecond
	longestPause = time.Second
)

// pause waits, or for ctx to end.
func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// enter gives a connection a seat and serves it, or turns it away.
func (r *Relay) enter(ctx context.Context, conn net.Conn, tasks *sync.WaitGroup) {
	from := addrPort(conn.RemoteAddr())
	source := sourceOf(from.Addr())
	why := r.seats.take(source)
	if why != "" {
		r.refused.Add(1) // first, so that whoever was turned away is counted
		reset(conn)
		r.turnedAway.note(r, why)
		return
	}
	tasks.Go(func() {
		defer r.seats.leave(source)
		r.serve(ctx, conn, from)
	})
}

// addrPort is a connection's or listener's address. What is not one is the zero
// value.
func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return unmap(tcp.AddrPort())
	}
	parsed, _ := netip.ParseAddrPort(a.String())
	return unmap(parsed)
}
