package igd

// Connection services of the types that they had at the DSL Forum, before
// UPnP's own. The actions are the same, and goupnp's clients send them under
// UPnP's types only, which such routers (Huawei's HG531) refuse.

import (
	"context"
	"strconv"
	"strings"

	"github.com/huin/goupnp"
)

// The DSL Forum's types.
const (
	urnForumIP  = "urn:dslforum-org:service:WANIPConnection:1"
	urnForumPPP = "urn:dslforum-org:service:WANPPPConnection:1"
)

// legacy is such a service. It implements connection.
type legacy struct {
	goupnp.ServiceClient
	urn string
}

func (c *legacy) call(ctx context.Context, action string, in, out any) error {
	return c.SOAPClient.PerformActionCtx(ctx, c.urn, action, in, out)
}

// entryKey names an entry of the table.
type entryKey struct{ NewRemoteHost, NewExternalPort, NewProtocol string }

// AddPortMappingCtx implements connection.
func (c *legacy) AddPortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string, internalPort uint16, internalClient string, enabled bool, description string, leaseSeconds uint32) error {
	return c.call(ctx, "AddPortMapping", &struct {
		NewRemoteHost, NewExternalPort, NewProtocol, NewInternalPort, NewInternalClient, NewEnabled, NewPortMappingDescription, NewLeaseDuration string
	}{
		remoteHost, ui(externalPort), protocol, ui(internalPort), internalClient, boolean(enabled), description, ui(leaseSeconds),
	}, &struct{}{})
}

// GetSpecificPortMappingEntryCtx implements connection. A field that cannot be
// read is a *strconv.NumError, and what comes before it is returned.
func (c *legacy) GetSpecificPortMappingEntryCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string) (internalPort uint16, internalClient string, enabled bool, description string, leaseSeconds uint32, err error) {
	var out struct {
		NewInternalPort, NewInternalClient, NewEnabled, NewPortMappingDescription, NewLeaseDuration string
	}
	if err = c.call(ctx, "GetSpecificPortMappingEntry", &entryKey{remoteHost, ui(externalPort), protocol}, &out); err != nil {
		return
	}
	port, err := strconv.ParseUint(strings.TrimSpace(out.NewInternalPort), 10, 16)
	if err != nil {
		return
	}
	lease, err := strconv.ParseUint(strings.TrimSpace(out.NewLeaseDuration), 10, 32)
	return uint16(port), out.NewInternalClient, isTrue(out.NewEnabled), out.NewPortMappingDescription, uint32(lease), err
}

// DeletePortMappingCtx implements connection.
func (c *legacy) DeletePortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string) error {
	return c.call(ctx, "DeletePortMapping", &entryKey{remoteHost, ui(externalPort), protocol}, &struct{}{})
}

// GetExternalIPAddressCtx implements connection.
func (c *legacy) GetExternalIPAddressCtx(ctx context.Context) (string, error) {
	var out struct{ NewExternalIPAddress string }
	err := c.call(ctx, "GetExternalIPAddress", nil, &out)
	return out.NewExternalIPAddress, err
}

// GetStatusInfoCtx implements connection. An uptime that cannot be read is 0.
func (c *legacy) GetStatusInfoCtx(ctx context.Context) (status, lastError string, uptime uint32, err error) {
	var out struct{ NewConnectionStatus, NewLastConnectionError, NewUptime string }
	err = c.call(ctx, "GetStatusInfo", nil, &out)
	seconds, _ := strconv.ParseUint(strings.TrimSpace(out.NewUptime), 10, 32)
	return out.NewConnectionStatus, out.NewLastConnectionError, uint32(seconds), err
}

func ui[T uint16 | uint32](n T) string { return strconv.FormatUint(uint64(n), 10) }

func boolean(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// isTrue reads a boolean of UPnP's.
func isTrue(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "true", "yes":
		return true
	}
	return false
}
