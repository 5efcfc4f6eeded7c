package wan

// What is near: the router, an interface of ours, a person's word.

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// routerSource asks the router in one of the ways there are.
type routerSource struct {
	name string
	ask  func(context.Context) (fact.Observation, error)
}

// NewRouterSource returns the source called name ("igd", "natpmp" or "pcp"),
// which asks the router itself for its WAN address: by UPnP
// (WANIPConnection:2, section 2.4.18, GetExternalIPAddress), NAT-PMP (RFC 6886,
// section 3.2) or PCP (RFC 6887, section 11). ask must not be nil; an error of
// its comes with Unknown, and None means that the router says it has none.
func NewRouterSource(name string, ask func(ctx context.Context) (fact.Observation, error)) Source {
	if ask == nil {
		panic("wan.NewRouterSource: ask is nil")
	}
	return routerSource{name, ask}
}

func (s routerSource) Name() string { return s.name }
func (s routerSource) Kind() Kind   { return Router }

// Observe asks the router. 0.0.0.0 is how a router without a connection says
// that it has no address.
func (s routerSource) Observe(ctx context.Context) (fact.Observation, error) {
	o, err := s.ask(ctx)
	o.Source = s.name
	switch {
	case err != nil:
		return fact.UnknownAddr(s.name, o.At), fmt.Errorf("asking the router for its public address: %w", err)
	case o.State != fact.Known:
		return o, nil
	}
	o.Addr = o.Addr.Unmap()
	if o.Addr.IsValid() && o.Addr.IsUnspecified() {
		return fact.NoAddr(s.name, o.At), nil
	}
	if !o.Addr.Is4() {
		return fact.UnknownAddr(s.name, o.At), fmt.Errorf("asking the router for its public address: it answered %s, which is no IPv4 address", o)
	}
	return o, nil
}

// static is a person's word.
type static struct{ spec SourceSpec }

// NewStatic returns the source of a "static" spec: an address that a person
// vouches for. It panics for another spec.
func NewStatic(spec SourceSpec) Source {
	if spec.Type != "static" || !spec.Addr.IsValid() {
		panic("wan.NewStatic: not a static source")
	}
	return static{spec}
}

func (s static) Name() string { return s.spec.String() }
func (s static) Kind() Kind   { return Word }

func (s static) Observe(context.Context) (fact.Observation, error) {
	return fact.KnownAddr(s.spec.Addr, s.Name(), time.Now()), nil
}

// ownInterface is an interface of this host that faces the internet.
type ownInterface struct {
	spec  SourceSpec
	addrs func(name string) ([]netip.Addr, error)
}

// NewInterface returns the source of an "interface" spec: the IPv4 address of
// an interface of this host, which then is the router itself. addrs lists an
// interface's addresses; nil asks the kernel. It panics for another spec.
func NewInterface(spec SourceSpec, addrs func(name string) ([]netip.Addr, error)) Source {
	if spec.Type != "interface" || spec.Arg == "" {
		panic("wan.NewInterface: not an interface source")
	}
	if addrs == nil {
		addrs = addrsOf
	}
	return ownInterface{spec, addrs}
}

func (s ownInterface) Name() string { return s.spec.String() }
func (s ownInterface) Kind() Kind   { return Router }

// ours marks what it says as an address of this host's own.
func (ownInterface) ours() bool { return true }

// Observe looks at the interface. A public address comes before others; one
// that is not public is given as it is, as it shows a NAT in the way.
func (s ownInterface) Observe(context.Context) (fact.Observation, error) {
	addrs, err := s.addrs(s.spec.Arg)
	if err != nil {
		return fact.UnknownAddr(s.Name(), time.Now()), fmt.Errorf("looking at interface %s: %w", s.spec.Arg, err)
	}
	best := netip.Addr{}
	for _, addr := range addrs {
		addr = addr.Unmap()
		switch {
		case !addr.Is4():
		case classify(addr, nil) == classPublic:
			return fact.KnownAddr(addr, s.Name(), time.Now()), nil
		case !best.IsValid() && !addr.IsLoopback() && !addr.IsLinkLocalUnicast():
			best = addr
		}
	}
	if !best.IsValid() {
		return fact.NoAddr(s.Name(), time.Now()), nil
	}
	return fact.KnownAddr(best, s.Name(), time.Now()), nil
}

func addrsOf(name string) ([]netip.Addr, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	list, err := i.Addrs()
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, a := range list {
		if ipnet, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(ipnet.IP); ok {
				addrs = append(addrs, addr)
			}
		}
	}
	return addrs, nil
}
