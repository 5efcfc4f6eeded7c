// Package upstream asks recursive servers what the house does not know.
//
// A Pool keeps for each server a smoothed round trip and whether it answers.
// One exchange asks the best server first; where that one is silent for longer
// than is usual for it, or cannot answer, the next is asked beside it, and the
// first good reply wins. A server that failed twice in a row is asked last, and
// a loop asks it again every few seconds whether it is back. Questions that are
// the same and in flight at the same time share one exchange.
//
// Nearly all questions go the short way: one plain server, its plain answer, no
// message type in between (direct). What is not as simple goes on as messages of
// miekg/dns, and everything said here is true of both.
//
// A server is written as a URL (Parse). What is spoken to it is a transport:
// plain DNS, or DNS over TLS or HTTPS on connections that are kept and shared.
// Servers named by host name are found through bootstrap servers (book), never
// through the host's resolv.conf, which may well name ourselves.
//
// What comes back has been checked against the question, holds only records
// that were asked for (scrub), is in the form that wire.Response wants, and
// carries none of the EDNS options of either side.
package upstream

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/loop"
)

const (
	// defaultTimeout is the default of Config.Timeout.
	defaultTimeout = 5 * time.Second
	// patience is the default of Config.Patience.
	patience = time.Second
	// probeEvery is how often a dead server is asked whether it is back.
	probeEvery = 5 * time.Second
	// probeGap is the least time between two such questions.
	probeGap = time.Second
	// probeTimeout bounds one such question.
	probeTimeout = 2 * time.Second
	// idle is how long the loop sleeps while all servers are well; it is
	// kicked when one fails.
	idle = time.Hour
)

// Config is what a Pool needs.
type Config struct {
	// Specs are the servers, which are asked in this order as long as they are
	// about as fast. Either Specs or Servers must not be empty.
	Specs []Spec
	// Servers are plain servers by address, in addition to Specs and behind
	// them.
	Servers []netip.AddrPort
	// Bootstrap are plain servers through which the host names in Specs are
	// found; required where there is one.
	Bootstrap []netip.AddrPort
	// Timeout bounds one exchange, all attempts together; default 5 s.
	Timeout time.Duration
	// Patience is how long a server may be silent at most before the next is
	// asked beside it; default 1 s, and at most a third of Timeout. It is less
	// for a server that is known to be quick.
	Patience time.Duration
	// ProbeName is the name whose NS records dead servers are asked for; the
	// default is the root. Servers that know one zone only need that zone.
	ProbeName string
	// RootCAs are whom certificates are traced to; nil means the system's
	// roots, or those of SSL_CERT_FILE.
	RootCAs *x509.CertPool
	// ClockPlausible reports whether the clock may be right. While it says no,
	// and only then, a server whose certificate is refused for its dates is
	// asked in plain: without time no certificate can be checked, and without
	// names no time server can be found. Nil means that it always may be.
	ClockPlausible func() bool
	// Own reports whether an address is one that we serve DNS on ourselves;
	// such is never asked. Nil means none.
	Own func(netip.AddrPort) bool
	// Dial opens connections to literal addresses, "udp" or "tcp"; nil means a
	// net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Changed is called when a server begins or ceases to answer; nil means
	// that nobody wants to know. It must neither block nor call the pool.
	Changed func()
	// Log gets servers that fail and come back; nil means none.
	Log *slog.Logger
}

// Pool asks servers. Make one with New. All methods may be called at any time
// from any goroutine.
type Pool struct {
	timeout  time.Duration
	patience time.Duration
	probed   string
	log      *slog.Logger
	changed  func() // as in Config; never nil
	servers  []*server
	book     *book // nil where all servers are known by address
	flight   flight
	prober   *loop.Loop
	life     *life
}

