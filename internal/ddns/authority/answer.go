package authority

// What the servers said, one by one and together.

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

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
	// server said that there is no A record (NODATA or NXDOMAIN), else Unknown.
	State fact.State
	// Addrs are sorted and distinct; nil unless State is Known.
	Addrs []netip.Addr
	// Alias is where a CNAME leads, when the name is one. State is then None:
	// the name has no A record of its own.
	Alias string
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

// why joins the reasons for which no server counted, one per server.
func (a Answer) why() error {
	var all []error
	for _, r := range a.Replies {
		if r.Err != nil {
			all = append(all, fmt.Errorf("%s (%s): %w", r.Server, r.Addr, r.Err))
		}
	}
	if len(all) > 3 {
		all = append(all[:3], fmt.Errorf("and %d more", len(all)-3))
	}
	return joined(all)
}

// joined is errors.Join on one line.
type joined []error

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

// read fills r from a server's reply to the question for name's A record.
func (r *Reply) read(msg *dns.Msg, name string) {
	switch {
	case msg.Rcode != dns.RcodeSuccess && msg.Rcode != dns.RcodeNameError:
		r.Err = fmt.Errorf("it answered %s", rcodeName(msg.Rcode))
		return
	case !msg.Authoritative:
		r.Err = ErrNoAuthority
		return
	}
	var addrs []netip.Addr
	for _, rr := range msg.Answer {
		if !dnsEqual(rr.Header().Name, name) || rr.Header().Class != dns.ClassINET {
			continue
		}
		switch rr := rr.(type) {
		case *dns.A:
			if addr, ok := netip.AddrFromSlice(rr.A.To4()); ok && len(addrs) < maxAddrs {
				addrs = append(addrs, addr)
			}
		case *dns.CNAME:
			r.Alias = strings.TrimSuffix(dns.CanonicalName(rr.Target), ".")
		}
	}
	if len(addrs) == 0 {
		r.State = fact.None
		return
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	r.State, r.Addrs = fact.Known, slices.Compact(addrs)
}
