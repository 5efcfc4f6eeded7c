package main

// The moment's mapping for our own call to the public address: made as the
// forwards are, on a port that is free, and taken away.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/hairpin/nonce"
)

// nonceMark describes such a mapping in the router's table.
const nonceMark = "loopback test (edgeguard)"

// nonceMapper has the router forward a port to us for a moment, under the config
// in force.
type nonceMapper struct {
	d *daemon
	// own are this host's addresses; a test's, or ownAddresses.
	own func() []netip.Addr
}

func (m nonceMapper) mapper() portMapper { return portMapper{m.d.router, m.d.now.Load, m.own} }

// Local implements nonce.Mapper.
func (m nonceMapper) Local() (netip.Addr, error) {
	local, err := m.mapper().local()
	if errors.Is(err, errByHand) {
		err = fmt.Errorf("%w: %w", nonce.ErrOff, err)
	}
	return local, err
}

// Map implements nonce.Mapper: the same port on both sides, as some routers can do
// no other (error 724).
func (m nonceMapper) Map(ctx context.Context, internal netip.AddrPort, lease time.Duration) (nonce.Mapping, error) {
	mapper := m.mapper()
	made, err := mapper.open(ctx, leased{external: internal.Port(), internal: internal, mark: nonceMark, lease: lease})
	if err != nil {
		return nonce.Mapping{}, fmt.Errorf("mapping a port for a moment: %w", err)
	}
	own := nonce.Mapping{External: made.external, Unmap: func(ctx context.Context) error { return mapper.unmap(ctx, made) }}
	own.Router, _ = m.d.gateway()
	return own, nil
}

// routerNews is a prober as followRouter wakes it.
type routerNews struct{ told interface{ RouterChanged() } }

// Kick tells the prober that the router was found anew.
func (n routerNews) Kick(string) { n.told.RouterChanged() }
