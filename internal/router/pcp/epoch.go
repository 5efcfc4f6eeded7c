package pcp

// The router's epoch: a clock that starts anew when it has lost its mappings.

import "time"

// Epoch follows the epoch of one router in one protocol. The zero Epoch has
// seen nothing. It is for one caller at a time.
type Epoch struct {
	seen   bool
	server uint32    // the last epoch
	at     time.Time // when it came
}

// NATPMP notes an epoch from a NAT-PMP answer that came at now, and reports
// whether the router has restarted: the epoch is more than two seconds behind
// seven eighths of the time that has passed here (RFC 6886, section 3.6).
func (e *Epoch) NATPMP(server uint32, now time.Time) bool {
	before := *e
	*e = Epoch{seen: true, server: server, at: now}
	if !before.seen {
		return false
	}
	passed := int64(now.Sub(before.at) / time.Second)
	return int64(server)+2 < int64(before.server)+passed*7/8
}

// PCP notes an epoch from a PCP answer that came at now, and reports whether
// the router has restarted: the epoch went back by more than one second, or
// its clock and ours differ by more than a sixteenth and two seconds (RFC
// 6887, section 8.5).
func (e *Epoch) PCP(server uint32, now time.Time) bool {
	before := *e
	*e = Epoch{seen: true, server: server, at: now}
	if !before.seen {
		return false
	}
	if int64(server)+1 < int64(before.server) {
		return true
	}
	ours := int64(now.Sub(before.at) / time.Second)
	theirs := int64(server) - int64(before.server)
	return ours+2 < theirs-theirs/16 || theirs+2 < ours-ours/16
}
