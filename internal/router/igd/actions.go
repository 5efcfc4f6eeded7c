package igd

// The four actions that edgeguard needs.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

// Add asks for the mapping m, or renews it (AddPortMapping). The remote host
// is always the wildcard "", as routers differ in what else they take.
func (d *Device) Add(ctx context.Context, m fact.Mapping) error {
	if !m.Internal.Addr().Is4() || m.Internal.Port() == 0 || m.ExternalPort == 0 {
		return fmt.Errorf("adding a mapping: port %d to %s is no IPv4 forward", m.ExternalPort, m.Internal)
	}
	return d.do(ctx, "AddPortMapping", func(ctx context.Context, c connection) error {
		return c.AddPortMappingCtx(ctx, "", m.ExternalPort, protocol(m.Protocol), m.Internal.Port(),
			m.Internal.Addr().String(), true, m.Description, uint32(m.Lease/time.Second))
	})
}

// Get reads back the entry for a port (GetSpecificPortMappingEntry), or
// returns fact.ErrNoMapping. Some routers say 713 for that, and Linksys 501,
// its code for any failure: then the error is also a *fact.GatewayFault.
func (d *Device) Get(ctx context.Context, p fact.Protocol, externalPort uint16) (fact.Mapping, error) {
	var port uint16
	var client, description string
	var enabled bool
	var lease uint32
	err := d.do(ctx, "GetSpecificPortMappingEntry", func(ctx context.Context, c connection) (err error) {
		port, client, enabled, description, lease, err = c.GetSpecificPortMappingEntryCtx(ctx, "", externalPort, protocol(p))
		if bad := (*strconv.NumError)(nil); errors.As(err, &bad) && client != "" {
			err = nil // only the lease, the last field, could not be read: some leave it out
		}
		return err
	})
	var fault *fact.GatewayFault
	if errors.As(err, &fault) {
		switch fault.Code {
		case codeNoSuchEntry, codeArrayIndexInvalid:
			return fact.Mapping{}, fact.ErrNoMapping
		case codeActionFailed:
			return fact.Mapping{}, fmt.Errorf("%w: %w", fact.ErrNoMapping, err)
		}
	}
	if err != nil {
		return fact.Mapping{}, err
	}
	addr, err := netip.ParseAddr(strings.TrimSpace(client))
	if err != nil {
		return fact.Mapping{}, fmt.Errorf("reading the router's entry for port %d: its internal client %q is no address", externalPort, tidy.Line(client, maxWords))
	}
	return fact.Mapping{
		Protocol:     p,
		ExternalPort: externalPort,
		Internal:     netip.AddrPortFrom(addr.Unmap(), port),
		Description:  tidy.Line(description, maxWords),
		Lease:        time.Duration(lease) * time.Second,
		Enabled:      enabled,
	}, nil
}

// Delete removes the entry for a port (DeletePortMapping); one that is not
// there is no error.
func (d *Device) Delete(ctx context.Context, p fact.Protocol, externalPort uint16) error {
	err := d.do(ctx, "DeletePortMapping", func(ctx context.Context, c connection) error {
		return c.DeletePortMappingCtx(ctx, "", externalPort, protocol(p))
	})
	if fault := (*fact.GatewayFault)(nil); errors.As(err, &fault) && fault.Code == codeNoSuchEntry {
		return nil
	}
	return err
}

// ExternalAddress is the router's WAN address in its own words
// (GetExternalIPAddress). None means that the router says it has none: it
// answers with nothing or 0.0.0.0. Whatever is not an IPv4 address is an error
// and Unknown. Private and shared addresses are Known; the caller judges them.
func (d *Device) ExternalAddress(ctx context.Context) (fact.Observation, error) {
	var text string
	err := d.do(ctx, "GetExternalIPAddress", func(ctx context.Context, c connection) (err error) {
		text, err = c.GetExternalIPAddressCtx(ctx)
		return err
	})
	if err != nil {
		return fact.UnknownAddr("igd", time.Now()), err
	}
	return external(text, time.Now())
}

func external(text string, now time.Time) (fact.Observation, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return fact.NoAddr("igd", now), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Is4() {
		return fact.UnknownAddr("igd", now), fmt.Errorf("reading the router's WAN address: %q is no IPv4 address", tidy.Line(text, maxWords))
	}
	if addr.IsUnspecified() {
		return fact.NoAddr("igd", now), nil
	}
	return fact.KnownAddr(addr, "igd", now), nil
}

// protocol is p in upper case, as some routers refuse lower case.
func protocol(p fact.Protocol) string { return strings.ToUpper(string(p)) }
