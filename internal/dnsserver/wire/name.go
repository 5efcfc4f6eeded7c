package wire

// Names: from text, and out of messages with their compression.

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// errName is a name in a message that breaks RFC 1035, sections 3.1 and 4.1.4.
var errName = errors.New("a name in the message is malformed")

// PackName returns the key of a host name in text, with or without its final
// dot. It takes printable ASCII only and no escapes, which is all that names
// of services need; an error says what is wrong with the name.
func PackName(text string) ([]byte, error) {
	trimmed := strings.TrimSuffix(text, ".")
	if trimmed == "" {
		return nil, errors.New("the name is empty")
	}
	key := make([]byte, 0, len(trimmed)+2)
	for label := range strings.SplitSeq(trimmed, ".") {
		if label == "" {
			return nil, fmt.Errorf("the name %q has an empty label", text)
		}
		if len(label) > maxLabel {
			return nil, fmt.Errorf("the name %q has a label of more than %d octets", text, maxLabel)
		}
		key = append(key, byte(len(label)))
		for i := range len(label) {
			c := label[i]
			if c <= ' ' || c > '~' || c == '\\' || c == '*' {
				return nil, fmt.Errorf("the name %q is not a plain host name", text)
			}
			key = append(key, lower(c))
		}
	}
	if key = append(key, 0); len(key) > MaxName {
		return nil, fmt.Errorf("the name %q is longer than %d octets", text, MaxName)
	}
	return key, nil
}

// ReverseName returns the name that holds the PTR record of addr (RFC 1035,
// section 3.5; RFC 3596, section 2.5), in text without its final dot.
func ReverseName(addr netip.Addr) string {
	var b strings.Builder
	octets := addr.AsSlice()
	slices.Reverse(octets)
	for _, o := range octets {
		if addr.Is4() {
			fmt.Fprintf(&b, "%d.", o)
		} else {
			fmt.Fprintf(&b, "%x.%x.", o&15, o>>4)
		}
	}
	if addr.Is4() {
		return b.String() + "in-addr.arpa"
	}
	return b.String() + "ip6.arpa"
}

// LowerName makes a name in wire form its own key, in place.
func LowerName(name []byte) []byte {
	for i, c := range name {
		name[i] = lower(c)
	}
	return name
}

// skipName returns where the name at octet at ends. A pointer ends it, and must
// point back.
func skipName(msg []byte, at int) (int, error) {
	for at < len(msg) {
		switch size := int(msg[at]); {
		case size == 0:
			return at + 1, nil
		case size >= 0xC0 && at+2 <= len(msg):
			if to := int(be.Uint16(msg[at:]) & 0x3FFF); to >= at || to < HeaderLen {
				return 0, errName
			}
			return at + 2, nil
		case size <= maxLabel:
			at += 1 + size
		default:
			return 0, errName
		}
	}
	return 0, errName
}

// appendExpanded appends the key of the name at octet at of msg, following
// pointers. Each must point further back than the last, so that they come to an
// end.
func appendExpanded(dst, msg []byte, at int) ([]byte, error) {
	start, floor := len(dst), at
	for {
		if at >= len(msg) {
			return dst, errName
		}
		size := int(msg[at])
		switch {
		case size == 0:
			return append(dst, 0), nil
		case size >= 0xC0:
			if at+2 > len(msg) {
				return dst, errName
			}
			to := int(be.Uint16(msg[at:]) & 0x3FFF)
			if to >= floor || to < HeaderLen {
				return dst, errName
			}
			at, floor = to, to
		case size <= maxLabel && at+1+size <= len(msg) && len(dst)-start+1+size+1 <= MaxName:
			from := len(dst)
			dst = append(dst, msg[at:at+1+size]...)
			LowerName(dst[from:])
			at += 1 + size
		default:
			return dst, errName
		}
	}
}
