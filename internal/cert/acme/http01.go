package acme

// HTTP-01 (RFC 8555, section 8.3): a small server that knows only the tokens,
// behind port 80 of the public address for as long as the CA looks.

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// openTime is the lease of port 80: as long as the CA is watched, and some
	// more. It ends by itself after a crash.
	openTime = proveTime + 5*time.Minute
	// maxVisitors bounds the connections at a time: CAs look from several places.
	maxVisitors = 32
	// visitTime bounds each.
	visitTime = 10 * time.Second
	// proofPath is where a CA looks.
	proofPath = "/.well-known/acme-challenge/"
)

// proveHTTP proves names by answers on port 80.
func (s *session) proveHTTP(ctx context.Context, n *note, proofs []proof) error {
	answers := map[string]string{}
	for _, p := range proofs {
		answers[p.challenge.Token] = p.challenge.KeyAuthorization
	}
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		return failed("", "No port could be opened to answer the CA: %v.", err)
	}
	end := serveProofs(l, answers)
	defer end()
	closePort, err := s.cfg.Ports.Open(ctx, uint16(l.Addr().(*net.TCPAddr).Port), openTime)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return failed("Let the router forward port 80 for a while, or use dns-01.", "Port 80 of the public address could not be led here: %s.", clean(err.Error(), 200))
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sweepTime)
		defer cancel()
		if err := closePort(ctx); err != nil {
			s.log.Warn("port 80 could not be closed; it closes by itself", "within", openTime, "error", err)
		}
	}()
	return s.tell(ctx, n, proofs)
}

// serveProofs answers with what it is given, and to nothing else, until the
// returned function is called, which waits for the last goroutine.
func serveProofs(l net.Listener, answers map[string]string) (end func()) {
	places := make(chan struct{}, maxVisitors)
	srv := &http.Server{
		Handler:           proofHandler(answers),
		ReadHeaderTimeout: visitTime, ReadTimeout: visitTime, WriteTimeout: visitTime,
		MaxHeaderBytes: 8 << 10,
		ErrorLog:       log.New(io.Discard, "", 0), // strangers' noise
	}
	srv.SetKeepAlivesEnabled(false)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(&crowd{l, places}) // it ends by Close
	}()
	return func() {
		_ = srv.Close()
		<-done
	}
}

func proofHandler(answers map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		token, ok := strings.CutPrefix(req.URL.Path, proofPath)
		answer := answers[token]
		if !ok || answer == "" || req.Method != http.MethodGet && req.Method != http.MethodHead {
			http.NotFound(w, req)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = io.WriteString(w, answer)
	})
}

// crowd is a listener that lets in only so many at a time; others are turned
// away, not kept waiting.
type crowd struct {
	net.Listener
	places chan struct{}
}

// Accept implements net.Listener.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case c.places <- struct{}{}:
			return &visitor{Conn: conn, leave: c.places}, nil
		default:
			conn.Close()
		}
	}
}

// visitor gives its place back when it is closed.
type visitor struct {
	net.Conn
	leave chan struct{}
	once  sync.Once
}

// Close implements net.Conn.
func (v *visitor) Close() error {
	v.once.Do(func() { <-v.leave })
	return v.Conn.Close()
}
