package router

// The router over IPv6, for calls that it takes from the address alone that
// they are about.
//
// The only host that is ever connected to is the default router, by the
// link-local address that the kernel's own table of routes has for it. Nothing
// that anybody says on the LAN changes that: the port and the path of the
// description are those that were found over IPv4 or else what the default
// router's own link-local address answers to a search, and what is found there
// counts only where it has the UDN of the router that was found over IPv4 at
// the default gateway. So whoever forges an answer wins at most a request of
// ours to another port of our own router.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/igd"
	"github.com/edgeguard/edgeguard/internal/router/ssdp"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

// missFor is how long it stands that the router was not found over IPv6.
const missFor = 5 * time.Minute

// six is the router over IPv6. It belongs to whoever has the turn.
type six struct {
	device     *igd.Device // nil while none is known
	own        netip.Addr  // our own address that it is spoken to from
	generation uint64      // of the router that it is
	// missed is when it was last not found there, and why.
	missed time.Time
	miss   error
}

// knowsIPv6 reports whether the router as it is known now has been found over
// IPv6, at the present default router, to be spoken to from own.
func (r *Router) knowsIPv6(own netip.Addr) bool {
	if r.six.device == nil || r.six.own != own || r.six.generation != r.status.Load().Generation {
		return false
	}
	router, err := r.cfg.Gateway6()
	return err == nil && router == r.six.device.Gateway()
}

// overIPv6 makes a call on the router over IPv6. Where the router is no longer
// there it may have restarted: the error says so as over IPv4, and the next
// call begins over IPv4 again.
func (r *Router) overIPv6(ctx context.Context, call func(context.Context, *igd.Device) error) error {
	err := call(ctx, r.six.device)
	if lostIn(ctx, err) != nil {
		r.six = six{}
	}
	return err
}

// openIPv6 finds the router d over IPv6, spoken to from own. A failure stands
// for a while.
func (r *Router) openIPv6(ctx context.Context, d *igd.Device, own netip.Addr) error {
	generation := r.status.Load().Generation
	if r.six.miss != nil && r.six.own == own && r.six.generation == generation && time.Since(r.six.missed) < missFor {
		return r.six.miss
	}
	timed, cancel := context.WithTimeoutCause(ctx, r.timing.cycle, fmt.Errorf("the router took longer than %v to describe itself over IPv6", r.timing.cycle))
	defer cancel()
	device, err := r.findIPv6(timed, d, own)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.six = six{device: device, own: own, generation: generation, missed: time.Now(), miss: err}
	if err == nil {
		r.log.Info("the router takes calls about pinholes from the address itself, so they go over IPv6", "router", device.Gateway(), "from", own)
	}
	return err
}

// findIPv6 looks for d's description at the default router's IPv6 address: at
// the place where it is over IPv4, and then where the router says.
func (r *Router) findIPv6(ctx context.Context, d *igd.Device, own netip.Addr) (*igd.Device, error) {
	router, err := r.cfg.Gateway6()
	if err != nil {
		return nil, fmt.Errorf("the IPv6 router's address is unknown: %w", err)
	}
	peer := r.peer(router)
	peer.Local = own
	if err := peer.CheckLink(); err != nil {
		return nil, err
	}
	same, err := url.Parse(r.where.location)
	if err != nil {
		return nil, err
	}
	port, _ := strconv.ParseUint(same.Port(), 10, 16) // was checked when it was found
	if same.Port() == "" {
		port = 80
	}
	reasons := []string{}
	try := func(place *url.URL) *igd.Device {
		six, err := igd.OpenFirewall(ctx, peer, place)
		if err == nil && (six.UDN() == "" || six.UDN() != d.UDN()) {
			err = fmt.Errorf("it is %q and not the router that was found over IPv4", six.UDN())
		}
		if err == nil {
			return six
		}
		reasons = append(reasons, fmt.Sprintf("%s: %s", tidy.Line(place.String(), 80), tidy.Line(err.Error(), 200)))
		return nil
	}
	if six := try(ssdp.At(same, router, uint16(port))); six != nil {
		return six, nil
	}
	local, err := linkLocalToward(router)
	if err != nil {
		return nil, err
	}
	to := cmp.Or(r.timing.search6, ssdp.Port)
	places, refused, err := ssdp.Search6{
		Router: router, Local: local, Window: r.timing.window,
		To: []netip.AddrPort{netip.AddrPortFrom(router, to), netip.AddrPortFrom(ssdp.Multicast6.WithZone(router.Zone()), to)},
	}.Run(ctx)
	if err != nil {
		return nil, err
	}
	for _, place := range places {
		if six := try(place); six != nil {
			return six, nil
		}
	}
	return nil, fmt.Errorf("the router was not found over IPv6 at %s: %s", router, strings.Join(append(reasons, refused...), "; "))
}

// linkLocalToward returns our own address from which the kernel would send to
// the router's link-local one. Nothing is sent.
func linkLocalToward(router netip.Addr) (netip.Addr, error) {
	conn, err := net.DialUDP("udp6", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(router, ssdp.Port)))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("finding our own address toward the IPv6 router: %w", err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr(), nil
}

// isOwn reports whether addr is an address of this host.
func isOwn(addr netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if own, ok := netip.AddrFromSlice(n.IP); ok && own.Unmap() == addr {
				return true
			}
		}
	}
	return false
}

// notAuthorized reports whether err is the router's refusal of whoever asks.
func notAuthorized(err error) bool {
	fault := (*fact.GatewayFault)(nil)
	return errors.As(err, &fault) && fault.Code == codeNotAuthorized
}
