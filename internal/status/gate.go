package status

// The gate: a listener that holds a bounded number of connections and knows
// when the last has ended.

import (
	"net"
	"net/http"
	"sync"
)

// gate lets at most maxConns connections stand at once. When it is full, idle
// ones make room, so that browsers that keep theirs open can not lock the
// health check out.
type gate struct {
	net.Listener
	slots   chan struct{}
	stopped chan struct{}
	once    sync.Once
	conns   sync.WaitGroup

	mu      sync.Mutex
	waiting bool                        // guarded by mu; Accept waits for a slot
	states  map[net.Conn]http.ConnState // guarded by mu
}

func newGate(listener net.Listener) *gate {
	return &gate{
		Listener: listener,
		slots:    make(chan struct{}, maxConns),
		stopped:  make(chan struct{}),
		states:   map[net.Conn]http.ConnState{},
	}
}

// Accept waits for a connection, and for a place for it.
func (g *gate) Accept() (net.Conn, error) {
	conn, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case g.slots <- struct{}{}:
		return &placed{Conn: conn, gate: g}, nil
	default:
	}
	g.setWaiting(true)
	defer g.setWaiting(false)
	g.closeWhere(http.StateIdle)
	select {
	case g.slots <- struct{}{}:
		return &placed{Conn: conn, gate: g}, nil
	case <-g.stopped:
		conn.Close()
		return nil, net.ErrClosed
	}
}

// Close stops listening; connections stand.
func (g *gate) Close() error {
	g.once.Do(func() { close(g.stopped) })
	return g.Listener.Close()
}

// track is told by the HTTP server of every connection's state; none is
// hijacked, as no handler of ours does so.
func (g *gate) track(conn net.Conn, state http.ConnState) {
	g.mu.Lock()
	crowded := g.waiting
	if state == http.StateClosed {
		delete(g.states, conn)
	} else {
		g.states[conn] = state
	}
	g.mu.Unlock()
	switch {
	case state == http.StateNew:
		g.conns.Add(1)
	case state == http.StateClosed:
		g.conns.Done()
	case state == http.StateIdle && crowded:
		conn.Close()
	}
}

// stop closes the connections on which nothing has been asked.
func (g *gate) stop() { g.closeWhere(http.StateNew, http.StateIdle) }

// wait returns when no connection stands.
func (g *gate) wait() { g.conns.Wait() }

func (g *gate) setWaiting(waiting bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = waiting
}

// closeWhere closes the connections that are in one of states.
func (g *gate) closeWhere(states ...http.ConnState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for conn, is := range g.states {
		for _, state := range states {
			if is == state {
				conn.Close()
			}
		}
	}
}

// placed is a connection that gives its place back once.
type placed struct {
	net.Conn
	gate *gate
	once sync.Once
}

// Close implements net.Conn.
func (p *placed) Close() error {
	err := p.Conn.Close()
	p.once.Do(func() { <-p.gate.slots })
	return err
}
