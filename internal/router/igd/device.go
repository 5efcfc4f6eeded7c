package igd

// A router that is known.

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"github.com/huin/goupnp"

	"github.com/edgeguard/edgeguard/internal/router/ssdp"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

// maxWords is how many characters of a name are kept.
const maxWords = 64

// Device is a router's connection service. Make one with Open.
type Device struct {
	// firewall controls the IPv6 firewall; nil where the router lets nobody.
	firewall *firewallControl

	peer         Peer
	manufacturer string
	model        string
	udn          string

	services []connection // all of them, the best first
	spoken                // the one that was chosen
}

// Open fetches and checks the description at location and picks a connection
// service: version 2 before 1, IP before PPP, and where there are several, one
// that is connected.
func Open(ctx context.Context, p Peer, location *url.URL) (*Device, error) {
	root, err := fetch(ctx, p, location)
	if err != nil {
		return nil, err
	}
	d := &Device{
		firewall:     firewallOf(root, location, newHTTP(p, maxSOAP)),
		peer:         p,
		manufacturer: tidy.Line(root.Device.Manufacturer, maxWords),
		model:        modelOf(&root.Device),
		udn:          tidy.Line(root.Device.UDN, maxWords),
		services:     connections(root, location, newHTTP(p, maxSOAP)),
	}
	if len(d.services) == 0 {
		return nil, errors.New("the description has no service that forwards ports")
	}
	if err := d.choose(ctx); err != nil {
		return nil, err
	}
	return d, nil
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

// Same reports whether other is the same router, spoken to in the same way at
// the same place; nil is none.
func (d *Device) Same(other *Device) bool {
	return other != nil && d.udn == other.udn && d.peer.Gateway == other.peer.Gateway && d.peer.Local == other.peer.Local &&
		d.EventURL() == other.EventURL() && d.control() == other.control()
}

// control is the URL of the service that is spoken to.
func (d *Device) control() string {
	service := d.conn.GetServiceClient().Service
	return service.ServiceType + " " + service.ControlURL.URL.String()
}

// Peer is the gateway that the device is on.
func (d *Device) Peer() Peer { return d.peer }

// Gateway is the router's LAN address.
func (d *Device) Gateway() netip.Addr { return d.peer.Gateway }
