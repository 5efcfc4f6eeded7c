// Package authority asks the servers that answer for a zone what a name's A
// record says. What a recursive resolver says may be hours old, may be made up
// for the local network or may come from whoever redirects port 53; only the
// zone's own servers can say that a write has arrived.
//
// The configured recursive resolvers are asked only where to find those
// servers: the zone's apex (by SOA), its name servers (NS) and their addresses
// (A). Each server is then asked directly, without recursion, and must answer
// with authority (the AA bit of RFC 1035, section 4.1.1). An answer without it
// comes from something in between and counts for nothing. The host's own
// resolver settings are never used.
package authority

import (
	"context"
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
	return &Asker{cfg: cfg}, nil
}

// Ask asks the authoritative servers of name's zone for its A record. The
// Answer is Unknown, with an error that says why, where no server could be
// found or none answered. Servers that contradict each other are no error: see
// Answer.
func (a *Asker) Ask(ctx context.Context, name string) (Answer, error) {
	name = dns.CanonicalName(name)
	if _, ok := dns.IsDomainName(name); !ok || name == "." {
		return Answer{}, fmt.Errorf("%q is no domain name", name)
	}
	zone, err := a.findZone(ctx, name)
	if err != nil {
		return Answer{}, fmt.Errorf("finding the zone of %s: %w", name, err)
	}
	servers, err := a.findServers(ctx, zone)
	if err != nil {
		return Answer{}, fmt.Errorf("finding the name servers of %s: %w", zone, err)
	}
	answer := merge(a.askAll(ctx, servers, name))
	answer.Zone = strings.TrimSuffix(zone, ".")
	if !answer.Heard() {
		return answer, fmt.Errorf("asking the name servers of %s: %w", zone, answer.why())
	}
	return answer, nil
}

// askAll asks every server at the same time and returns once all have answered
// or run out of time, in the servers' order.
func (a *Asker) askAll(ctx context.Context, servers []server, name string) []Reply {
	replies := make([]Reply, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() {
			reply := Reply{Server: s.name, Addr: s.addr.Addr()}
			msg, err := a.exchange(ctx, s.addr, question(name, dns.TypeA, false))
			if err != nil {
				reply.Err = err
			} else {
				reply.read(msg, name)
			}
			replies[i] = reply
		})
	}
	wg.Wait()
	return replies
}

// recurse asks the recursive resolvers in turn, beginning with the one that
// answered last, until one gives an answer that can be used.
func (a *Asker) recurse(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	if a.cfg.Recurse != nil {
		return a.recurseThere(ctx, name, qtype)
	}
	first := int(a.liking.Load())
	var last error
	for i := range a.cfg.Resolvers {
		at := (first + i) % len(a.cfg.Resolvers)
		msg, err := a.exchange(ctx, a.cfg.Resolvers[at], question(name, qtype, true))
		if err == nil && msg.Rcode != dns.RcodeSuccess && msg.Rcode != dns.RcodeNameError {
			err = fmt.Errorf("it answered %s", rcodeName(msg.Rcode))
		}
		if err == nil {
			a.liking.Store(int64(at))
			return msg, nil
		}
		last = fmt.Errorf("asking the resolver %s for %s %s: %w",
			a.cfg.Resolvers[at], name, dns.TypeToString[qtype], err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, last
}

// recurseThere is recurse with cfg.Recurse.
func (a *Asker) recurseThere(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*a.cfg.Timeout)
	defer cancel()
	msg, err := a.cfg.Recurse(ctx, question(name, qtype, true))
	if err == nil && msg.Rcode != dns.RcodeSuccess && msg.Rcode != dns.RcodeNameError {
		err = fmt.Errorf("the answer is %s", rcodeName(msg.Rcode))
	}
	if err != nil {
		return nil, fmt.Errorf("asking upstream for %s %s: %w", name, dns.TypeToString[qtype], err)
	}
	return msg, nil
}

// question makes a query with a fresh, unguessable id and room for 1232 octets
// over UDP (the size that avoids fragments, dnsflagday.net/2020).
func question(name string, qtype uint16, recurse bool) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.Id = uint16(rand.Uint32())
	m.RecursionDesired = recurse
	m.SetEdns0(udpSize, false)
	return m
}
