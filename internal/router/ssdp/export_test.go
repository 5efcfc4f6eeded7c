package ssdp

import (
	"net"
	"net/netip"
	"time"
)

// OpenOn makes a search open its sockets on interfaces by open.
func (s Search) OpenOn(open func(Interface) (*net.UDPConn, error)) Search {
	s.openOn = open
	return s
}

// KeepOfGroup returns what is kept of replies that came to the group's sockets,
// in the order in which they are tried.
func KeepOfGroup(replies []Reply) []Reply {
	l := new(listener)
	for _, r := range replies {
		l.lanes[groupLane].keep(r)
	}
	return l.replies()
}

// ReadOfLane offers a datagram of the gateway's again and again on one lane, and
// returns how many were read of it, and of the other lane.
func ReadOfLane(group bool, gateway netip.Addr, packet []byte) (read, other int) {
	l := &listener{search: Search{Gateway: gateway}, until: time.Now()}
	mine, others := directLane, groupLane
	if group {
		mine, others = others, mine
	}
	l.lanes[mine].open, l.lanes[others].open = true, true
	for range 3000 {
		l.take(datagram{packet: packet, from: gateway, lane: mine})
	}
	return l.lanes[mine].read, l.lanes[others].read
}
