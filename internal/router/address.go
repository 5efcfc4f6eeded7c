package router

// The external address by NAT-PMP and PCP.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/pcp"
)

const (
	// mapLifetime is how long a mapping made for PCPAddress lasts where it
	// cannot be deleted. Routers may make it longer; 120 s is what RFC 6887,
	// section 15, lets them take for the least.
	mapLifetime = time.Minute
	// mapGoodbye bounds the deletion, which happens even where the caller has
	// given up.
	mapGoodbye = 2 * time.Second
	// echoFor is how long after it events may still tell of it.
	echoFor = time.Second
)

// NATPMPAddress is the router's WAN address by NAT-PMP (RFC 6886, section
// 3.2): None where it says 0.0.0.0, Unknown with every error. It costs one
// datagram each way. A router that does not answer holds the call for up to
// 4 s, and after two such calls is not asked for a minute, later for up to an
// hour, and for 15 s where it has answered before; the error is then an
// ErrSilent and comes at once. A hint, another router or another Generation in
// Status end that.
func (r *Router) NATPMPAddress(ctx context.Context) (fact.Observation, error) {
	return r.askAddress(ctx, byNATPMP, func(ctx context.Context, conn *net.UDPConn) (pcp.Address, error) {
		return pcp.Ask(ctx, conn, pcp.NATPMPRequest, r.timing.tries, pcp.ParseNATPMP)
	})
}

// PCPAddress is the router's WAN address by PCP (RFC 6887). PCP has no
// question for it: this asks for a mapping of a UDP port that is open for this
// alone, reads the address from the answer, and deletes the mapping at once.
// So it is for where nothing else answers, or for now and then: it costs two
// exchanges, and the router's table has one more entry for some milliseconds,
// or for a minute or two where the deletion gets lost. Routers tell of that by
// GENA, so events that come within a second of it are no hints. Results,
// errors and patience are as for NATPMPAddress.
func (r *Router) PCPAddress(ctx context.Context) (fact.Observation, error) {
	return r.askAddress(ctx, byPCP, func(ctx context.Context, conn *net.UDPConn) (pcp.Address, error) {
		own := conn.LocalAddr().(*net.UDPAddr).AddrPort()
		// The port is this socket's own, which hears the gateway only: what the
		// world sends to the mapping reaches nobody.
		defer r.ignoreEcho()()
		client := own.Addr().Unmap()
		if r.cfg.Host.IsValid() {
			client = r.cfg.Host // where the router sees the request come from
		}
		m := pcp.Map{Nonce: pcp.NewNonce(), Client: client, Protocol: fact.UDP, Internal: own.Port()}
		grant, err := pcp.Ask(ctx, conn, m.Request(mapLifetime), r.timing.tries, m.Parse)
		answer := pcp.Address{Addr: grant.External.Addr(), Epoch: grant.Epoch}
		if refused := (*pcp.Refusal)(nil); errors.As(err, &refused) {
			return answer, err
		}
		if err != nil {
			// The request may have arrived all the same.
			_, _ = conn.Write(m.Request(0))
			return answer, err
		}
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), mapGoodbye)
		defer cancel()
		if _, err := pcp.Ask(bye, conn, m.Request(0), r.timing.tries, m.ParseDeletion); err != nil {
			r.log.Debug("the mapping that PCP needs to tell the address was not deleted; it ends by itself", "port", own.Port(), "err", err)
		}
		return answer, nil
	})
}

// askAddress asks for the address in one protocol.
func (r *Router) askAddress(ctx context.Context, w way, ask func(context.Context, *net.UDPConn) (pcp.Address, error)) (fact.Observation, error) {
	answer, err := exchange(ctx, r, w, netip.Addr{}, ask)
	if err != nil {
		return fact.UnknownAddr(w.kind, time.Now()), fmt.Errorf("asking the router for its WAN address by %s: %w", w.name, err)
	}
	r.noteEpoch(w.kind, answer.Epoch, false)
	if answer.Addr.IsUnspecified() {
		return fact.NoAddr(w.kind, time.Now()), nil
	}
	return fact.KnownAddr(answer.Addr, w.kind, time.Now()), nil
}
