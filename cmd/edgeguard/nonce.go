package main

// The moment's mapping for our own call to the public address: made as the
// forwards are, on a port that is free, and taken away.

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin/nonce"
	"github.com/edgeguard/edgeguard/internal/router"
)

// nonceMark describes such a mapping in the router's table. It does not begin
// as those of the forwards do, which the keeper takes for its own.
const nonceMark = "loopback test (edgeguard)"

// unmapPatience bounds the taking away of a mapping of which nobody knows whether
// it was made.
const unmapPatience = 10 * time.Second

// nonceMapper has the router forward a port to us for a moment, under the config
// in force.
type nonceMapper struct {
	d *daemon
	// own are this host's addresses; a test's, or ownAddresses.
	own func() []netip.Addr
}

// Local implements nonce.Mapper.
func (m nonceMapper) Local() (netip.Addr, error) {
	c := m.d.now.Load()
	if !c.cfg.Portmap.Enabled {
		return netip.Addr{}, fmt.Errorf("%w: the ports are forwarded by hand", nonce.ErrOff)
	}
	if nat := c.wan.Status().Load().NAT; nat == "double" || nat == "cgnat" {
		return netip.Addr{}, fmt.Errorf("the router has no public address of its own (NAT: %s), so a mapping on it does not lead from there to us", nat)
	}
	local := m.d.router.Local()
	switch {
	case !local.IsValid():
		return netip.Addr{}, errors.New("our own address toward the router is not known")
	case !local.Is4(), !slices.Contains(m.own(), local):
		return netip.Addr{}, fmt.Errorf("%s is not an address of this host itself (as in a container on a bridge), so the router cannot forward any port to us", local)
	}
	return local, nil
}

// Map implements nonce.Mapper, by the methods of the config in their order.
func (m nonceMapper) Map(ctx context.Context, internal netip.AddrPort, lease time.Duration) (nonce.Mapping, error) {
	methods := m.d.now.Load().cfg.Portmap.Methods
	var failed []error
	for _, method := range methods {
		by := m.byRequest
		if method == fact.MethodIGD {
			by = m.byIGD
		}
		made, err := by(ctx, method, internal, lease)
		if err == nil {
			made.Router, _ = m.d.gateway()
			return made, nil
		}
		failed = append(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nonce.Mapping{}, fmt.Errorf("mapping a port for a moment: %w", errors.Join(failed...))
}

// byIGD maps by UPnP: the same port on both sides, as some routers can do no
// other (error 724), and only where nobody has it.
func (m nonceMapper) byIGD(ctx context.Context, _ fact.Method, internal netip.AddrPort, lease time.Duration) (nonce.Mapping, error) {
	r := m.d.router
	port := internal.Port()
	switch entry, err := r.Get(ctx, fact.TCP, port); {
	case err == nil:
		return nonce.Mapping{}, fmt.Errorf("port %d of the router is taken by %s", port, entry.Internal)
	case !isNoMapping(err):
		return nonce.Mapping{}, err
	}
	want := fact.Mapping{Protocol: fact.TCP, ExternalPort: port, Internal: internal, Description: nonceMark, Lease: lease, Enabled: true}
	unmap := func(ctx context.Context) error { return deleteOwn(ctx, r, want) }
	err := r.Add(ctx, want)
	fault := (*fact.GatewayFault)(nil)
	switch {
	case err == nil:
		return nonce.Mapping{External: port, Unmap: unmap}, nil
	case !errors.As(err, &fault) && !errors.Is(err, fact.ErrNoRouter): // it may have been made
		giveBack(ctx, unmap)
	}
	return nonce.Mapping{}, err
}

// deleteOwn deletes an entry unless it has become somebody else's.
func deleteOwn(ctx context.Context, r *router.Router, made fact.Mapping) error {
	switch entry, err := r.Get(ctx, made.Protocol, made.ExternalPort); {
	case isNoMapping(err):
		return nil
	case err == nil && entry.Internal != made.Internal:
		return nil // somebody else's by now
	}
	return r.Delete(ctx, made.Protocol, made.ExternalPort)
}

// isNoMapping reports whether the router says that it has no entry for a port.
func isNoMapping(err error) bool { return errors.Is(err, fact.ErrNoMapping) }

// byRequest maps by PCP or NAT-PMP.
func (m nonceMapper) byRequest(ctx context.Context, method fact.Method, internal netip.AddrPort, lease time.Duration) (nonce.Mapping, error) {
	r := m.d.router
	q := fact.Request{Method: method, Protocol: fact.TCP, Internal: internal, ExternalPort: internal.Port(), Lease: lease}
	_, _ = rand.Read(q.Nonce[:]) // never fails
	unmap := func(ctx context.Context) error { return r.Unmap(ctx, q) }
	grant, err := r.Map(ctx, q)
	fault := (*fact.MapFault)(nil)
	switch {
	case err == nil:
		return nonce.Mapping{External: grant.External.Port(), Unmap: unmap}, nil
	case !errors.As(err, &fault) && !errors.Is(err, fact.ErrNotSpoken): // it may have been made
		giveBack(ctx, unmap)
	}
	return nonce.Mapping{}, err
}

// giveBack takes away what may have been made, also where ctx has ended. Where
// that fails, too, it ends by its lease.
func giveBack(ctx context.Context, unmap func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unmapPatience)
	defer cancel()
	_ = unmap(ctx)
}

// routerNews is a prober as followRouter wakes it.
type routerNews struct{ told interface{ RouterChanged() } }

// Kick tells the prober that the router was found anew.
func (n routerNews) Kick(string) { n.told.RouterChanged() }
