package dnsserver

// Which connections there are, and which one goes when there are too many.

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

const (
	// maxConns bounds connections, and maxConnsClient those of one address,
	// but for one that stands for many.
	maxConns       = 256
	maxConnsClient = 64
	// maxConnsStrangers bounds those of all who may not ask, together.
	maxConnsStrangers = 16
	// maxQueuedAll bounds, in octets, the replies that clients leave unread in
	// all connections together.
	maxQueuedAll = 16 << 20
)

// connTable holds the connections by client. A newcomer is always let in; the
// idlest connection of the greediest client goes for it.
type connTable struct {
	mu    sync.Mutex
	total int                              // guarded by mu
	each  map[netip.Addr]map[*tcpConn]bool // guarded by mu

	queued atomic.Int64 // octets of replies that are not sent yet
}

// enter adds c, and closes another where there is no room.
func (t *connTable) enter(c *tcpConn) {
	t.mu.Lock()
	var goes *tcpConn
	if len(t.each[c.client]) >= c.most {
		goes = idlest(t.each[c.client])
	} else if t.total >= maxConns {
		goes = t.greediest()
	}
	if goes != nil {
		t.remove(goes)
	}
	if t.each == nil {
		t.each = make(map[netip.Addr]map[*tcpConn]bool)
	}
	if t.each[c.client] == nil {
		t.each[c.client] = make(map[*tcpConn]bool)
	}
	t.each[c.client][c] = true
	t.total++
	t.mu.Unlock()
	if goes != nil {
		goes.abort()
	}
}

// leave takes c out, if it is still in.
func (t *connTable) leave(c *tcpConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(c)
}

// remove does so with mu held.
func (t *connTable) remove(c *tcpConn) {
	if !t.each[c.client][c] {
		return
	}
	delete(t.each[c.client], c)
	if len(t.each[c.client]) == 0 {
		delete(t.each, c.client)
	}
	t.total--
}

// greediest returns the idlest connection of the clients that have the most,
// with mu held.
func (t *connTable) greediest() *tcpConn {
	var worst *tcpConn
	most := 0
	for _, conns := range t.each {
		if len(conns) < most {
			continue
		}
		one := idlest(conns)
		if len(conns) > most || one.idlerThan(worst) {
			worst = one
		}
		most = len(conns)
	}
	return worst
}

// idlest returns the connection that is least missed, nil of none.
func idlest(conns map[*tcpConn]bool) *tcpConn {
	var worst *tcpConn
	for c := range conns {
		if worst == nil || c.idlerThan(worst) {
			worst = c
		}
	}
	return worst
}

// scarce reports whether three quarters of all connections are taken.
func (t *connTable) scarce() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total > maxConns*3/4
}
