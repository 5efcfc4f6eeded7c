package dhcp

// Asking: once for the settings, and where the router is silent once for offers.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// ErrPermission means that this process may not open a packet socket.
var ErrPermission = errors.New("the DHCP servers cannot be asked without the permission NET_RAW")

// Place is where to ask, and whose answer is expected.
type Place struct {
	// Interface is the network interface that faces the LAN, Local this host's
	// IPv4 address on it; required.
	Interface string
	Local     netip.Addr
	// Router is who is expected to answer; the zero Addr means anybody.
	Router netip.Addr
}

const (
	// informWait is how long answers are waited for, and again how soon a
	// question is sent a second time, as both may get lost.
	informWait, informAgain = 3 * time.Second, time.Second
	// offerWait and offerAgain are the same for offers, before which many a
	// server looks whether anybody has the address.
	offerWait, offerAgain = 6 * time.Second, 4 * time.Second
)

// socket sends and receives datagrams on one interface.
type socket interface {
	// Send sends a datagram to all hosts.
	Send(datagram []byte) error
	// Receive reads a datagram into buffer, and returns os.ErrDeadlineExceeded
	// after deadline. The end of the context of open counts as one.
	Receive(buffer []byte, deadline time.Time) (int, error)
	Close() error
}

// Ask returns the servers that answer, by their address; nil without an error
// means that none does. It takes some seconds. ErrPermission says that nobody
// could be asked.
func Ask(ctx context.Context, at Place) ([]Server, error) {
	link, err := net.InterfaceByName(at.Interface)
	if err != nil {
		return nil, fmt.Errorf("finding interface %s: %w", at.Interface, err)
	}
	if len(link.HardwareAddr) != 6 || !at.Local.Is4() {
		return nil, fmt.Errorf("interface %s is no Ethernet with an IPv4 address, so there is no DHCP to ask", at.Interface)
	}
	s, err := open(ctx, link)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return ask(ctx, s, at, link.HardwareAddr)
}

func ask(ctx context.Context, s socket, at Place, hardware net.HardwareAddr) ([]Server, error) {
	found, err := round(ctx, s, dhcpv4.MessageTypeInform, at.Local, hardware, informWait, informAgain)
	if err != nil {
		return nil, err
	}
	isRouter := func(s Server) bool { return !at.Router.IsValid() || s.Address == at.Router }
	if !slices.ContainsFunc(found, isRouter) {
		offers, err := round(ctx, s, dhcpv4.MessageTypeDiscover, at.Local, hardware, offerWait, offerAgain)
		if err != nil {
			return nil, err
		}
		for _, o := range offers {
			found = add(found, o)
		}
	}
	slices.SortFunc(found, func(a, b Server) int { return a.Address.Compare(b.Address) })
	return found, nil
}

// add appends s unless its server is there already, or there are too many.
func add(list []Server, s Server) []Server {
	if len(list) >= maxServers || slices.ContainsFunc(list, func(o Server) bool { return o.Address == s.Address }) {
		return list
	}
	return append(list, s)
}

// round sends one question, and once more where nobody has answered by again,
// and returns who answered within wait.
func round(ctx context.Context, s socket, kind dhcpv4.MessageType, local netip.Addr, hardware net.HardwareAddr, wait, again time.Duration) ([]Server, error) {
	asked, err := question(kind, hardware, local)
	if err != nil {
		return nil, fmt.Errorf("making the DHCP question: %w", err)
	}
	source := local
	if kind == dhcpv4.MessageTypeDiscover {
		source = netip.Addr{} // as a host without an address does (RFC 2131, section 4.1)
	}
	datagram := wrap(asked.ToBytes(), source)
	var found []Server
	buffer, begin := make([]byte, maxDatagram), time.Now()
	for _, until := range []time.Duration{again, wait} {
		if len(found) == 0 {
			if err := s.Send(datagram); err != nil {
				return nil, fmt.Errorf("asking the DHCP servers: %w", err)
			}
		}
		if found, err = collect(ctx, s, buffer, begin.Add(until), asked, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// maxHeard bounds the datagrams that are looked at before one deadline.
const maxHeard = 1024

// errFlood means that whoever answers may not have been heard.
var errFlood = errors.New("the LAN is flooded with DHCP messages that answer nothing, so the DHCP servers cannot be heard")

// collect adds to found who answers before the deadline.
func collect(ctx context.Context, s socket, buffer []byte, deadline time.Time, asked *dhcpv4.DHCPv4, found []Server) ([]Server, error) {
	for range maxHeard {
		n, err := s.Receive(buffer, deadline)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			return found, nil
		case err != nil:
			return nil, fmt.Errorf("hearing the DHCP servers: %w", err)
		}
		if message, from, ok := unwrap(buffer[:n]); ok {
			if server, ok := parse(message, asked, from); ok {
				found = add(found, server)
			}
		}
	}
	if len(found) == 0 {
		return nil, errFlood // which is not that nobody answers
	}
	return found, nil
}
