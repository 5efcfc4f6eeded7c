package stun

// Reading the answer.

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/pion/stun/v3"
)

// ErrNotOurs means that a datagram is no answer to the request: another
// transaction, another method, or no STUN at all.
var ErrNotOurs = errors.New("the datagram is no answer to the request")

// understood are the attributes below 0x8000 that a Binding response may hold.
// Any other there must be understood or the response discarded (RFC 8489,
// section 6.3.3).
var understood = map[stun.AttrType]bool{
	stun.AttrXORMappedAddress:  true,
	stun.AttrMappedAddress:     true,
	stun.AttrErrorCode:         true,
	stun.AttrUnknownAttributes: true,
	stun.AttrUsername:          true,
	stun.AttrRealm:             true,
	stun.AttrNonce:             true,
	stun.AttrMessageIntegrity:  true,
	// RFC 3489's, which old servers still send beside the others.
	0x0004: true, // SOURCE-ADDRESS
	0x0005: true, // CHANGED-ADDRESS
}

// Parse reads one datagram as the answer to the Binding request id. Errors are
// ErrNotOurs, or say what the server's answer is instead of an address. Only
// XOR-MAPPED-ADDRESS is believed: routers rewrite the plain one.
func Parse(datagram []byte, id [stun.TransactionIDSize]byte) (netip.Addr, error) {
	if len(datagram) > maxAnswer || !stun.IsMessage(datagram) {
		return netip.Addr{}, ErrNotOurs
	}
	m := &stun.Message{Raw: append([]byte(nil), datagram...)}
	if err := m.Decode(); err != nil || m.TransactionID != id || m.Type.Method != stun.MethodBinding || len(m.Raw) != int(m.Length)+20 {
		return netip.Addr{}, ErrNotOurs
	}
	switch m.Type.Class {
	case stun.ClassSuccessResponse:
	case stun.ClassErrorResponse:
		var code stun.ErrorCodeAttribute
		if err := code.GetFrom(m); err != nil {
			return netip.Addr{}, errors.New("the STUN server refused without a reason")
		}
		return netip.Addr{}, fmt.Errorf("the STUN server refused with error %d", code.Code)
	default:
		return netip.Addr{}, ErrNotOurs
	}
	for _, a := range m.Attributes {
		if a.Type < 0x8000 && !understood[a.Type] {
			return netip.Addr{}, fmt.Errorf("the STUN server demands attribute 0x%04x, which is not known here", uint16(a.Type))
		}
	}
	if m.Contains(stun.AttrFingerprint) && stun.Fingerprint.Check(m) != nil {
		return netip.Addr{}, ErrNotOurs // damaged or forged
	}
	return mapped(m)
}

// mapped is the address in XOR-MAPPED-ADDRESS, of which there must be one.
func mapped(m *stun.Message) (netip.Addr, error) {
	count := 0
	for _, a := range m.Attributes {
		if a.Type == stun.AttrXORMappedAddress {
			count++
		}
	}
	var xor stun.XORMappedAddress
	if count != 1 || xor.GetFrom(m) != nil {
		return netip.Addr{}, errors.New("the STUN server's answer does not hold exactly one XOR-MAPPED-ADDRESS")
	}
	addr, ok := netip.AddrFromSlice(xor.IP)
	if !ok {
		return netip.Addr{}, errors.New("the STUN server's answer holds a malformed address")
	}
	return addr.Unmap(), nil
}
