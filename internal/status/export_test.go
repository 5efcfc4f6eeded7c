package status

// What the tests reach into: the handler, to be asked by
// strangers, and the gate, without the sockets.

import (
	"net"
	"net/http"
)

// Handler is s's handler.
func Handler(s *Server) http.Handler { return s.handler() }

// MaxAnswer is how much the client reads at most.
const MaxAnswer = maxAnswer

// MaxConns is how many connections may stand at once.
const MaxConns = maxConns

// NewGate puts a gate before listener and returns it with its tracker.
func NewGate(listener net.Listener) (net.Listener, func(net.Conn, http.ConnState)) {
	g := newGate(listener)
	return g, g.track
}

// OnListener makes s serve on listener, as Listen would.
func OnListener(s *Server, listener net.Listener) { s.gate = newGate(listener) }

// Pushers is how many clients the limit on pushes remembers.
func Pushers(s *Server) int {
	s.pushes.mu.Lock()
	defer s.pushes.mu.Unlock()
	return len(s.pushes.pushers)
}

// LinkTo is where other devices of the home reach path, by what r asked for.
func LinkTo(s *Server, r *http.Request, path string) string { return s.linkTo(r, path) }
