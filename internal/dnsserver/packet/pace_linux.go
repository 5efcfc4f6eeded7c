package packet

// When a loop is busy enough to wait with its P.

import "time"

// A loop is busy from busyFrom datagrams within paceWindow on, until it gets
// fewer than idleBelow in one. A busy loop costs less for each datagram, but it
// is looked after by the runtime's monitor thread every 10 ms; measured, both
// cost the same at some 30 datagrams a second. The rates are well apart, so
// that going to and fro costs nothing to speak of.
const (
	paceWindow = 100 * time.Millisecond
	busyFrom   = 8
	idleBelow  = 4
)

// pace counts datagrams and decides. One goroutine uses it.
type pace struct {
	busy   bool
	always bool      // for tests: busy as soon as may be, and for good
	seen   int       // datagrams since then
	since  time.Time // the begin of the window
}

// came counts n datagrams. The clock is read only when there are enough of
// them to become busy, and never while that is so.
func (p *pace) came(n int) {
	if p.seen += n; p.busy || p.seen < busyFrom && !p.always {
		return
	}
	now := time.Now()
	if now.Sub(p.since) <= paceWindow || p.always {
		p.busy = holdP()
	}
	p.since, p.seen = now, 0
}

// interrupted is called each time that a busy loop's waiting was cut short:
// every 10 ms by the scheduler as long as nothing comes.
func (p *pace) interrupted() {
	if !p.busy {
		return
	}
	now := time.Now()
	elapsed := now.Sub(p.since)
	if elapsed < paceWindow && !crowded() {
		return
	}
	few := float64(p.seen) < idleBelow*float64(elapsed)/float64(paceWindow)
	if few && !p.always || crowded() {
		p.stop()
	}
	p.since, p.seen = now, 0
}

// stop gives up the P.
func (p *pace) stop() {
	if p.busy {
		p.busy = false
		releaseP()
	}
}
