package ssdp

// The search by IPv6, of the one router that the kernel knows already.
//
// Of a LOCATION nothing but the port and the path is taken. What is connected
// to is always the default router's own link-local address, whatever host the
// LOCATION names: routers name one of their global addresses there, often
// another than the one that the reply comes from, and nothing tells a stranger
// whose that is. So the most that a forged reply can do is to name another port
// of our own router.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Multicast6 is the link-local group that searches by IPv6 are sent to, on Port
// (UPnP Device Architecture 2.0, appendix A.3). The zone is the sender's to add.
var Multicast6 = netip.MustParseAddr("ff02::c")

// targets6 are what is searched for by IPv6.
var targets6 = []string{
	"urn:schemas-upnp-org:service:WANIPv6FirewallControl:1",
	"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
	"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
}

// Search6 says whom to search by IPv6.
type Search6 struct {
	// Router is the default router's link-local address with its zone, the only
	// host whose replies count.
	Router netip.Addr
	// Local is our own link-local address on that interface, so that the router
	// answers from its own.
	Local netip.Addr
	// To are the addresses that the search is sent to.
	To []netip.AddrPort
	// Window is how long to listen when the router does not answer, to it and to
	// the group each; default 2 s.
	Window time.Duration
}

// Run returns where the router may describe itself, each place once, as soon
// as it has named one, and why replies were refused, for people. Silence is no
// error. The router itself is asked first, from a socket whose port nobody else
// learns; the group, in which anybody can answer in its name, only where that
// brought nothing.
func (s Search6) Run(ctx context.Context) (places []*url.URL, refused []string, err error) {
	if s.Window == 0 {
		s.Window = 2 * time.Second
	}
	var ways [2][]netip.AddrPort
	for _, to := range s.To {
		lane := directLane
		if to.Addr().IsMulticast() {
			lane = groupLane
		}
		ways[lane] = append(ways[lane], to)
	}
	errs := []error{errors.New("the router was asked nowhere")}
	silent := false
	for _, to := range ways {
		if to == nil {
			continue
		}
		found, reasons, err := s.askOn(ctx, to)
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("searching for the router by IPv6: %w", context.Cause(ctx))
		}
		if found != nil {
			return found, append(refused, reasons...), nil
		}
		refused, errs, silent = append(refused, reasons...), append(errs, err), silent || err == nil
	}
	if !silent {
		return nil, nil, fmt.Errorf("searching for the router by IPv6: %w", errors.Join(errs...))
	}
	return nil, refused, nil
}

// askOn asks on a socket of its own.
func (s Search6) askOn(ctx context.Context, to []netip.AddrPort) (places []*url.URL, refused []string, err error) {
	conn, err := net.ListenUDP("udp6", net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.Local, 0)))
	if err != nil {
		return nil, nil, fmt.Errorf("opening a socket: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	s.To = to
	return s.ask(conn)
}

// ask sends twice, half a window apart, and reads until a reply has come and
// those beside it had a tenth of the window to follow. What is refused uses up
// nothing but the bound of all that is read.
func (s Search6) ask(conn *net.UDPConn) (places []*url.URL, refused []string, err error) {
	buffer := make([]byte, MaxReply+1)
	read := 0
	for range 2 {
		if err := s.send(conn); err != nil {
			return nil, nil, err
		}
		until := time.Now().Add(s.Window / 2)
		for read < maxRead && len(places) < maxKept {
			if err := conn.SetReadDeadline(until); err != nil {
				return nil, nil, err
			}
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
				break
			}
			if err != nil {
				return nil, nil, err
			}
			if from.Addr() != s.Router {
				continue
			}
			read++
			place, err := ParseReply6(buffer[:n], s.Router)
			switch {
			case err != nil && len(refused) < maxReasons:
				refused = append(refused, fmt.Sprintf("a reply from the IPv6 router: %v", err))
			case err == nil && !slices.ContainsFunc(places, func(u *url.URL) bool { return *u == *place }):
				places = append(places, place)
				if soon := time.Now().Add(s.Window / 10); soon.Before(until) {
					until = soon
				}
			}
		}
		if places != nil {
			break
		}
	}
	return places, refused, nil
}

// send fails only where nothing could be sent.
func (s Search6) send(conn *net.UDPConn) error {
	var errs []error
	sent := false
	for _, to := range s.To {
		name := netip.AddrPortFrom(to.Addr().WithZone(""), to.Port())
		for _, target := range targets6 {
			if _, err := conn.WriteToUDPAddrPort(request(target, name), to); err != nil {
				errs = append(errs, err)
				break
			}
			sent = true
		}
	}
	if sent {
		return nil
	}
	return errors.Join(append(errs, errors.New("the search could be sent nowhere"))...)
}

// ParseReply6 reads a datagram that came from the router, and returns where it
// describes itself, on the router's own address. It refuses whatever is not a
// reply to a search, and a LOCATION that is not plain http on a literal IPv6
// address.
func ParseReply6(packet []byte, router netip.Addr) (*url.URL, error) {
	if len(packet) > MaxReply {
		return nil, fmt.Errorf("it has more than %d octets", MaxReply)
	}
	headers, err := replyHeaders(packet)
	if err != nil {
		return nil, err
	}
	location, err := url.Parse(headers["LOCATION"])
	if err != nil || headers["LOCATION"] == "" {
		return nil, fmt.Errorf("its LOCATION %q is no URL", headers["LOCATION"])
	}
	host, err := netip.ParseAddr(location.Hostname())
	if err != nil {
		return nil, fmt.Errorf("its LOCATION %q does not name its host by an IPv6 address", headers["LOCATION"])
	}
	if err := CheckURL(location, host); err != nil || !host.Is6() {
		return nil, fmt.Errorf("its LOCATION %q is not plain http on an IPv6 address", headers["LOCATION"])
	}
	port := uint64(80)
	if location.Port() != "" {
		port, _ = strconv.ParseUint(location.Port(), 10, 16) // CheckURL has read it
	}
	return At(location, router, uint16(port)), nil
}

// At is u on another host and port, without a query or a fragment.
func At(u *url.URL, host netip.Addr, port uint16) *url.URL {
	authority := netip.AddrPortFrom(host, port).String()
	// The % before a zone is written %25 in a URL (RFC 6874, section 2), which
	// String does: Host itself has it bare.
	return &url.URL{Scheme: "http", Host: authority, Path: u.Path, RawPath: u.RawPath}
}
