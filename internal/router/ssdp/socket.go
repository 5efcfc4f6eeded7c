package ssdp

// The sockets of a search: one for what goes to the gateway alone, and others
// for what goes to the group, one for each interface. A device that only hears
// the group does not learn the first one's port, and so cannot answer there.

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// maxReadErrors is how many errors of a socket's in a row are borne: one may
// be of an interface that just went down.
const maxReadErrors = 5

// socket is one of them.
type socket struct {
	name string // for people
	conn *net.UDPConn
	to   []netip.AddrPort
	lane int // directLane or groupLane
}

// datagram is what came in on one.
type datagram struct {
	packet []byte
	from   netip.Addr
	lane   int
}

// open opens the search's sockets, and says which it could not open. The one
// toward the gateway is the first, so that it has sent before anybody hears.
func (s Search) open() (sockets []socket, failed []error) {
	add := func(name string, lane int, to []netip.AddrPort, open func() (*net.UDPConn, error)) {
		if len(to) == 0 {
			return
		}
		conn, err := open()
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
			return
		}
		sockets = append(sockets, socket{name: name, conn: conn, to: to, lane: lane})
	}
	var direct, group []netip.AddrPort
	for _, to := range s.To {
		if to.Addr().IsMulticast() {
			group = append(group, to)
		} else {
			direct = append(direct, to)
		}
	}
	openLocal := func() (*net.UDPConn, error) {
		return net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.Local, 0)))
	}
	add(s.Local.String(), directLane, direct, openLocal)
	add(s.Local.String(), groupLane, group, openLocal)
	openOn := s.openOn
	if openOn == nil {
		openOn = openInterface
	}
	for _, i := range s.On[:min(len(s.On), maxInterfaces)] {
		add(i.Name, groupLane, []netip.AddrPort{Multicast}, func() (*net.UDPConn, error) { return openOn(i) })
	}
	return sockets, failed
}

// send sends every search to every address once, and reports whether any could
// be sent. An address that the first search cannot be sent to gets no more.
func (s socket) send(targets []string) (sent bool, err error) {
	var errs []error
	for _, to := range s.to {
		for _, target := range targets {
			if _, err := s.conn.WriteToUDPAddrPort(request(target, to), to); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
				break
			}
			sent = true
		}
	}
	return sent, errors.Join(errs...)
}

// read hands on what comes in until the socket is closed or done is: of the
// gateway's and of other hosts' datagrams so many each and no more, so that a
// flood costs little.
func (s socket) read(gateway netip.Addr, into chan<- datagram, done <-chan struct{}) {
	buffer := make([]byte, MaxReply+1)
	gateways, strangers, broken := 0, 0, 0
	for broken < maxReadErrors {
		n, from, err := s.conn.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			broken++
			continue
		}
		broken = 0
		d := datagram{from: from.Addr().Unmap(), lane: s.lane}
		count, most := &gateways, maxRead
		if d.from != gateway {
			count, most = &strangers, maxStrangers
		}
		if *count++; *count > most {
			continue
		}
		d.packet = bytes.Clone(buffer[:n])
		select {
		case into <- d:
		case <-done:
			return
		}
	}
}
