package fact

// Port mappings as every protocol speaks of them, and the router's refusals.

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Protocol is the transport protocol of a mapping.
type Protocol string

// The protocols, in the upper case that UPnP wants (some routers refuse
// lower case).
const (
	TCP Protocol = "TCP"
	UDP Protocol = "UDP"
)

// Mapping is one port forward on a router, wanted or read back.
type Mapping struct {
	Protocol     Protocol
	ExternalPort uint16
	// Internal is the internal client and its port.
	Internal netip.AddrPort
	// Description is the text in the router's table. Read back from a router
	// it is hostile text that has been cut and cleaned of control characters.
	Description string
	// Lease is the lease asked for, or what is left of it when read back;
	// zero means that the mapping does not end by itself.
	Lease time.Duration
	// Enabled is whether the router says that the mapping is in force.
	Enabled bool
}

// Sentinels that callers decide on, with errors.Is.
var (
	// ErrNoRouter means that no router that speaks a mapping protocol was
	// found at the gateway's address.
	ErrNoRouter = errors.New("no router that speaks UPnP-IGD answered at the gateway's address")
	// ErrNoMapping means that the router has no entry for that port
	// (UPnP 714 and its kin).
	ErrNoMapping = errors.New("the router has no such mapping")
)

// GatewayFault is a router's refusal, with the UPnP error code it gave
// (WANIPConnection:2, section 2.4.3 and following). It is found with errors.As.
type GatewayFault struct {
	// Action is the SOAP action that was refused.
	Action string
	// Code is the UPnP error code, such as 718 (ConflictInMappingEntry).
	Code int
	// Text is the router's own description, cut and cleaned.
	Text string
}

// Error implements error.
func (f *GatewayFault) Error() string {
	return fmt.Sprintf("the router refused %s with error %d (%s)", f.Action, f.Code, f.Text)
}
