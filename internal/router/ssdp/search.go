package ssdp

// The search itself: some sockets, three sendings, a bounded time to listen.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Port is SSDP's port, and Multicast its group (UPnP Device Architecture 2.0,
// section 1.1).
const Port = 1900

// Multicast is the group that searches are sent to.
var Multicast = netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 255, 255, 250}), Port)

// MaxReplies is the most replies in a Result.
const MaxReplies = 2 * maxKept

const (
	maxKept = 8 // places of a description that are kept of each lane
	// maxRead is how many of the gateway's datagrams are read on each lane, and
	// maxGood how many of them may be good. The router answers each of the
	// targets, on each way that they come, and ssdp:all many times; whoever
	// answers in its name as often does not keep it from being read.
	maxRead    = 1024
	maxGood    = 256
	maxReasons = 3 // refusals kept for the error text
)

// Search says where to search and who may answer.
type Search struct {
	// Gateway is the only host whose replies count; required.
	Gateway netip.Addr
	// Local is our own address that faces the gateway. The socket that sends to
	// To is bound to it, which also decides the interface that multicast leaves
	// by.
	Local netip.Addr
	// To are the addresses that the search is sent to from Local, groups by
	// another socket than the gateway itself; one that cannot be sent to does no
	// harm to the others.
	To []netip.AddrPort
	// On are the interfaces on which the search is sent to Multicast as well,
	// each by a socket of its own; those after the first 16 are left out. One
	// that does not work does no harm to the others.
	On []Interface
	// Networks are the networks that this host is in: other hosts in them that
	// answer as routers are in the Result. Nil means that they are not told.
	Networks []netip.Prefix
	// Targets are the search targets; nil means all that a router may have.
	Targets []string
	// Known is the LOCATION of a router that is known already: an answer with it
	// ends the search as a gateway device's does, at once where it comes to the
	// socket that asked the gateway alone, and is the first of its kind in the
	// Result. Empty means none.
	Known string
	// Tried are LOCATIONs that led to no router: they are left out, and end
	// nothing.
	Tried []string
	// Patient makes answers end the search only where they come to the socket
	// that asked the gateway alone: others may be forged to have it end before
	// the router's own.
	Patient bool
	// OthersOnly leaves out the gateway's replies and listens for the whole
	// window.
	OthersOnly bool
	// Window is how long to listen when no router answers; default 3 s.
	Window time.Duration
	// Settle is how long to listen on once a router has answered; default
	// 100 ms. Replies that only hint at one wait four times as long.
	Settle time.Duration

	openOn func(Interface) (*net.UDPConn, error) // for tests
}

// Result is what a search found.
type Result struct {
	// Replies are the replies that passed, one for each LOCATION: those to what
	// went to the gateway alone before those to what went to the group, of each
	// Search.Known first and then the most promising. Of the group's, in which
	// anybody in the LAN can answer under the router's address, those that
	// promise the same are in no order, and nobody is among them for having been
	// the first or answered the most.
	Replies []Reply
	// Refused says of a few replies why they were not believed, for people.
	// The text is quoted where it is foreign.
	Refused []string
	// Others are the other hosts in our networks that answered as routers, by
	// address.
	Others []Other
	// Whole is whether the search listened for its whole window, so that a host
	// that is not among the Others most likely is not there.
	Whole bool
	// Unsent are the ways that the search could not go, for the log; nil where
	// all is well.
	Unsent error
}

// Run searches until a router has answered, the window has passed or ctx has
// ended. Finding nothing is no error; not being able to send at all is.
func (s Search) Run(ctx context.Context) (Result, error) {
	if s.Window == 0 {
		s.Window = 3 * time.Second
	}
	if s.Settle == 0 {
		s.Settle = 100 * time.Millisecond
	}
	if s.Targets == nil {
		s.Targets = targets
	}
	sockets, failed := s.open()
	in, done := make(chan datagram), make(chan struct{})
	var readers sync.WaitGroup
	for _, socket := range sockets {
		readers.Go(func() { socket.read(s.Gateway, in, done) })
	}
	defer func() {
		close(done)
		for _, socket := range sockets {
			socket.conn.Close()
		}
		readers.Wait()
	}()
	end := time.Now().Add(s.Window)
	l := listener{search: s, sockets: sockets, in: in, until: end, others: make(map[netip.Addr]Other)}
	for _, socket := range sockets {
		l.lanes[socket.lane].open = true
	}
	if err := l.run(ctx, errors.Join(failed...)); err != nil {
		return Result{}, fmt.Errorf("searching for the router: %w", err)
	}
	l.found.Whole = l.until.Equal(end) && !l.spent()
	l.found.Replies = l.replies()
	for _, o := range l.others {
		l.found.Others = append(l.found.Others, o)
	}
	slices.SortFunc(l.found.Others, func(a, b Other) int { return a.Address.Compare(b.Address) })
	return l.found, nil
}

// request is an M-SEARCH (section 1.3.2). MX is the most seconds that a device
// may wait before it answers.
func request(target string, to netip.AddrPort) []byte {
	return []byte("M-SEARCH * HTTP/1.1\r\nHOST: " + to.String() +
		"\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: " + target + "\r\n\r\n")
}
