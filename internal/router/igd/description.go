package igd

// The device description: fetched, checked, and turned into goupnp's form.

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/edgeguard/edgeguard/internal/router/ssdp"
	"github.com/edgeguard/edgeguard/internal/tidy"
	"github.com/huin/goupnp"
)

// fetch gets the description at location, which must be on the gateway.
func fetch(ctx context.Context, p Peer, location *url.URL) (*goupnp.RootDevice, error) {
	if err := ssdp.CheckURL(location, p.Gateway); err != nil {
		return nil, fmt.Errorf("the description's URL %w", err)
	}
	if err := p.Pace.wait(ctx); err != nil {
		return nil, err
	}
	defer p.Pace.done()
	ctx, cancel := context.WithTimeoutCause(ctx, p.Timeout, fmt.Errorf("the router did not answer within %v", p.Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, location.String(), nil)
	if err != nil {
		return nil, err
	}
	client := newHTTP(p, maxDescription)
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the router answered HTTP %d", resp.StatusCode)
	}
	body, err := io.ReadAll(resp.Body) // the transport has bounded it
	if err != nil {
		return nil, err
	}
	return parseDescription(body, location, p.Gateway)
}

// parseDescription reads a description that has been through tidyXML, and
// refuses it where any URL that we or an event subscriber would use is not on
// the gateway's address. Its port may differ.
func parseDescription(body []byte, location *url.URL, gateway netip.Addr) (*goupnp.RootDevice, error) {
	root := new(goupnp.RootDevice)
	decoder := xml.NewDecoder(bytes.NewReader(body))
	decoder.DefaultSpace = goupnp.DeviceXMLNamespace
	if err := decoder.Decode(root); err != nil {
		return nil, fmt.Errorf("the description does not parse: %s", tidy.Line(err.Error(), 120))
	}
	base := location
	if root.URLBaseStr != "" {
		var err error
		if base, err = url.Parse(root.URLBaseStr); err != nil {
			return nil, errors.New("the description's URLBase is no URL")
		}
		if err := ssdp.CheckURL(base, gateway); err != nil {
			return nil, fmt.Errorf("the description's URLBase %w", err)
		}
	}
	root.SetURLBase(base)
	var refused error
	root.Device.VisitServices(func(s *goupnp.Service) {
		for name, field := range map[string]*goupnp.URLField{"controlURL": &s.ControlURL, "eventSubURL": &s.EventSubURL, "SCPDURL": &s.SCPDURL} {
			err := errors.New("is no URL")
			if field.Ok {
				err = ssdp.CheckURL(&field.URL, gateway)
			}
			if err != nil {
				refused = fmt.Errorf("the description's %s %w", name, err)
			}
		}
	})
	return root, refused
}
