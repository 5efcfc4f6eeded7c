package pcptest

// The router's life: its socket, its table, and what it was asked.

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// Mapping is an entry of the router's table.
type Mapping struct {
	// PCP is whether it was made by PCP, and Nonce what it was made with.
	PCP   bool
	Nonce [12]byte
	// Protocol is the number of the transport protocol: 6 or 17.
	Protocol byte
	// Internal is the internal client, External the port outside.
	Internal netip.AddrPort
	External uint16
	// Lifetime is what was granted last, in seconds.
	Lifetime uint32
}

// Behaviour is what the router does. Start's is that of a good one.
type Behaviour struct {
	// WAN is the external address; unspecified where there is none.
	WAN netip.Addr
	// Silent answers nothing.
	Silent bool
	// NoPCP and NoNATPMP answer the protocol as one that speaks only the other
	// does (RFC 6887, appendix A and section 9).
	NoPCP, NoNATPMP bool
	// Lose is how many of the requests to come get lost; it counts down.
	Lose int
	// LoseAnswers is how many of the answers to come get lost, after the
	// router did what was asked; it counts down.
	LoseAnswers int
	// Copies is how often each answer comes once more.
	Copies int
	// Code refuses every request for a mapping with a result code; 0 refuses
	// none.
	Code byte
	// Port and Lifetime change what is granted; nil leaves it as it was asked.
	Port     func(asked uint16) uint16
	Lifetime func(asked uint32) uint32
	// NothingToDelete is the code that answers the deletion of a mapping that
	// is not there; 0 is the success that RFC 6887, section 15, wants.
	NothingToDelete byte
	// RefuseDeletion is the code that answers the deletion of a mapping that is
	// there; 0 deletes it.
	RefuseDeletion byte
	// KeepsMappings answers a deletion with what is left of the lease.
	KeepsMappings bool
	// Epoch is what the router's clock says; nil means the seconds since Start
	// or Restart.
	Epoch func() uint32
	// From is another address that answers in the router's place; zero means
	// the router.
	From netip.Addr
	// Strays are sent before each answer. StrayEvery sends one more at this
	// interval for two seconds instead of the answer; zero means not.
	Strays     [][]byte
	StrayEvery time.Duration
}

// Router is a router on loopback. Make one with Start.
type Router struct {
	tb    testing.TB
	conn  *net.UDPConn
	tasks sync.WaitGroup
	ended chan struct{}

	mu       sync.Mutex // guards what follows
	odd      Behaviour
	began    time.Time
	table    []Mapping
	requests [][]byte
}

// Start starts a router that behaves well at an address of loopback's. It ends
// with the test.
func Start(tb testing.TB, at netip.Addr) *Router {
	tb.Helper()
	return StartAt(tb, netip.AddrPortFrom(at, 0))
}

// StartAt is Start on a port of the caller's choice.
func StartAt(tb testing.TB, at netip.AddrPort) *Router {
	tb.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		tb.Fatalf("listening for PCP and NAT-PMP: %v", err)
	}
	// It came up long ago: an epoch has something to go back to.
	r := &Router{tb: tb, conn: conn, ended: make(chan struct{}), began: time.Now().Add(-time.Hour),
		odd: Behaviour{WAN: netip.AddrFrom4([4]byte{11, 22, 33, 44})}}
	r.tasks.Go(r.serve)
	tb.Cleanup(func() {
		close(r.ended)
		conn.Close()
		r.tasks.Wait()
	})
	return r
}

// Port is where the router listens.
func (r *Router) Port() uint16 { return r.conn.LocalAddr().(*net.UDPAddr).AddrPort().Port() }

// Behave changes the router's behaviour from now on.
func (r *Router) Behave(change func(*Behaviour)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.odd)
}

// Restart empties the table and begins a new epoch, as a power cut does.
func (r *Router) Restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.table, r.began = nil, time.Now()
}

// Put sets an entry in the table, whoever's it is.
func (r *Router) Put(m Mapping) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.table = append(r.table, m)
}

// Table is what is in the table now.
func (r *Router) Table() []Mapping {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.table)
}

// Requests are all that came so far, lost ones too.
func (r *Router) Requests() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// serve runs until the socket is closed.
func (r *Router) serve() {
	buffer := make([]byte, 2000)
	for {
		n, from, err := r.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		r.take(slices.Clone(buffer[:n]), from)
	}
}

// take takes a request and sends what comes of it.
func (r *Router) take(request []byte, from netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, request)
	if r.odd.Lose > 0 {
		r.odd.Lose--
		return
	}
	if r.odd.Silent {
		return
	}
	answer := r.answer(request, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
	if r.odd.LoseAnswers > 0 {
		r.odd.LoseAnswers--
		return
	}
	if every := r.odd.StrayEvery; every > 0 {
		r.tasks.Go(func() { r.stray(from, every) })
		return
	}
	for _, stray := range r.odd.Strays {
		r.send(stray, from)
	}
	for range 1 + r.odd.Copies {
		if answer != nil {
			r.send(answer, from)
		}
	}
}

// send sends a datagram; mu is held.
func (r *Router) send(packet []byte, to netip.AddrPort) {
	conn := r.conn
	if r.odd.From.IsValid() {
		other, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.odd.From, 0)))
		if err != nil {
			r.tb.Errorf("opening a socket for an answer from elsewhere: %v", err)
			return
		}
		defer other.Close()
		conn = other
	}
	_, _ = conn.WriteToUDPAddrPort(packet, to)
}

// stray sends what answers nothing.
func (r *Router) stray(to netip.AddrPort, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		select {
		case <-r.ended:
			return
		case <-ticker.C:
			_, _ = r.conn.WriteToUDPAddrPort([]byte("no answer"), to)
		}
	}
}
