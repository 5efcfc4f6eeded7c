package upstream

import (
	"encoding/binary"
	"errors"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// Scrub is scrub, for the tests.
var Scrub = scrub

// Bounds that tests count against.
const (
	Spread     = spread
	SocketUses = socketUses
	SocketLife = socketLife
)

// LongWay makes the answer to q of a datagram that came to query, as the long
// way does.
func LongWay(q *wire.Question, query, packet []byte) (*wire.Response, error) {
	asked, err := newQuery(q)
	if err != nil {
		return nil, err
	}
	var sent, reply dns.Msg
	if err := sent.Unpack(query); err != nil {
		return nil, err
	}
	if err := reply.Unpack(packet); err != nil {
		return nil, err
	}
	if binary.BigEndian.Uint16(packet) != sent.Id || !answers(&reply, &sent) || !sameCase(&reply, &sent) || reply.Truncated {
		return nil, errors.New("it is no answer")
	}
	unmixCase(&reply, sent.Question[0].Name, asked.Question[0].Name)
	scrub(&reply, asked)
	return finish(&reply, q)
}

// PackQuery packs the query that the long way asks for q, with an ID of 0 and
// in lower case.
func PackQuery(q *wire.Question) ([]byte, error) {
	query, err := newQuery(q)
	if err != nil {
		return nil, err
	}
	return pack(query, false)
}
