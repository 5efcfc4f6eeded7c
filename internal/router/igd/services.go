package igd

// The connection services of a description, and the choice among them.

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway2"
)

// maxServices is how many connection services are asked how they are. Routers
// that keep a line of their own for each use of it have some.
const maxServices = 12

// connection is what the kinds of connection service have in common.
type connection interface {
	AddPortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string, internalPort uint16, internalClient string, enabled bool, description string, leaseSeconds uint32) error
	GetSpecificPortMappingEntryCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string) (internalPort uint16, internalClient string, enabled bool, description string, leaseSeconds uint32, err error)
	DeletePortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string) error
	GetExternalIPAddressCtx(ctx context.Context) (string, error)
	GetStatusInfoCtx(ctx context.Context) (status, lastError string, uptime uint32, err error)
	GetServiceClient() *goupnp.ServiceClient
}

// urnOf is the type under which c's actions are sent.
func urnOf(c connection) string {
	switch c := c.(type) {
	case *internetgateway2.WANIPConnection2:
		return internetgateway2.URN_WANIPConnection_2
	case *internetgateway2.WANPPPConnection1:
		return internetgateway2.URN_WANPPPConnection_1
	case *legacy:
		return c.urn
	}
	return internetgateway2.URN_WANIPConnection_1
}

// connections lists the connection services of root, each with its requests
// going through client.
func connections(root *goupnp.RootDevice, location *url.URL, client http.Client) []connection {
	var list []connection
	// The errors say only that root has no such service.
	v2, _ := internetgateway2.NewWANIPConnection2ClientsFromRootDevice(root, location)
	for _, c := range v2 {
		list = append(list, c)
	}
	v1, _ := internetgateway2.NewWANIPConnection1ClientsFromRootDevice(root, location)
	for _, c := range v1 {
		list = append(list, c)
	}
	ppp, _ := internetgateway2.NewWANPPPConnection1ClientsFromRootDevice(root, location)
	for _, c := range ppp {
		list = append(list, c)
	}
	for _, urn := range []string{urnForumIP, urnForumPPP} {
		forum, _ := goupnp.NewServiceClientsFromRootDevice(root, location, urn)
		for _, c := range forum {
			list = append(list, &legacy{ServiceClient: c, urn: urn})
		}
	}
	if len(list) > maxServices {
		list = list[:maxServices]
	}
	for _, c := range list {
		c.GetServiceClient().SOAPClient.HTTPClient = client
	}
	return list
}

// spoken is a service and how it is spoken to.
type spoken struct {
	conn connection
	// older is the same service spoken to as WANIPConnection:1; nil where
	// there is no older way to speak to it. Some routers describe version 2
	// and know only version 1.
	older connection
}

func speakTo(c connection) spoken {
	s := spoken{conn: c}
	if v2, ok := c.(*internetgateway2.WANIPConnection2); ok {
		s.older = &internetgateway2.WANIPConnection1{ServiceClient: v2.ServiceClient}
	}
	return s
}

// choose picks the service whose GetStatusInfo says Connected; of several the
// first with a public WAN address, or else the first with any: the provider's
// telephony and maintenance are connections, too. The choice is the first
// service where none is connected.
func (d *Device) choose(ctx context.Context) error {
	d.spoken = speakTo(d.services[0])
	if len(d.services) == 1 {
		return nil
	}
	first := d.spoken
	var all []spoken
	for _, c := range d.services {
		d.spoken = speakTo(c)
		yes, _ := d.connected(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if yes {
			all = append(all, d.spoken)
		}
	}
	switch len(all) {
	case 0:
		d.spoken = first
		return nil
	case 1:
		d.spoken = all[0]
		return nil
	}
	return d.choosePublic(ctx, all)
}

// connected reports whether the service that is spoken to says that it is
// connected.
func (d *Device) connected(ctx context.Context) (bool, error) {
	var status string
	err := d.do(ctx, "GetStatusInfo", func(ctx context.Context, c connection) (err error) {
		status, _, _, err = c.GetStatusInfoCtx(ctx)
		return err
	})
	return err == nil && strings.EqualFold(strings.TrimSpace(status), "Connected"), err
}

// choosePublic picks among services that are all connected.
func (d *Device) choosePublic(ctx context.Context, connected []spoken) error {
	best, some := connected[0], false
	for _, s := range connected {
		d.spoken = s
		o, err := d.ExternalAddress(ctx)
		switch addr, known := o.Addr, err == nil && o.Addr.IsValid(); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case known && isPublic(addr):
			return nil
		case known && !some:
			best, some = d.spoken, true
		}
	}
	d.spoken = best
	return nil
}

func isPublic(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !fact.IsShared(a)
}

// Elsewhere reports whether another of the router's connection services is the
// one to speak to now: the one that was chosen is not connected or has no
// address any more, and another would be chosen. It costs no call where the
// router has one service, and two where all is well.
func (d *Device) Elsewhere(ctx context.Context) (bool, error) {
	if len(d.services) < 2 {
		return false, nil
	}
	now := *d
	yes, err := now.connected(ctx)
	if lost := (*LostError)(nil); errors.As(err, &lost) || ctx.Err() != nil {
		return false, err
	}
	if yes {
		if o, err := now.ExternalAddress(ctx); err != nil || o.State != fact.None {
			return false, err
		}
	}
	if err := now.choose(ctx); err != nil {
		return false, err
	}
	return now.conn.GetServiceClient().Service != d.conn.GetServiceClient().Service, nil
}
