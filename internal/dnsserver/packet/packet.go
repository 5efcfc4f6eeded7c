package packet

// What a loop is, and which kind an address gets.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"sync/atomic"
)

const (
	// MaxPacket is the most octets of a datagram that a Handler sees; of a
	// longer one it sees as many.
	MaxPacket = 4096
	// ReplySize is the room for a reply, in octets; a longer one is sent as
	// well, and allocated.
	ReplySize = 1536
)

const (
	// receiveBuffer is asked of the kernel, for bursts; it may grant less.
	receiveBuffer = 4 << 20
	// maxControl is room for the control messages that are asked for.
	maxControl = 128
	// maxReadErrors in a row end a loop.
	maxReadErrors = 100
)

// Mode says which kind of loop an address gets.
type Mode string

const (
	// Auto is what measured best on this system: batches on Linux, as long as
	// there are not more addresses than maxBatchLoops, the netpoller elsewhere.
	// The empty Mode means the same.
	Auto Mode = "auto"
	// Batch moves many datagrams with one system call; an error where the
	// system cannot.
	Batch Mode = "batch"
	// Netpoller moves each datagram by itself, through Go's network poller, as
	// any system can.
	Netpoller Mode = "netpoller"
)

// Peer is where a datagram came from and where its reply goes. It is valid for
// the Loop that gave it alone, as long as that is open.
type Peer struct {
	// Addr is the sender, with a zone where it is link-local.
	Addr netip.AddrPort
	// Local is the address of ours that was asked; invalid where the socket
	// has only one, or where nobody can reply from it. Device is the index of
	// the interface that the datagram came in by, 0 if it does not matter.
	Local  netip.Addr
	Device int
	// scope is the interface's index of a link-local Addr.
	scope uint32
}

// Handler answers the datagrams of one Loop. Its methods are called by Run, one
// after the other, and must not wait: whatever comes in meanwhile waits too.
type Handler interface {
	// Begin is called before the first datagram of each batch.
	Begin()
	// Packet appends the reply to packet to dst, which is empty and has room
	// for ReplySize, and returns it; an empty one is not sent. Neither dst nor
	// packet may be kept. It must not call Close.
	Packet(dst, packet []byte, from Peer) []byte
	// End is called after the last datagram of each batch, before any of its
	// replies are sent: what a Handler counts is then there for who was answered.
	End()
	// Sent is called after the replies of each batch have been sent: the place
	// for work that they need not wait for.
	Sent()
}

// Loop moves datagrams between one socket and a Handler. Its methods may be
// called from any goroutine.
type Loop interface {
	// Run serves h until ctx ends or Close is called, and returns nil once the
	// socket is closed. It is called once at most. An error says what is wrong
	// with the socket, which is closed then too.
	Run(ctx context.Context, h Handler) error
	// Send sends a reply that comes late. It does not keep message. An error
	// cannot be told to anybody, so it is logged; a loop that is closed sends
	// nothing.
	Send(to Peer, message []byte)
	// Addr is the address that is bound, with its real port.
	Addr() netip.AddrPort
	// Close closes the socket: when it returns, the port is free. A Run ends
	// then. It waits for a Handler at work, so a Handler must not call it.
	Close()
}

// Config is what Listen needs.
type Config struct {
	// Mode; empty means Auto.
	Mode Mode
	// Log; nil means none.
	Log *slog.Logger
}

// Listen binds addr, for its own family only, so that 0.0.0.0 and :: can be
// bound side by side. Nobody else can bind it then: SO_REUSEADDR and
// SO_REUSEPORT are off. With an unspecified address replies leave from the
// address that was asked. The error is the system's; errors.Is finds its number.
func Listen(cfg Config, addr netip.AddrPort) (Loop, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	switch cfg.Mode {
	case Netpoller:
		return listenPoller(cfg.Log, addr)
	case Batch:
		return listenBatch(cfg.Log, addr, func() {})
	case Auto, "":
		return listenAuto(cfg.Log, addr)
	}
	return nil, fmt.Errorf("there is no packet loop %q", cfg.Mode)
}

// errUnsupported says that this system cannot move datagrams in batches.
var errUnsupported = errors.New("this system cannot move datagrams in batches: set packet_loop in [dns] to auto or netpoller")

// batchLoops is how many loops of Auto there are with batches.
var batchLoops atomic.Int32

// maxBatchLoops bounds them: each holds a thread, a P while it is busy, and
// up to 200 KiB of buffers. Two are the default of edgeguard, one for each family;
// beyond that more than one for each core can win nothing. What listens on more
// addresses gets the netpoller for the rest.
func maxBatchLoops() int32 { return int32(max(2, runtime.NumCPU())) }

// listenAuto binds addr for batches if it can.
func listenAuto(log *slog.Logger, addr netip.AddrPort) (Loop, error) {
	if batchLoops.Add(1) <= maxBatchLoops() {
		l, err := listenBatch(log, addr, func() { batchLoops.Add(-1) })
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, errUnsupported) {
			batchLoops.Add(-1)
			return nil, err
		}
	}
	batchLoops.Add(-1)
	return listenPoller(log, addr)
}
