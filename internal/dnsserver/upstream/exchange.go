package upstream

// One exchange: whom to ask, when to ask the next, which reply counts.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

const (
	// rounds is how often an exchange asks each server at most: a datagram
	// gets lost now and then.
	rounds = 2
	// maxAttempts bounds the attempts of one exchange.
	maxAttempts = 6
)

// Exchange returns the answer to q, also where it is a failure such as
// SERVFAIL that every server gave. An error means that no server answered; its
// text says what each did. The answer is shared with others who asked the same
// at the same time, whose ctx is the first one's, so give one that lives as
// long as the server.
func (p *Pool) Exchange(ctx context.Context, q *wire.Question) (*wire.Response, error) {
	return p.flight.do(ctx, q, p)
}

// answer asks q, the short way or, from where that ends, the long one.
func (p *Pool) answer(ctx context.Context, q *wire.Question) (*wire.Response, error) {
	response, b := p.direct(ctx, q)
	if response != nil {
		return response, nil
	}
	query, err := newQuery(q)
	if err != nil {
		if b != nil {
			b.end(false)
		}
		return nil, fmt.Errorf("writing the question: %w", err)
	}
	reply, err := p.exchange(ctx, query, b)
	if err != nil {
		return nil, err
	}
	return finish(reply, q)
}

// ExchangeMsg returns the answer to m, which must hold one question, under the
// same rules as Exchange. RD, AD, CD and DO are asked as they are in m; other
// EDNS is not passed on. The reply has m's ID and question, only records that
// belong to the answer, and an OPT record only where m has one.
func (p *Pool) ExchangeMsg(ctx context.Context, m *dns.Msg) (*dns.Msg, error) {
	if len(m.Question) != 1 || m.Response || m.Opcode != dns.OpcodeQuery {
		return nil, errors.New("a message that is asked must be a query with one question")
	}
	opt := m.IsEdns0()
	query := &dns.Msg{Question: []dns.Question{m.Question[0]}}
	query.RecursionDesired, query.AuthenticatedData, query.CheckingDisabled = m.RecursionDesired, m.AuthenticatedData, m.CheckingDisabled
	query.SetEdns0(wire.UDPSize, opt != nil && opt.Do())
	reply, err := p.exchange(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	reply.Id, reply.Question, reply.Extra = m.Id, []dns.Question{m.Question[0]}, nil
	if reply.Rcode > 15 {
		reply.Rcode = dns.RcodeServerFailure
	}
	if opt != nil {
		reply.SetEdns0(wire.UDPSize, opt.Do())
	}
	return reply, nil
}

// attempt is what came of asking one server.
type attempt struct {
	server *server
	reply  *dns.Msg
	err    error
}

// exchange asks query, which it does not change, of the servers in turn. The
// first may have been asked already, without an answer that would do; what was
// begun so is gone on with. It is nil otherwise.
func (p *Pool) exchange(ctx context.Context, query *dns.Msg, first *begun) (*dns.Msg, error) {
	begin, asked := time.Now(), (*server)(nil)
	if first != nil {
		begin, asked = first.at, first.server
	}
	ctx, cancel := context.WithDeadline(ctx, begin.Add(p.timeout))
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()

	plan := p.plan(asked)
	attempts := make(chan attempt, len(plan)+1) // and the first
	busy, spoke := make(map[*server]int), make(map[*server]bool)
	timer := time.NewTimer(p.timeout)
	defer timer.Stop()
	// launch asks the next server, if there is one left, and reports whether.
	launch := func() bool {
		for len(plan) > 0 && ctx.Err() == nil {
			s := plan[0]
			if spoke[s] {
				plan = plan[1:]
				continue // it has said what it has to say
			}
			if busy[s] > 0 && s.spec.Protocol != UDP {
				// Nothing gets lost on its way but a whole connection.
				if left := p.patience - time.Since(begin); left > 0 {
					timer.Reset(left)
					return false
				}
				s.link.doubt(begin)
			}
			plan = plan[1:]
			busy[s]++
			wait := s.usual(p.patience)
			timer.Reset(wait)
			asking.Go(func() {
				reply, err := p.ask(ctx, s, query, wait, nil)
				attempts <- attempt{s, reply, err}
			})
			return true
		}
		return false
	}
	waiting := 0
	if first != nil {
		s, wait := asked, first.wait
		busy[s]++
		waiting++
		timer.Reset(time.Until(begin.Add(wait)))
		asking.Go(func() {
			reply, err := p.ask(ctx, s, query, wait, first)
			attempts <- attempt{s, reply, err}
		})
	} else if launch() {
		waiting++
	}
	var weak *dns.Msg // a reply that another server may better
	var failed errorList
	for waiting > 0 {
		select {
		case a := <-attempts:
			waiting--
			busy[a.server]--
			switch {
			case a.err != nil:
				failed = append(failed, fmt.Errorf("asking %s: %w", a.server.spec.Text, a.err))
			case settles(a.reply.Rcode):
				return a.reply, nil
			default:
				spoke[a.server] = true
				if weak == nil {
					weak = a.reply
				}
			}
		case <-timer.C:
		}
		if launch() {
			waiting++
		}
	}
	if weak != nil {
		return weak, nil
	}
	if len(failed) == 0 {
		failed = append(failed, ctx.Err())
	}
	return nil, fmt.Errorf("no upstream DNS server answered: %w", failed)
}

// settles reports whether a response code is an answer, and not a failure of
// the one server that gave it.
func settles(rcode int) bool {
	return rcode == dns.RcodeSuccess || rcode == dns.RcodeNameError || rcode == dns.RcodeYXDomain
}
