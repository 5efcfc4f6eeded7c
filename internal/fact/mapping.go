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

// Method is a protocol in which a router is asked for mappings.
type Method string

// The methods, in the order in which they are tried.
const (
	// MethodIGD is UPnP-IGD: its table can be read back.
	MethodIGD Method = "igd"
	// MethodPCP is PCP (RFC 6887); a mapping is known by its nonce, and can
	// only be read back by asking for it again.
	MethodPCP Method = "pcp"
	// MethodNATPMP is NAT-PMP (RFC 6886), which maps to the host that asks and
	// to no other.
	MethodNATPMP Method = "natpmp"
)

// Request is a mapping as PCP and NAT-PMP ask for it.
type Request struct {
	// Method is MethodPCP or MethodNATPMP.
	Method   Method
	Protocol Protocol
	// Internal is the internal client and its port. A router grants it only to
	// the host that asks. An IPv6 address asks for a pinhole in the router's
	// firewall (PCP only).
	Internal netip.AddrPort
	// ExternalPort is the port wanted. Routers may grant another one.
	ExternalPort uint16
	// Lease is what is asked for, in whole seconds.
	Lease time.Duration
	// Nonce proves to a PCP router that a renewal or a deletion comes from
	// whoever made the mapping (RFC 6887, section 11.2); keep it as long as
	// the mapping may stand. NAT-PMP has none.
	Nonce [12]byte
}

// Grant is a mapping as a router granted it by PCP or NAT-PMP.
type Grant struct {
	// External is the external address and port. The address is zero for
	// NAT-PMP, which does not tell it, and unspecified where the router says
	// that it has none.
	External netip.AddrPort
	// Lease is what was granted; never zero.
	Lease time.Duration
	// Epoch is the router's clock, in seconds: it starts anew when the router
	// has lost its mappings.
	Epoch uint32
}

// Sentinels that callers decide on, with errors.Is.
var (
	// ErrNoRouter means that no router that speaks a mapping protocol was
	// found at the gateway's address.
	ErrNoRouter = errors.New("no router that speaks UPnP-IGD answered at the gateway's address")
	// ErrNoMapping means that the router has no entry for that port
	// (UPnP 714 and its kin).
	ErrNoMapping = errors.New("the router has no such mapping")
	// ErrNotSpoken means that the router does not answer in a protocol, or
	// says that it does not speak it.
	ErrNotSpoken = errors.New("the router does not speak this protocol")
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

// MapFault is a router's refusal by PCP or NAT-PMP. It is found with errors.As.
type MapFault struct {
	// Method is what was spoken.
	Method Method
	// Code is the result code (PCP: RFC 6887, section 7.4; NAT-PMP: RFC 6886,
	// section 3.5).
	Code uint16
	// Text is what the code means, in words.
	Text string
}

// Error implements error.
func (f *MapFault) Error() string { return f.Text }
