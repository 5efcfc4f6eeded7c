// Package authority asks the servers that answer for a zone what a name's A or
// AAAA record says. What a recursive resolver says may be hours old, may be
// made up for the local network or may come from whoever redirects port 53;
// only the zone's own servers can say that a write has arrived.
//
// The configured recursive resolvers are asked only where to find those
// servers: the zone's apex (by SOA), its name servers (NS) and their addresses
// (A). What they say is kept for a day, or until the servers fall silent
// (zones.go). Each server is then asked directly, without recursion, and must
// answer with authority (the AA bit of RFC 1035, section 4.1.1). An answer
// without it comes from something in between and counts for nothing. The
// host's own resolver settings are never used.
//
// Something in between may set that bit too. Port 53 is therefore tried with
// questions that no honest server answers (path.go); where one is answered,
// everything that came over port 53 counts for nothing.
package authority

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// DialFunc opens a socket to a server; network is "udp" or "tcp".
type DialFunc func(ctx context.Context, network string, server netip.AddrPort) (net.Conn, error)

// Config is what an Asker needs.
type Config struct {
	// Resolvers are recursive servers with their ports; at least one, unless
	// there is Recurse.
	Resolvers []netip.AddrPort
	// Recurse asks a recursive server in their place, and sees to it that the
	// answer is one to the question; nil means that Resolvers are asked.
	Recurse func(ctx context.Context, question *dns.Msg) (*dns.Msg, error)
	// Timeout bounds one question to one server, over UDP and TCP together;
	// zero means 3 s.
	Timeout time.Duration
	// MaxServers is how many of a zone's servers are asked; zero means 8.
	MaxServers int
	// Dial opens the sockets; nil means a plain net.Dialer. Tests point the
	// name servers' port 53 elsewhere with it.
	Dial DialFunc
}

// Asker asks. It may be used by several goroutines. Make one with New.
type Asker struct {
	cfg    Config
	liking atomic.Int64 // index of the resolver that answered last
	zones  zones
	path   path
}

// New returns an Asker; without resolvers it is an error.
func New(cfg Config) (*Asker, error) {
	if len(cfg.Resolvers) == 0 && cfg.Recurse == nil {
		return nil, fmt.Errorf("no recursive resolvers to find authoritative servers through")
	}
	for _, r := range cfg.Resolvers {
		if !r.IsValid() || r.Port() == 0 {
			return nil, fmt.Errorf("resolver %q is not an address with a port", r)
		}
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 3 * time.Second
	}
	if cfg.MaxServers == 0 {
		cfg.MaxServers = 8
	}
	if cfg.Dial == nil {
		cfg.Dial = func(ctx context.Context, network string, server netip.AddrPort) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, server.String())
		}
	}
	return &Asker{cfg: cfg, path: path{lock: newLock()}}, nil
}

// Question is what is asked about one record.
type Question struct {
	// Name is the record's name. Of a wildcard ("*.example.org") a name below
	// it is asked that nobody has thought of before: that is what clients ask,
	// no record of its own hides the wildcard there, and no cache knows it.
	Name string
	// Type is "A" or "AAAA"; empty means "A".
	Type string
	// One spares the servers: a single one is asked, another one each time,
	// and the others only where it is silent or does not say Expect.
	One bool
	// Expect is what the record should say; the zero Addr where nobody knows.
	// An answer that says something else has port 53 looked at.
	Expect netip.Addr
	// OwnServer says that the zone's server may be the asker's own, which may
	// resolve foreign names for him.
	OwnServer bool
}

// wired is a Question as it goes out.
type wired struct {
	name, base string // what is asked, and where the zone is looked for
	qtype      uint16
}

func (q Question) onTheWire() (wired, error) {
	w := wired{base: dns.CanonicalName(q.Name), qtype: dns.TypeA}
	switch q.Type {
	case "", "A":
	case "AAAA":
		w.qtype = dns.TypeAAAA
	default:
		return w, fmt.Errorf("%q is no type of address records", q.Type)
	}
	below, wild := strings.CutPrefix(w.base, "*.")
	if w.name = w.base; wild {
		w.base, w.name = below, fmt.Sprintf("edgeguard-%016x.%s", rand.Uint64(), below)
	}
	if _, ok := dns.IsDomainName(w.name); !ok || w.base == "." || w.base == "" {
		return w, fmt.Errorf("%q is no domain name", q.Name)
	}
	return w, nil
}

// Ask asks the authoritative servers of the name's zone for its record. The
// Answer is Unknown, with an error that says why, where no server could be
// found, where none answered, and where the answers cannot be believed.
// Servers that contradict each other are no error: see Answer.
func (a *Asker) Ask(ctx context.Context, q Question) (Answer, error) {
	w, err := q.onTheWire()
	if err != nil {
		return Answer{}, err
	}
	daily := make(chan string, 1)
	go func() { daily <- a.probePath(ctx, keepZone) }()
	answer, err := a.ask(ctx, w, q)
	evidence := <-daily
	if evidence == "" && answer.suspicious(q.Expect) {
		evidence = a.intercepted(ctx, w, q, answer)
	}
	if evidence != "" {
		answer = answer.discredited(evidence)
		return answer, fmt.Errorf("%w: %s", ErrIntercepted, evidence)
	}
	return answer, err
}

// ask asks without a doubt.
func (a *Asker) ask(ctx context.Context, w wired, q Question) (Answer, error) {
	apex, servers, err := a.servers(ctx, w.base, q.One)
	if err != nil {
		return Answer{}, err
	}
	replies := a.askAll(ctx, servers, w)
	if answer := merge(replies); q.One && (!answer.Heard() || q.Expect.IsValid() && !answer.Shows(q.Expect)) && ctx.Err() == nil {
		if _, all, err := a.servers(ctx, w.base, false); err == nil {
			replies = append(replies, a.askAll(ctx, without(all, servers[0]), w)...)
		}
	}
	answer := merge(replies)
	answer.Zone = strings.TrimSuffix(apex, ".")
	if !answer.Heard() {
		if ctx.Err() == nil {
			a.forget(w.base)
		}
		return answer, fmt.Errorf("asking the name servers of %s: %w", apex, answer.why())
	}
	return answer, nil
}

// askAll asks every server at the same time and returns once all have answered
// or run out of time, in the servers' order.
func (a *Asker) askAll(ctx context.Context, servers []server, w wired) []Reply {
	replies := make([]Reply, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() {
			reply := Reply{Server: s.name, Addr: s.addr.Addr()}
			msg, err := a.exchange(ctx, s.addr, question(w.name, w.qtype, false))
			if err != nil {
				reply.Err = err
			} else {
				reply.read(msg, w)
			}
			replies[i] = reply
		})
	}
	wg.Wait()
	return replies
}

// ErrIntercepted means that something on the way answers DNS questions in the
// place of the servers that they are sent to.
var ErrIntercepted = errors.New("something on the way intercepts DNS (port 53)")
