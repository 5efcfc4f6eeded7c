package igd

// A router that is known, and the choice of its connection service.

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway2"

	"github.com/edgeguard/edgeguard/internal/router/ssdp"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	maxWords    = 64 // characters of a name that are kept
	maxServices = 6  // connection services that are asked how they are
)

// connection is what the three kinds of connection service have in common.
type connection interface {
	AddPortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string, internalPort uint16, internalClient string, enabled bool, description string, leaseSeconds uint32) error
	GetSpecificPortMappingEntryCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string) (internalPort uint16, internalClient string, enabled bool, description string, leaseSeconds uint32, err error)
	DeletePortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string) error
	GetExternalIPAddressCtx(ctx context.Context) (string, error)
	GetStatusInfoCtx(ctx context.Context) (status, lastError string, uptime uint32, err error)
	GetServiceClient() *goupnp.ServiceClient
}

// Device is a router's connection service. Make one with Open.
type Device struct {
	peer         Peer
	manufacturer string
	model        string
	udn          string

	conn connection
	// older is the same service spoken to as WANIPConnection:1; nil where
	// there is no older way to speak to it. Some routers describe version 2
	// and know only version 1.
	older connection
}

// Open fetches and checks the description at location and picks a connection
// service: version 2 before 1, IP before PPP, and where there are several, the
// first that says it is connected.
func Open(ctx context.Context, p Peer, location *url.URL) (*Device, error) {
	root, err := fetch(ctx, p, location)
	if err != nil {
		return nil, err
	}
	services := connections(root, location, newHTTP(p, maxSOAP))
	if len(services) == 0 {
		return nil, errors.New("the description has no service that forwards ports")
	}
	d := &Device{
		peer:         p,
		manufacturer: tidy.Line(root.Device.Manufacturer, maxWords),
		model:        modelOf(&root.Device),
		udn:          tidy.Line(root.Device.UDN, maxWords),
	}
	d.use(services[0])
	if len(services) > 1 {
		if err := d.chooseConnected(ctx, services); err != nil {
			return nil, err
		}
	}
	return d, nil
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
	if len(list) > maxServices {
		list = list[:maxServices]
	}
	for _, c := range list {
		c.GetServiceClient().SOAPClient.HTTPClient = client
	}
	return list
}

// use makes c the service that is spoken to.
func (d *Device) use(c connection) {
	d.conn, d.older = c, nil
	if v2, ok := c.(*internetgateway2.WANIPConnection2); ok {
		d.older = &internetgateway2.WANIPConnection1{ServiceClient: v2.ServiceClient}
	}
}

// chooseConnected picks the first service whose GetStatusInfo says Connected,
// and leaves the choice as it is where none does.
func (d *Device) chooseConnected(ctx context.Context, services []connection) error {
	first := services[0]
	for _, c := range services {
		d.use(c)
		var status string
		err := d.do(ctx, "GetStatusInfo", func(ctx context.Context, c connection) (err error) {
			status, _, _, err = c.GetStatusInfoCtx(ctx)
			return err
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil && strings.EqualFold(strings.TrimSpace(status), "Connected") {
			return nil
		}
	}
	d.use(first)
	return nil
}

// modelOf is the router's model as its maker writes it.
func modelOf(d *goupnp.Device) string {
	name, number := tidy.Line(d.ModelName, maxWords), tidy.Line(d.ModelNumber, maxWords)
	switch {
	case name == "":
		return tidy.Line(d.FriendlyName, maxWords)
	case number == "" || strings.Contains(name, number):
		return name
	}
	return tidy.Line(name+" "+number, maxWords)
}

// Manufacturer is the router's maker in its own words, cleaned; may be empty.
func (d *Device) Manufacturer() string { return d.manufacturer }

// Model is the router's model in its own words, cleaned; may be empty.
func (d *Device) Model() string { return d.model }

// UDN is the router's unique device name, cleaned; may be empty.
func (d *Device) UDN() string { return d.udn }

// EventURL is where the connection service's events are subscribed to, on the
// gateway's address; empty where it has none.
func (d *Device) EventURL() string {
	service := d.conn.GetServiceClient().Service
	if service == nil || strings.TrimSpace(service.EventSubURL.Str) == "" || !service.EventSubURL.Ok {
		return ""
	}
	if ssdp.CheckURL(&service.EventSubURL.URL, d.peer.Gateway) != nil {
		return "" // the description was checked for that already
	}
	return service.EventSubURL.URL.String()
}

// Peer is the gateway that the device is on.
func (d *Device) Peer() Peer { return d.peer }

// Gateway is the router's LAN address.
func (d *Device) Gateway() netip.Addr { return d.peer.Gateway }