// New returns a pool. The error says what in cfg cannot be.
func New(cfg Config) (*Pool, error) {
	specs := cfg.Specs
	for _, addr := range cfg.Servers {
		specs = append(specs[:len(specs):len(specs)], Plain(addr))
	}
	if len(specs) == 0 {
		return nil, errors.New("there are no upstream servers, so no name outside the house could be resolved: set upstreams in [dns]")
	}
	cfg = withDefaults(cfg)
	p := &Pool{timeout: cfg.Timeout, patience: min(cfg.Patience, cfg.Timeout/3), probed: cfg.ProbeName, log: cfg.Log, changed: cfg.Changed, life: newLife()}
	p.prober = loop.New(loop.Config{Name: "dns upstream", Step: p.step, Log: cfg.Log})
	for _, spec := range specs {
		if err := p.add(spec, cfg); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func withDefaults(cfg Config) Config {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Patience <= 0 {
		cfg.Patience = patience
	}
	if cfg.ProbeName == "" {
		cfg.ProbeName = "."
	}
	if cfg.ClockPlausible == nil {
		cfg.ClockPlausible = func() bool { return true }
	}
	if cfg.Own == nil {
		cfg.Own = func(netip.AddrPort) bool { return false }
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// add takes one server into the pool.
func (p *Pool) add(spec Spec, cfg Config) error {
	if spec.Port == 0 || spec.Addr.IsValid() == (spec.Host != "") || spec.Addr.IsUnspecified() || spec.Addr.IsMulticast() {
		return fmt.Errorf("upstream %s is not the address of a server", quote(spec.Text))
	}
	t := &target{spec: spec, connect: cfg.Dial, own: cfg.Own}
	if spec.Host != "" {
		if p.book == nil {
			b, err := newBook(cfg, p.life, p.prober.Kick)
			if err != nil {
				return err
			}
			p.book = b
		}
		t.host = p.book.page(spec.Host)
	}
	s := &server{spec: spec, target: t}
	switch {
	case spec.Protocol == UDP:
		s.link = newPlain(t, spec.Port, cfg, p.life)
	case spec.Protocol == TCP:
		s.link = newPlainStream(t, cfg, p.life)
	case spec.Protocol.Encrypted() && spec.Name != "":
		s.fallback = newClocked(t, cfg, p.life)
		s.link = s.fallback
	default:
		return fmt.Errorf("upstream %s is of a protocol that is not spoken here", quote(spec.Text))
	}
	p.servers = append(p.servers, s)
	return nil
}

// Addresses lists where the servers are that are asked in plain, those through
// which host names are found among them, as far as it is known. A server of
// ours that is listed here would be asking itself.
func (p *Pool) Addresses() []netip.AddrPort {
	var list []netip.AddrPort
	for _, s := range p.servers {
		if !s.spec.Protocol.Encrypted() {
			list = append(list, s.target.known()...)
		}
	}
	if p.book != nil {
		list = append(list, p.book.pool.Addresses()...)
	}
	return list
}

// Run asks servers that nobody has asked yet, and dead ones again and again,
// and keeps the addresses of named servers fresh, until ctx ends. Then it
// waits until the questions under way have been answered, closes all
// connections and returns. A question that comes later is still answered, on
// connections that are not kept.
func (p *Pool) Run(ctx context.Context) error {
	err := p.prober.Run(ctx)
	p.Close()
	return err
}

// Close gives up all connections once the questions under way on them have
// been answered, and returns when that is so. Run does it too.
func (p *Pool) Close() {
	for _, s := range p.servers {
		s.link.close()
	}
	if p.book != nil {
		p.book.pool.Close()
	}
	p.life.end(p.timeout)
}

// step asks the servers of which nothing good is known, and looks up host
// names again whose addresses are due.
func (p *Pool) step(ctx context.Context) (time.Duration, error) {
	next := idle
	if p.book != nil {
		next = p.book.refresh(ctx)
	}
	query := newProbe(p.probed)
	var asking sync.WaitGroup
	for _, s := range p.servers {
		wait, due := s.due()
		if !due {
			next = min(next, wait)
			continue
		}
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, min(probeTimeout, p.timeout))
			defer cancel()
			_, _ = p.ask(ctx, s, query, p.patience, nil) // what came of it is in s
		})
	}
	asking.Wait()
	for _, s := range p.servers {
		if !s.well() {
			next = min(next, loop.Jitter(probeEvery, nil))
		}
	}
	return next, nil
}
