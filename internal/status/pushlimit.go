package status

// How much may be pushed: requests and wrong passwords are counted for each
// client, in a table of bounded size.

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// pushBurst requests may come in a pushWindow, and wrongBurst wrong
	// passwords in a wrongWindow.
	pushBurst, pushWindow   = 10, time.Minute
	wrongBurst, wrongWindow = 5, 5 * time.Minute
	// maxPushers bounds the table.
	maxPushers = 256
)

// pushLimit counts. The zero pushLimit is ready.
type pushLimit struct {
	mu      sync.Mutex
	pushers map[netip.Prefix]*pusher // guarded by mu
}

// pusher is what one client did in the windows under way.
type pusher struct {
	begin, wrongBegin time.Time
	requests, wrong   int
}

// clientOf is whose requests are counted together: an IPv4 address, or the /64
// that one device can choose from.
func clientOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits)
	return p
}

// flooded counts a request and reports whether it is too much.
func (l *pushLimit) flooded(addr netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	p := l.pusher(clientOf(addr), now)
	if now.Sub(p.begin) >= pushWindow {
		p.begin, p.requests = now, 0
	}
	if now.Sub(p.wrongBegin) >= wrongWindow {
		p.wrong = 0
	}
	p.requests++
	return p.requests > pushBurst || p.wrong >= wrongBurst
}

// failed counts a wrong password. Its window begins with the first.
func (l *pushLimit) failed(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	p := l.pusher(clientOf(addr), now)
	if p.wrong == 0 {
		p.wrongBegin = now
	}
	p.wrong++
}

// pusher finds a client. Where the table is full the one that has been quiet for
// longest gives way, rather one without wrong passwords. l.mu is held.
func (l *pushLimit) pusher(client netip.Prefix, now time.Time) *pusher {
	if p := l.pushers[client]; p != nil {
		return p
	}
	if l.pushers == nil {
		l.pushers = map[netip.Prefix]*pusher{}
	}
	if len(l.pushers) >= maxPushers {
		var oldest netip.Prefix
		var least time.Time
		for c, p := range l.pushers {
			until := p.begin.Add(pushWindow)
			if p.wrong > 0 && p.wrongBegin.Add(wrongWindow).After(until) {
				until = p.wrongBegin.Add(wrongWindow)
			}
			if least.IsZero() || until.Before(least) {
				oldest, least = c, until
			}
		}
		delete(l.pushers, oldest)
	}
	p := &pusher{begin: now}
	l.pushers[client] = p
	return p
}
