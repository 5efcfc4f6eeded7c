package wan

// The router as a source.

import (
	"context"
	"fmt"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// ExternalAddresser is the router, as far as this package needs one.
type ExternalAddresser interface {
	// ExternalAddress is the router's own WAN address. None means that the
	// router says it has none; an error comes with Unknown.
	ExternalAddress(ctx context.Context) (fact.Observation, error)
}

type igd struct{ gateway ExternalAddresser }

// NewIGD returns the source "igd", which asks the router itself (UPnP
// WANIPConnection:2, section 2.4.18, GetExternalIPAddress). gateway must not
// be nil.
func NewIGD(gateway ExternalAddresser) Source {
	if gateway == nil {
		panic("wan.NewIGD: gateway is nil")
	}
	return igd{gateway}
}

func (igd) Name() string { return "igd" }
func (igd) Kind() Kind   { return Router }

// Observe asks the router. 0.0.0.0 is how a router without a connection says
// that it has no address.
func (s igd) Observe(ctx context.Context) (fact.Observation, error) {
	o, err := s.gateway.ExternalAddress(ctx)
	o.Source = s.Name()
	switch {
	case err != nil:
		return fact.UnknownAddr(s.Name(), o.At), fmt.Errorf("asking the router for its public address: %w", err)
	case o.State != fact.Known:
		return o, nil
	}
	o.Addr = o.Addr.Unmap()
	if o.Addr.IsValid() && o.Addr.IsUnspecified() {
		return fact.NoAddr(s.Name(), o.At), nil
	}
	if !o.Addr.Is4() {
		return fact.UnknownAddr(s.Name(), o.At), fmt.Errorf("asking the router for its public address: it answered %s, which is no IPv4 address", o)
	}
	return o, nil
}
