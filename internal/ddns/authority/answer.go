package authority

// What the servers said, one by one and together.

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/miekg/dns"
)

// maxAddrs bounds the addresses that are read from one reply.
const maxAddrs = 32

// Reply is what one authoritative server said, or why it counts for nothing.
type Reply struct {
	// Server is the name server's name, Addr its address.
	Server string
	Addr   netip.Addr
	// State is Known where Addrs holds the record's addresses, None where the
	// server said that there is no such record (NODATA or NXDOMAIN), else
	// Unknown.
	State fact.State
	// Addrs are sorted and distinct; nil unless State is Known.
	Addrs []netip.Addr
	// Alias is where a CNAME leads, when the name is one. State is then None:
	// the name has no address record of its own.
	Alias string
	// TTL is for how long the least of Addrs may be kept; zero unless State is
	// Known.
	TTL time.Duration
	// Err is why State is Unknown; else nil.
	Err error
}

// Answer is what the servers that answered said together. It is immutable.
type Answer struct {
	// Zone is the apex of the zone, canonical; empty when it was not found.
	Zone string
	// State is Unknown where nobody answered or where Split. None and Known
	// are what every server that answered said.
	State fact.State
	// Addrs are all the record's addresses, sorted and distinct; nil unless
	// State is Known.
	Addrs []netip.Addr
	// Split means that servers that answered contradict each other, as they do
	// while a change spreads.
	Split bool
	// Intercepted says by what something on the way gave itself away, in words;
	// empty where nothing did. No reply counts then.
	Intercepted string
	// Replies are the servers' replies, also those that count for nothing.
	Replies []Reply
}

// Heard reports whether at least one authoritative server answered.
func (a Answer) Heard() bool {
	return slices.ContainsFunc(a.Replies, func(r Reply) bool { return r.State != fact.Unknown })
}

// Shows reports whether every server that answered said that addr is the
// record's one address.
func (a Answer) Shows(addr netip.Addr) bool {
	return a.State == fact.Known && len(a.Addrs) == 1 && a.Addrs[0] == addr
}

// ShownBySome reports whether at least one server said that addr is the
// record's one address.
func (a Answer) ShownBySome(addr netip.Addr) bool {
	return slices.ContainsFunc(a.Replies, func(r Reply) bool {
		return r.State == fact.Known && len(r.Addrs) == 1 && r.Addrs[0] == addr
	})
}

// Seen are all addresses that any server gave, sorted and distinct.
func (a Answer) Seen() []netip.Addr {
	var all []netip.Addr
	for _, r := range a.Replies {
		all = append(all, r.Addrs...)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// Alias is where the name's CNAME leads, empty when it has none.
func (a Answer) Alias() string {
	for _, r := range a.Replies {
		if r.Alias != "" {
			return r.Alias
		}
	}
	return ""
}

// merge makes one answer of the servers' replies.
func merge(replies []Reply) Answer {
	answer := Answer{Replies: replies}
	first := true
	for _, r := range replies {
		switch {
		case r.State == fact.Unknown:
		case first:
			first = false
			answer.State, answer.Addrs = r.State, r.Addrs
		case r.State != answer.State || !slices.Equal(r.Addrs, answer.Addrs):
			answer.Split = true
		}
	}
	if answer.Split {
		answer.State, answer.Addrs = fact.Unknown, nil
	}
	return answer
}

// suspicious reports whether port 53 should be looked at: nobody answered with
// authority though somebody answered, or the answer is not what is expected.
func (a Answer) suspicious(expect netip.Addr) bool {
	return a.Heard() && expect.IsValid() && !a.Shows(expect) || !a.Heard() && errors.Is(a.why(), ErrNoAuthority)
}

// discredited is a without anything that was said.
func (a Answer) discredited(evidence string) Answer {
	b := Answer{Zone: a.Zone, Intercepted: evidence}
	for _, r := range a.Replies {
		b.Replies = append(b.Replies, Reply{Server: r.Server, Addr: r.Addr, Err: ErrIntercepted})
	}
	return b
}

// why joins the reasons for which no server counted, one per server.
func (a Answer) why() error {
	var all joined
	for _, r := range a.Replies {
		if r.Err != nil {
			all = append(all, fmt.Errorf("%s (%s): %w", r.Server, r.Addr, r.Err))
		}
	}
	return all.few()
}

// joined is errors.Join on one line.
type joined []error

// few is j without what is nil and without all but the first few, nil where
// nothing is left.
func (j joined) few() error {
	all := slices.DeleteFunc(slices.Clone(j), func(err error) bool { return err == nil })
	if len(all) == 0 {
		return nil
	}
	if len(all) > 3 {
		all = append(all[:3], fmt.Errorf("and %d more", len(all)-3))
	}
	return all
}

func (j joined) Error() string {
	words := make([]string, len(j))
	for i, err := range j {
		words[i] = err.Error()
	}
	return strings.Join(words, "; ")
}

func (j joined) Unwrap() []error { return j }

// ErrNoAuthority means that an answer came without the AA bit: a resolver on
// the path answers in the server's place, or the server does not hold the zone.
var ErrNoAuthority = errors.New("the answer came without authority: either something on the way intercepts DNS (port 53), or this server does not hold the zone")

// read fills r from a server's reply to the question w.
func (r *Reply) read(msg *dns.Msg, w wired) {
	if r.Err = doubt(msg); r.Err == nil {
		r.take(msg, w)
	}
}

// doubt is why the answer of an authoritative server counts for nothing; nil
// where it counts.
func doubt(msg *dns.Msg) error {
	switch {
	case msg.Rcode != dns.RcodeSuccess && msg.Rcode != dns.RcodeNameError:
		return fmt.Errorf("it answered %s", rcodeName(msg.Rcode))
	case !msg.Authoritative:
		return ErrNoAuthority
	}
	return nil
}

// take fills r from what an answer says.
func (r *Reply) take(msg *dns.Msg, w wired) {
	var addrs []netip.Addr
	for _, rr := range msg.Answer {
		if !dnsEqual(rr.Header().Name, w.name) || rr.Header().Class != dns.ClassINET {
			continue
		}
		if rr, ok := rr.(*dns.CNAME); ok {
			r.Alias = strings.TrimSuffix(dns.CanonicalName(rr.Target), ".")
		}
		addr := addrOf(rr)
		if rr.Header().Rrtype != w.qtype || !addr.IsValid() || len(addrs) == maxAddrs {
			continue
		}
		ttl := time.Duration(rr.Header().Ttl) * time.Second
		if addrs = append(addrs, addr); len(addrs) == 1 || ttl < r.TTL {
			r.TTL = ttl
		}
	}
	if len(addrs) == 0 {
		r.State = fact.None
		return
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	r.State, r.Addrs = fact.Known, slices.Compact(addrs)
}

// addrOf is the address in rr, the zero Addr where it holds none. An IPv4
// address in an AAAA record stays what it is there: no client can use it.
func addrOf(rr dns.RR) (addr netip.Addr) {
	switch rr := rr.(type) {
	case *dns.A:
		addr, _ = netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		addr, _ = netip.AddrFromSlice(rr.AAAA.To16())
	}
	return addr
}
