package packet

// What the external tests need of the inside.

import (
	"log/slog"
	"net/netip"
)

// Kinds are the ways to get a Loop that tests go through: busy is a batch loop
// that keeps its P however little there is to do.
var Kinds = map[string]func(netip.AddrPort) (Loop, error){
	"netpoller": listening(Netpoller),
	"batch":     listening(Batch),
	"busy": func(addr netip.AddrPort) (Loop, error) {
		l, err := listenBatch(slog.New(slog.DiscardHandler), addr, func() {})
		if err == nil {
			l.(*batchLoop).always = true
		}
		return l, err
	},
}

func listening(mode Mode) func(netip.AddrPort) (Loop, error) {
	return func(addr netip.AddrPort) (Loop, error) { return Listen(Config{Mode: mode}, addr) }
}

// Batches reports whether l moves many datagrams at once.
func Batches(l Loop) bool { _, ok := l.(*batchLoop); return ok }

// Bounds that tests count against.
const (
	BatchSize = batchSize
	BusyFrom  = busyFrom
	IdleBelow = idleBelow
	Window    = paceWindow
)

// MaxBatchLoops is how many loops of Auto have batches.
func MaxBatchLoops() int { return int(maxBatchLoops()) }

// BusyLoops is how many loops keep their P.
func BusyLoops() int { return int(busyLoops.Load()) }

// Pace decides when a loop is busy.
type Pace = pace

// Came, Interrupted, Stop and Busy are what a loop does with it.
func (p *Pace) Came(n int)   { p.came(n) }
func (p *Pace) Interrupted() { p.interrupted() }
func (p *Pace) Stop()        { p.stop() }
func (p *Pace) Busy() bool   { return p.busy }

// AppendPktinfo appends the control message to send from an address.
func AppendPktinfo(dst []byte, from netip.Addr, device int) []byte {
	return pktinfo{v4: from.Is4()}.append(dst, from, device)
}

// ParsePktinfo reads a control message.
func ParsePktinfo(control []byte, v4 bool) (netip.Addr, int) {
	return pktinfo{v4: v4}.parse(control)
}
