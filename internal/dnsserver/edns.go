package dnsserver

// The EDNS options that we answer ourselves.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// setOptions makes the replies to q carry a cookie and a keepalive where the
// client asks for them. It reports whether q holds a cookie of ours, so that
// its source is no forgery. A cookie is never required: clients in the house
// that have none, or an old one, are answered all the same.
func (s *Server) setOptions(q *wire.Question, from netip.Addr, tcp bool, now time.Time) (verified bool) {
	if client, server := q.Cookie(); client != nil {
		verified = server != nil && s.cookies.Valid(client, server, from, now)
		q.SetCookie(s.cookies.Make(client, from, now))
	}
	if tcp && q.WantsKeepalive() {
		q.SetKeepalive(s.keepalive())
	}
	return verified
}

// keepalive returns for how long a connection may be silent, in units of
// 100 ms. While connections are getting scarce clients are asked to close
// theirs (RFC 7828, section 3.3.2).
func (s *Server) keepalive() uint16 {
	if s.conns.scarce() {
		return 0
	}
	return uint16(min(s.idle/(100*time.Millisecond), 1<<16-1))
}
