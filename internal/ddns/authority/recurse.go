package authority

// Asking recursive servers: where a zone's own servers are, and, where those
// cannot be asked, what a record looks like from there.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/miekg/dns"
)

// Recurse asks a recursive server for q's record. Its answer may be as old as
// Reply.TTL allows and is worth no more than the way to that server: ask it
// only over an encrypted one, and never take it for a reason to write.
func (a *Asker) Recurse(ctx context.Context, q Question) (Reply, error) {
	w, err := q.onTheWire()
	if err != nil {
		return Reply{}, err
	}
	msg, err := a.recurse(ctx, w.name, w.qtype)
	if err != nil {
		return Reply{}, err
	}
	reply := Reply{Server: "a resolver"}
	if reply.take(msg, w); reply.Alias != "" && reply.State == fact.None {
		return reply, errors.New("the name is an alias (CNAME)")
	}
	return reply, nil
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
