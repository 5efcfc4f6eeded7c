package upstream

// What is known of a server, and in which order servers are asked.

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	// deadAfter is how many failures in a row make a server dead.
	deadAfter = 2
	// uselessAfter is how many SERVFAILs in a row do: a few are the fault of
	// the names asked for, so many are the server's own.
	uselessAfter = 8
	// doubtAfter is how often in a row a server is beaten by one that was
	// asked later until it is asked last.
	doubtAfter = 3
	// leastWait is how long any server may take before the next is asked; a
	// server that has to ask others itself takes about this long.
	leastWait = 100 * time.Millisecond
)

// transport speaks to one server.
type transport interface {
	// ask returns what the server says to query, which is not changed, and how
	// long that took, without the time to set up a connection. The reply is
	// one to query, with the question's name as it is in query.
	ask(ctx context.Context, query *dns.Msg) (reply *dns.Msg, took time.Duration, err error)
	// warm reports whether the next question needs no new connection.
	warm() bool
	// doubt gives up connections that have been silent since then, while a
	// question waited.
	doubt(since time.Time)
	// close keeps no connection any longer than questions wait on it.
	close()
}

// server is one upstream server.
type server struct {
	spec     Spec
	target   *target
	link     transport
	fallback *clocked // nil for a plain server

	mu        sync.Mutex
	rtt       time.Duration // guarded by mu; smoothed, zero while unknown
	varies    time.Duration // guarded by mu; smoothed distance of round trips from rtt
	health    fact.Verdict  // guarded by mu
	inARow    int           // guarded by mu; failures since the last success
	servfails int           // guarded by mu; since the last other answer
	beaten    int           // guarded by mu; since the last success
	good      time.Time     // guarded by mu; the last success
	probed    time.Time     // guarded by mu; when it was looked at last
	queries   uint64        // guarded by mu
	failures  uint64        // guarded by mu
	lastError string        // guarded by mu
}

// Status is a reading of what is known of a server; its fields mean what they
// do in dnsserver.UpstreamStatus.
type Status struct {
	Address           netip.AddrPort
	Healthy           fact.Verdict
	RTT               time.Duration
	Queries, Failures uint64
	LastError         string
	Name              string
	Protocol          string
	PlainFallback     bool
}

// Status reads what is known of the servers, in the order of the config.
func (p *Pool) Status() []Status {
	list := make([]Status, 0, len(p.servers))
	for _, s := range p.servers {
		plain := s.fallback != nil && s.fallback.active()
		s.mu.Lock()
		list = append(list, Status{s.target.inUse(), s.health, s.rtt, s.queries, s.failures, s.lastError,
			s.spec.Text, string(s.spec.Protocol), plain})
		s.mu.Unlock()
	}
	return list
}

// well reports whether there is nothing to find out about s.
func (s *server) well() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health == fact.VerdictPass && s.beaten == 0
}

// due reports whether s is to be looked at now, or else after how long that
// may be, and notes that it is.
func (s *server) due() (wait time.Duration, now bool) {
	if s.well() {
		return idle, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if rest := probeGap - time.Since(s.probed); !s.probed.IsZero() && rest > 0 {
		return rest, false
	}
	s.probed = time.Now()
	return 0, true
}

// usual returns how long to wait for s until the next server is asked too: by
// the rule of TCP (RFC 6298, section 2.3), three times as long where it has to
// be connected to first, and no longer than most.
func (s *server) usual(most time.Duration) time.Duration {
	s.mu.Lock()
	wait := s.rtt + 4*s.varies
	s.mu.Unlock()
	if wait == 0 {
		return most
	}
	if !s.link.warm() {
		wait *= 3
	}
	return min(max(wait, leastWait), most)
}

// rank returns the place of s among the servers: the fast before the slow, dead
// ones last. Round trips count in bands, so that the order of the config holds
// among servers that are about as fast.
func (s *server) rank() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.health == fact.VerdictFail:
		return band(s.rtt) + 200
	case s.beaten >= doubtAfter:
		return band(s.rtt) + 100
	}
	return band(s.rtt)
}

// fade makes the round trip of a server that is passed over less, so that one
// that was slow once is tried again.
func (s *server) fade() {
	s.mu.Lock()
	s.rtt -= s.rtt / 64
	s.mu.Unlock()
}

// first returns the server that is asked first.
func (p *Pool) first() *server {
	best := p.servers[0]
	if len(p.servers) == 1 {
		return best
	}
	rank := best.rank()
	for _, s := range p.servers[1:] {
		if r := s.rank(); r < rank {
			best, rank = s, r
		}
	}
	for _, s := range p.servers {
		if s != best {
			s.fade()
		}
	}
	return best
}

