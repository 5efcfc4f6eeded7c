package zone

// Answers from the zone.

import (
	"net/netip"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// View is who asks, and what near that client means.
type View struct {
	// Client is who asks, out of its 4-in-6 form and without zone; an invalid
	// one is near to nothing.
	Client netip.Addr
	// Own are the host's own networks; may be nil.
	Own []netip.Prefix
}

// near returns a bit for each of addrs that is on the client's own subnet; where
// there are none, for all. A client on one subnet may have no way to another.
func (v *View) near(addrs []netip.Addr) (which uint64) {
	for i, a := range addrs {
		for _, p := range v.Own {
			if p.Contains(v.Client) && p.Contains(a) {
				which |= 1 << i
				break
			}
		}
	}
	if which == 0 {
		return 1<<len(addrs) - 1
	}
	return which
}

// Answer appends the zone's answer to q, for whose name it has n; n may be
// nil. It reports false where the question is not the zone's to answer: what
// upstream says then still has to pass Bend, or Splice for an alias. It
// allocates nothing but where dst is too small.
func (z *Zone) Answer(dst []byte, q *wire.Question, n *Node, v *View, limit int) ([]byte, bool) {
	switch {
	case n == nil || n.role == above:
		return dst, false
	case n.role == pointer:
		if out, ok := z.appendAt(dst, q, nil, n, v, limit); ok {
			return out, true
		}
		return wire.AppendNoData(dst, q, z.ttl), true
	case n.role == service:
		return z.appendAt(dst, q, nil, n, v, limit)
	case q.Type == wire.TypeCNAME || q.Type == wire.TypeANY:
		return wire.AppendRRset(dst, q, nil, n.alias.first, limit), true
	case n.alias.end == nil:
		return dst, false
	}
	return z.appendAt(dst, q, n.alias.chain, n.alias.end, v, limit)
}

// appendAt answers from n, behind the CNAME records of chain, which may be nil.
// CNAME and DNAME are ours too, as they would lead a client away; other types
// that n does not have, such as the TXT records of certificate authorities, are
// the world's.
func (z *Zone) appendAt(dst []byte, q *wire.Question, chain *wire.Chain, n *Node, v *View, limit int) ([]byte, bool) {
	addrs, set := n.v4, n.set4
	switch {
	case q.Type == wire.TypeA:
	case q.Type == wire.TypeAAAA:
		addrs, set = n.v6, n.set6
	case n.sets[q.Type] != nil:
		return wire.AppendRRset(dst, q, chain, n.sets[q.Type], limit), true
	case q.Type == wire.TypeANY: // one RRset is enough (RFC 8482, section 4.1)
		if set == nil {
			addrs, set = n.v6, n.set6
		}
		if set == nil {
			set = n.sets[n.any]
		}
	case ours(q.Type):
		set = nil
	default:
		return dst, false
	}
	switch {
	case set == nil:
		return wire.AppendChainNoData(dst, q, chain, z.ttl, limit), true
	case len(addrs) > 1 && v.Client.IsValid():
		return wire.AppendPart(dst, q, chain, set, v.near(addrs), limit), true
	}
	return wire.AppendRRset(dst, q, chain, set, limit), true
}

// ours reports whether a type is never asked of upstream for a name of the
// zone.
func ours(qtype uint16) bool {
	switch qtype {
	case wire.TypeA, wire.TypeAAAA, wire.TypeANY, wire.TypeHTTPS, wire.TypeSVCB, wire.TypeCNAME, wire.TypeDNAME:
		return true
	}
	return false
}
