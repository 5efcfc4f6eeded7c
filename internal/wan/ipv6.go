package wan

// Our own IPv6 address as a source.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// maxCandidates bounds how many addresses of an interface are looked at.
const maxCandidates = 64

// own6 is the global IPv6 address of an interface of this host.
type own6 struct {
	name  string
	addrs func() ([]netip.Addr, error)
}

// NewIPv6Interface returns the source of the host's own IPv6 address. name is
// shown to people ("interface:eth0"). addrs lists the addresses that may be
// published, the best first, without temporary, deprecated, tentative and
// duplicate ones; an empty list means that there are none, and an error that
// it is not known. It must not be nil.
func NewIPv6Interface(name string, addrs func() ([]netip.Addr, error)) Source {
	if addrs == nil {
		panic("wan.NewIPv6Interface: addrs is nil")
	}
	return own6{name, addrs}
}

func (s own6) Name() string { return s.name }
func (s own6) Kind() Kind   { return Router }
func (own6) ours() bool     { return true }

// Observe returns the best address, or None where the interface has no global
// one.
func (s own6) Observe(ctx context.Context) (fact.Observation, error) {
	all, err := s.observeAll(ctx)
	if err != nil {
		return fact.UnknownAddr(s.name, time.Now()), err
	}
	if len(all) == 0 {
		return fact.NoAddr(s.name, time.Now()), nil
	}
	return fact.KnownAddr(all[0], s.name, time.Now()), nil
}

// observeAll returns every address that could be published, the best first.
func (s own6) observeAll(context.Context) ([]netip.Addr, error) {
	addrs, err := s.addrs()
	if err != nil {
		return nil, fmt.Errorf("looking for our own IPv6 address: %w", err)
	}
	if len(addrs) > maxCandidates {
		return nil, errors.New("looking for our own IPv6 address: the interface has too many")
	}
	var usable []netip.Addr
	for _, addr := range addrs {
		if classify6(addr) == classPublic {
			usable = append(usable, addr)
		}
	}
	return usable, nil
}
