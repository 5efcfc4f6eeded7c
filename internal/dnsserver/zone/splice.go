package zone

// Answers that start with a CNAME record of the user's own and end in the
// outside world.

import (
	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// Splice appends the reply to q: the CNAME records of n, of which there must be
// some, and then what reply, the packed answer about the name they end at, says. The name itself is there,
// so it is never denied. A row of CNAME records that comes back to where it has
// been is a failure.
func Splice(dst []byte, q *wire.Question, n *Node, reply []byte, limit int) []byte {
	var ours, theirs dns.Msg
	if ours.Unpack(wire.AppendRRset(nil, q, n.alias.chain, nil, wire.MaxMessage)) != nil || theirs.Unpack(reply) != nil {
		return wire.AppendRcode(dst, q, wire.ServFail)
	}
	switch theirs.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
	default:
		return wire.AppendRcode(dst, q, uint16(theirs.Rcode))
	}
	ours.Answer, ours.Ns, ours.Extra = append(ours.Answer, theirs.Answer...), theirs.Ns, theirs.Extra
	if circles(&ours) {
		return wire.AppendRcode(dst, q, wire.ServFail)
	}
	ours.Compress = true
	packed, err := ours.Pack()
	switch {
	case err != nil:
		return wire.AppendRcode(dst, q, wire.ServFail)
	case len(packed) > limit:
		return wire.AppendTruncated(dst, q)
	}
	return append(dst, packed...)
}

// circles reports whether the CNAME records in m never end.
func circles(m *dns.Msg) bool {
	name := m.Question[0].Name
	for range 2 * maxChain {
		link := alias(m.Answer, name)
		if link == nil {
			return false
		}
		name = link.Target
	}
	return true
}