// plan returns the servers in the order of rank in which one exchange asks
// them, without the one that has been asked first already, if any.
func (p *Pool) plan(asked *server) []*server {
	type place struct {
		s    *server
		rank int
	}
	places := make([]place, 0, len(p.servers))
	for _, s := range p.servers {
		rank := s.rank()
		if s == asked {
			rank = -1
		}
		places = append(places, place{s, rank})
	}
	slices.SortStableFunc(places, func(a, b place) int { return a.rank - b.rank })
	var order []*server
	for range rounds {
		for _, pl := range places {
			order = append(order, pl.s)
		}
	}
	order = order[:min(len(order), max(maxAttempts, len(places)))]
	if asked != nil {
		return order[1:]
	}
	for _, pl := range places[1:] {
		pl.s.fade()
	}
	return order
}

// band puts a round trip in one of a few bands, each three times the last.
func band(rtt time.Duration) int {
	n := 0
	for edge := 50 * time.Millisecond; rtt > edge && n < 8; edge *= 3 {
		n++
	}
	return n
}

// asked counts a question.
func (s *server) asked() {
	s.mu.Lock()
	s.queries++
	s.mu.Unlock()
}

// ask asks s, or goes on with what was begun, and notes what came of it. The
// next server is asked after wait.
func (p *Pool) ask(ctx context.Context, s *server, query *dns.Msg, wait time.Duration, b *begun) (*dns.Msg, error) {
	begin := time.Now()
	if b != nil {
		begin = b.at
	} else {
		s.asked()
	}
	reply, rtt, err := s.converse(ctx, query, b)
	took := time.Since(begin)
	if err == nil {
		scrub(reply, query)
	} else {
		err = inWords(err, took)
	}
	switch {
	case err == nil && reply.Rcode == dns.RcodeServerFailure:
		p.noteServfail(s)
	case err == nil && !settles(reply.Rcode):
		p.noteFailure(s, time.Time{}, fmt.Sprintf("it refuses to answer (%s)", rcodeName(reply.Rcode)))
	case err == nil:
		p.noteSuccess(s, rtt)
	case took >= p.patience, ctx.Err() == nil:
		// Beaten by another server after our patience had ended is a failure;
		// beaten before, or given up by who asked, is not.
		if p.noteFailure(s, begin, err.Error()) {
			s.target.turn()
		}
		if took >= p.patience {
			s.link.doubt(begin)
		}
	case took >= wait:
		p.noteBeaten(s, took)
	}
	return reply, err
}

// converse asks s, without EDNS where the server does not know it (RFC 6891,
// section 7).
func (s *server) converse(ctx context.Context, query *dns.Msg, b *begun) (reply *dns.Msg, took time.Duration, err error) {
	if b != nil {
		reply, took, err = s.link.(*plain).goOn(ctx, query, b)
	} else {
		reply, took, err = s.link.ask(ctx, query)
	}
	if err == nil && query.IsEdns0() != nil &&
		(reply.Rcode == dns.RcodeFormatError || reply.Rcode == dns.RcodeNotImplemented) {
		bare := *query
		bare.Extra = nil
		return s.link.ask(ctx, &bare)
	}
	return reply, took, err
}

// smooth takes in one round trip (RFC 6298, section 2).
func (s *server) smooth(took time.Duration) {
	if s.rtt == 0 {
		s.rtt, s.varies = took, took/2
		return
	}
	s.varies += ((took - s.rtt).Abs() - s.varies) / 4
	s.rtt += (took - s.rtt) / 8
}

func (p *Pool) noteSuccess(s *server, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.health == fact.VerdictFail || s.beaten >= doubtAfter {
		s.rtt = 0 // what was measured of late says nothing
	}
	s.smooth(max(took, time.Microsecond))
	if s.health == fact.VerdictFail {
		p.log.Info("upstream DNS server answers again", "server", s.spec.Text)
	}
	if s.health != fact.VerdictPass {
		defer p.changed()
	}
	s.health, s.inARow, s.servfails, s.beaten, s.lastError, s.good = fact.VerdictPass, 0, 0, 0, "", time.Now()
}

// noteBeaten notes that a server asked later was quicker: the round trip is at
// least that long. Whether s is there at all is looked at.
func (p *Pool) noteBeaten(s *server, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rtt > 0 && took > s.rtt {
		s.smooth(took)
	}
	s.beaten++
	p.prober.Kick()
}

func (p *Pool) noteServfail(s *server) {
	s.mu.Lock()
	s.servfails++
	many := s.servfails >= uselessAfter
	s.mu.Unlock()
	if many {
		p.noteFailure(s, time.Time{}, "it answers every question with SERVFAIL")
	}
}

// noteFailure notes that s did not answer a question, asked at begin, and
// reports whether that is held against it: where it has answered others since,
// the name is to blame. A zero begin means that s is.
func (p *Pool) noteFailure(s *server, begin time.Time, words string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures++
	if !begin.IsZero() && s.good.After(begin) {
		return false
	}
	s.inARow++
	s.lastError = words
	if s.health == fact.VerdictFail || s.inARow < deadAfter && s.servfails < uselessAfter {
		return true
	}
	s.health = fact.VerdictFail
	defer p.changed()
	p.log.Warn("upstream DNS server does not answer", "server", s.spec.Text, "err", words)
	p.prober.Kick()
	return true
}
