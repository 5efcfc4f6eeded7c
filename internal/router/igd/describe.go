package igd

// A description alone, of a router that is only to be named.

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/edgeguard/edgeguard/internal/tidy"
	"github.com/huin/goupnp"
)

// Describe fetches and checks a description as Open does, makes no call, and
// returns the maker and the model of the router that it describes, cleaned;
// both may be empty. What is no internet gateway is an error.
func Describe(ctx context.Context, p Peer, location *url.URL) (manufacturer, model string, err error) {
	root, err := fetch(ctx, p, location)
	if err != nil {
		return "", "", err
	}
	gateway := false
	root.Device.VisitDevices(func(d *goupnp.Device) {
		gateway = gateway || strings.Contains(d.DeviceType, ":device:InternetGatewayDevice:")
	})
	if !gateway {
		return "", "", errors.New("it describes no internet gateway")
	}
	return tidy.Line(root.Device.Manufacturer, maxWords), modelOf(&root.Device), nil
}
