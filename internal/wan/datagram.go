package wan

// STUN servers and DNS services as sources.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/wan/dnsecho"
	"github.com/edgeguard/edgeguard/internal/wan/stun"
)

// asker is a third party with one question to it.
type asker struct {
	spec SourceSpec
	ask  func(ctx context.Context) (netip.Addr, error)
}

// NewOutside returns the source of a spec whose Outside is true: an HTTP echo
// service (see NewEcho), a STUN server or a DNS service. dial must not be nil.
// It is asked to dial networks of the spec's family only. The only errors are
// those of a spec that was not made by ParseSource or ParseSourceIPv6.
func NewOutside(spec SourceSpec, dial DialFunc) (Source, error) {
	if dial == nil {
		panic("wan.NewOutside: dial is nil")
	}
	switch spec.Type {
	case "https", "http":
		return NewEcho(spec, dial)
	case "stun":
		return asker{spec, func(ctx context.Context) (netip.Addr, error) {
			conn, err := dial(ctx, spec.Family.network("udp"), spec.Arg)
			if err != nil {
				return netip.Addr{}, err
			}
			defer conn.Close()
			return stun.Ask(ctx, conn)
		}}, nil
	case "dns":
		if service, ok := dnsecho.Find(spec.Arg); ok {
			return asker{spec, func(ctx context.Context) (netip.Addr, error) {
				return service.Ask(ctx, dnsecho.DialFunc(dial), spec.Family == IPv6)
			}}, nil
		}
	}
	return nil, fmt.Errorf("making source: %s is no outside service", quote(spec.String()))
}

func (a asker) Name() string { return a.spec.String() }
func (a asker) Kind() Kind   { return Outside }

// Observe asks once.
func (a asker) Observe(ctx context.Context) (fact.Observation, error) {
	addr, err := a.ask(ctx)
	if err == nil && !a.spec.Family.is(addr) {
		err = errors.New("it answered with an address of the other family than it was asked over")
	}
	if err != nil {
		return fact.UnknownAddr(a.Name(), time.Now()), fmt.Errorf("asking %s: %w", a.Name(), err)
	}
	return fact.KnownAddr(addr, a.Name(), time.Now()), nil
}
