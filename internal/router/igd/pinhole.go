package igd

// Pinholes in the router's IPv6 firewall (UPnP WANIPv6FirewallControl:1,
// section 2.5).

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/tidy"
	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway2"
)

const (
	// codeNoPinhole is NoSuchEntry (section 2.5.4).
	codeNoPinhole = 704
	// codeNoTraffic is NoTrafficReceived: the pinhole is there, and nothing has
	// come through it yet (section 2.5.7).
	codeNoTraffic = 709
	// maxPinholeLease is the longest lease that the service takes (section
	// 2.3.6).
	maxPinholeLease = 24 * time.Hour
)

// firewallControl is the service.
type firewallControl = internetgateway2.WANIPv6FirewallControl1

// protocolNumbers are the numbers of the transport protocols (IANA).
var protocolNumbers = map[fact.Protocol]uint16{fact.TCP: 6, fact.UDP: 17}

// OpenFirewall fetches and checks the description at location as Open does, and
// returns a Device that is good for pinholes alone. The peer may be reached by
// IPv6. No such service is fact.ErrNoFirewall.
func OpenFirewall(ctx context.Context, p Peer, location *url.URL) (*Device, error) {
	root, err := fetch(ctx, p, location)
	if err != nil {
		return nil, err
	}
	d := &Device{peer: p, udn: tidy.Line(root.Device.UDN, maxWords), firewall: firewallOf(root, location, newHTTP(p, maxSOAP))}
	if d.firewall == nil {
		return nil, fact.ErrNoFirewall
	}
	return d, nil
}

// firewallOf is root's firewall service, with its requests going through
// client; nil where there is none.
func firewallOf(root *goupnp.RootDevice, location *url.URL, client http.Client) *firewallControl {
	// The error says only that root has no such service.
	list, _ := internetgateway2.NewWANIPv6FirewallControl1ClientsFromRootDevice(root, location)
	if len(list) == 0 {
		return nil
	}
	list[0].SOAPClient.HTTPClient = client
	return list[0]
}

// FirewallStatus is whether the router filters what comes in by IPv6, and
// whether it lets hosts open pinholes (GetFirewallStatus).
func (d *Device) FirewallStatus(ctx context.Context) (enabled, inbound bool, err error) {
	err = d.atFirewall(ctx, "GetFirewallStatus", func(ctx context.Context) (err error) {
		enabled, inbound, err = d.firewall.GetFirewallStatusCtx(ctx)
		return err
	})
	return enabled, inbound, err
}

// AddPinhole opens a pinhole for every remote host and port, and returns the
// router's id for it (AddPinhole). One that is there already has its lease
// extended, and its id comes back.
func (d *Device) AddPinhole(ctx context.Context, p fact.Pinhole) (id uint16, err error) {
	number := protocolNumbers[p.Protocol]
	if !p.Internal.Addr().Is6() || p.Internal.Addr().Is4In6() || p.Internal.Addr().Zone() != "" || p.Internal.Port() == 0 || number == 0 {
		return 0, fmt.Errorf("opening a pinhole: %s %s is no port of an IPv6 address", p.Protocol, p.Internal)
	}
	seconds, err := pinholeLease(p.Lease)
	if err != nil {
		return 0, err
	}
	err = d.atFirewall(ctx, "AddPinhole", func(ctx context.Context) (err error) {
		id, err = d.firewall.AddPinholeCtx(ctx, "", 0, p.Internal.Addr().String(), p.Internal.Port(), number, seconds)
		return err
	})
	return id, err
}

// UpdatePinhole gives a pinhole a new lease from now on (UpdatePinhole).
func (d *Device) UpdatePinhole(ctx context.Context, id uint16, lease time.Duration) error {
	seconds, err := pinholeLease(lease)
	if err != nil {
		return err
	}
	return d.atFirewall(ctx, "UpdatePinhole", func(ctx context.Context) error {
		return d.firewall.UpdatePinholeCtx(ctx, id, seconds)
	})
}

// DeletePinhole closes a pinhole; one that is not there is no error
// (DeletePinhole).
func (d *Device) DeletePinhole(ctx context.Context, id uint16) error {
	err := d.atFirewall(ctx, "DeletePinhole", func(ctx context.Context) error {
		return d.firewall.DeletePinholeCtx(ctx, id)
	})
	if fault := (*fact.GatewayFault)(nil); errors.As(err, &fault) && fault.Code == codeNoPinhole {
		return nil
	}
	return err
}

// CheckPinhole asks whether a pinhole works (CheckPinholeWorking). One that is
// there and has seen no traffic yet counts as working.
func (d *Device) CheckPinhole(ctx context.Context, id uint16) (working bool, err error) {
	err = d.atFirewall(ctx, "CheckPinholeWorking", func(ctx context.Context) (err error) {
		working, err = d.firewall.CheckPinholeWorkingCtx(ctx, id)
		return err
	})
	if fault := (*fact.GatewayFault)(nil); errors.As(err, &fault) && fault.Code == codeNoTraffic {
		return true, nil
	}
	return working, err
}

// PinholePackets is how many packets have come in through a pinhole
// (GetPinholePackets). Some routers count none and say zero.
func (d *Device) PinholePackets(ctx context.Context, id uint16) (packets uint32, err error) {
	err = d.atFirewall(ctx, "GetPinholePackets", func(ctx context.Context) (err error) {
		packets, err = d.firewall.GetPinholePacketsCtx(ctx, id)
		return err
	})
	return packets, err
}

// atFirewall makes one call on the firewall service, within the bounds of all
// calls.
func (d *Device) atFirewall(ctx context.Context, action string, call func(context.Context) error) error {
	if d.firewall == nil {
		return fact.ErrNoFirewall
	}
	return d.once(ctx, action, nil, func(ctx context.Context, _ connection) error { return call(ctx) })
}

func pinholeLease(lease time.Duration) (seconds uint32, err error) {
	if lease < time.Second || lease > maxPinholeLease {
		return 0, fmt.Errorf("opening a pinhole: a lease of %v is not between a second and a day", lease)
	}
	return uint32(lease / time.Second), nil
}
