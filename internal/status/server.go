package status

// The HTTP server: one handler over the snapshot, read-only but for the push.

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/snippet"
)

// Limits of the server.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 16 << 10
	maxConns          = 64
	drainTimeout      = 5 * time.Second
)

// ServerConfig is what a Server needs.
type ServerConfig struct {
	// Listen is where to listen. An address that is zero or [::] means every
	// address of both families; port 0 means any free one.
	Listen netip.AddrPort
	// Snapshot returns the latest snapshot; required. It is called for each
	// request, by many goroutines at once. Nil means that there is none yet.
	Snapshot func() *Snapshot
	// Secrets lists the config's, which are taken out of everything served; it
	// is called for each request. Nil means none.
	Secrets func() []secret.Value
	// Alive returns nil while the daemon itself works; its error is shown. Nil
	// means that it always does. A broken link of the chain is no reason: no
	// restart would mend it. It must not block.
	Alive func() error
	// OwnPrefixes lists the prefixes of the host's own networks, whose hosts
	// may ask beside loopback, link-local and private ones; nil means none.
	OwnPrefixes func() []netip.Prefix
	// Names lists the names that lead to this host in the LAN, canonical, so
	// that a browser may call it by them; nil means none.
	Names func() []string
	// Why answers /api/v1/why; nil means that nothing is explained.
	Why WhyFunc
	// Snippets lists the same answers for other DNS servers, routers and devices;
	// it is called for each page of them. Nil means that there are none.
	Snippets func() []snippet.Snippet
	// Authorities lists the certificates that are offered to devices below /ca/;
	// it must not block. Nil means that there are none.
	Authorities func() []Authority
	// CRL returns the own authority's list of revoked certificates in DER, which
	// is offered there, too; it must not block. Nil, or nil returned, means that
	// there is none.
	CRL func() []byte
	// PushAccess returns who may push an address to /nic/update; it is called
	// for each push. Nil, or false, means that nobody may.
	PushAccess func() (PushAccess, bool)
	// Push is called with "push" when a router has pushed an address that is not
	// the one published; it must not block. The address itself is not handed on:
	// it is a hint to look. Nil means that nobody may push.
	Push func(kind string)
	// Log; nil means none.
	Log *slog.Logger
}

// Server serves the status over HTTP. Make one with NewServer; it runs once.
type Server struct {
	cfg    ServerConfig
	gate   *gate // nil until Listen
	pushes pushLimit
}

// NewServer returns a Server that does not listen yet.
func NewServer(cfg ServerConfig) *Server {
	if cfg.Snapshot == nil {
		panic("status.NewServer: Snapshot is required")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Secrets == nil {
		cfg.Secrets = func() []secret.Value { return nil }
	}
	return &Server{cfg: cfg}
}

// Listen binds the address, so that it can be done before privileges are
// dropped. The error holds the system's, for errors.Is. Once it succeeded, Run
// must be called, as only Run closes the socket.
func (s *Server) Listen() error {
	network, address := "tcp", s.cfg.Listen.String()
	switch addr := s.cfg.Listen.Addr(); {
	case !addr.IsValid(), addr == netip.IPv6Unspecified():
		address = ":" + strconv.Itoa(int(s.cfg.Listen.Port()))
	case addr.Unmap().Is4():
		// With "tcp", Go would take 0.0.0.0 to mean IPv6 as well.
		network = "tcp4"
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return fmt.Errorf("listening for the status page: %w", err)
	}
	s.gate = newGate(listener)
	return nil
}

// Addr is the address bound, with its real port; the zero AddrPort before
// Listen.
func (s *Server) Addr() netip.AddrPort {
	if s.gate == nil {
		return netip.AddrPort{}
	}
	return s.gate.Addr().(*net.TCPAddr).AddrPort()
}

// Run serves until ctx ends, then gives requests under way five seconds. It
// listens first if Listen was not called, and returns only after every
// goroutine it started has ended: nil when ctx ended, else why it failed.
func (s *Server) Run(ctx context.Context) error {
	if s.gate == nil {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         s.gate.track,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.gate) }()
	s.cfg.Log.Info("status page is served", "address", s.Addr().String())

	var failed error
	select {
	case err := <-served:
		failed = fmt.Errorf("serving the status page: %w", err)
	case <-ctx.Done():
		s.drain(server)
		<-served
	}
	_ = server.Close() // what still stands after the drain
	s.gate.wait()
	return failed
}

// drain lets requests under way end, but not for long.
func (s *Server) drain(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	s.gate.stop()
	if err := server.Shutdown(ctx); err != nil {
		s.cfg.Log.Debug("requests were cut off at the end", "err", err)
	}
}

// handler answers after the guards have let a request through.
func (s *Server) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		if refusal := s.refuse(r); refusal != nil {
			if refusal.status == http.StatusMethodNotAllowed {
				w.Header().Set("Allow", "GET, HEAD")
			}
			reply(w, refusal.status, textType, []byte(refusal.text+"\n"))
			return
		}
		if contentType, body, ok := asset(r.URL.Path); ok {
			reply(w, http.StatusOK, contentType, body)
			return
		}
		if strings.HasPrefix(r.URL.Path, authoritiesPath) {
			s.serveAuthorities(w, r)
			return
		}
		if r.URL.Path+"/" == authoritiesPath { // as people type it
			http.Redirect(w, r, authoritiesPath, http.StatusMovedPermanently)
			return
		}
		switch r.URL.Path {
		case "/":
			s.render(w, htmlType, HTML)
		case snippetsPath:
			s.serveSnippets(w)
		case mainPath:
			s.servePart(w, r)
		case "/api/v1/status":
			s.render(w, "application/json", JSON)
		case "/metrics":
			s.render(w, metricsType, Metrics)
		case "/api/v1/why":
			s.why(w, r)
		case pushPath:
			s.push(w, r)
		case "/healthz":
			s.health(w)
		default:
			reply(w, http.StatusNotFound, textType, []byte("There is nothing here. The status page is at /, the same as JSON at /api/v1/status.\n"))
		}
	})
}

// render answers with one rendering of the snapshot.
func (s *Server) render(w http.ResponseWriter, contentType string, as func(*Snapshot) ([]byte, error)) {
	if body, ok := s.rendered(w, as); ok {
		reply(w, http.StatusOK, contentType, body)
	}
}

// rendered is one rendering of the snapshot, or false where that could not be
// and has been answered already.
func (s *Server) rendered(w http.ResponseWriter, as func(*Snapshot) ([]byte, error)) ([]byte, bool) {
	snapshot := s.cfg.Snapshot()
	if snapshot == nil {
		reply(w, http.StatusServiceUnavailable, textType, []byte("edgeguard is starting: nothing is known yet. Ask again in a few seconds.\n"))
		return nil, false
	}
	body, err := as(Redact(snapshot, s.cfg.Secrets()))
	if err != nil {
		s.cfg.Log.Error("rendering the status failed", "err", err)
		reply(w, http.StatusInternalServerError, textType, []byte("The status could not be rendered; edgeguard's log says why.\n"))
		return nil, false
	}
	return body, true
}

// health answers whether the daemon itself works.
func (s *Server) health(w http.ResponseWriter) {
	if s.cfg.Alive != nil {
		if err := s.cfg.Alive(); err != nil {
			reason := newScrubber(s.cfg.Secrets()).text(err.Error())
			reply(w, http.StatusServiceUnavailable, textType, []byte(reason+"\n"))
			return
		}
	}
	reply(w, http.StatusOK, textType, []byte("ok\n"))
}

// reply writes a whole answer. A failure to write is the asker's own.
func reply(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
