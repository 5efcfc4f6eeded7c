package zone

// Records of the user's own: what they may be, and their wire form.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

const (
	maxRecords = 4096
	// maxValues is how many values a record may have, maxText how long the
	// text of a TXT record.
	maxValues = 64
	maxText   = 4000
	// maxString is the longest string in a TXT record (RFC 1035, section 3.3).
	maxString = 255
)

// RecordTypes are the types that a Record may have.
var RecordTypes = []string{"A", "AAAA", "CNAME", "PTR", "TXT", "SRV"}

// Record is an RRset of the user's own.
type Record struct {
	// Name is the owner. For a PTR record it may be an address, which stands
	// for its reverse name.
	Name string
	// Type is one of RecordTypes.
	Type string
	// Values are the data: an address (A, AAAA), a name (CNAME, of which there
	// is one only; PTR), a text of up to 4,000 octets (TXT), or "PRIORITY
	// WEIGHT PORT TARGET" (SRV; RFC 2782). Never empty.
	Values []string
	// TTL is in whole seconds; zero means the zone's.
	TTL time.Duration
}

// Check says what is wrong with r in itself; nil means nothing.
func (r Record) Check() error {
	_, err := r.parse(DefaultTTL)
	return err
}

// parsed is a record ready for the zone.
type parsed struct {
	key  []byte
	typ  uint16
	ttl  uint32
	addr []netip.Addr // A and AAAA
	data [][]byte     // the others
}

func (r Record) parse(zoneTTL time.Duration) (*parsed, error) {
	ttl := r.TTL
	if ttl == 0 {
		ttl = zoneTTL
	}
	if ttl < time.Second || ttl > maxTTL {
		return nil, fmt.Errorf("its TTL is %s, which is not between 1 s and %s", ttl, maxTTL)
	}
	name := r.Name
	if addr, err := netip.ParseAddr(name); err == nil && r.Type == "PTR" {
		name = wire.ReverseName(addr.Unmap().WithZone(""))
	}
	key, err := wire.PackName(name)
	if err != nil {
		return nil, err
	}
	if len(r.Values) == 0 || len(r.Values) > maxValues {
		return nil, fmt.Errorf("it has %d values, not 1 to %d", len(r.Values), maxValues)
	}
	p := &parsed{key: key, ttl: uint32(ttl / time.Second)}
	for _, value := range r.Values {
		if err := p.add(r.Type, value); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// add reads one value.
func (p *parsed) add(typ, value string) (err error) {
	var data []byte
	switch typ {
	case "A", "AAAA":
		return p.addAddress(typ, value)
	case "CNAME":
		if p.typ = wire.TypeCNAME; len(p.data) > 0 {
			return errors.New("a CNAME record has one value only")
		}
		data, err = wire.PackName(value)
	case "PTR":
		p.typ = wire.TypePTR
		data, err = wire.PackName(value)
	case "TXT":
		p.typ = wire.TypeTXT
		data, err = packText(value)
	case "SRV":
		p.typ = wire.TypeSRV
		data, err = packSRV(value)
	default:
		return fmt.Errorf("its type is none of %s", strings.Join(RecordTypes, ", "))
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(p.data, func(d []byte) bool { return string(d) == string(data) }) {
		return fmt.Errorf("it has the value %q twice", value)
	}
	p.data = append(p.data, data)
	return nil
}

func (p *parsed) addAddress(typ, value string) error {
	p.typ = wire.TypeA
	if typ == "AAAA" {
		p.typ = wire.TypeAAAA
	}
	addr, err := netip.ParseAddr(value)
	if err != nil || addr.Zone() != "" || addr.Is4In6() || addr.Is4() != (p.typ == wire.TypeA) {
		return fmt.Errorf("%q is not the address that a record of type %s has", value, typ)
	}
	if slices.Contains(p.addr, addr) {
		return fmt.Errorf("it has the value %q twice", value)
	}
	p.addr, err = family(append(p.addr, addr), p.typ == wire.TypeA)
	return err
}

// packText cuts a text into strings (RFC 1035, section 3.3.14).
func packText(text string) ([]byte, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("the text has %d octets, more than %d", len(text), maxText)
	}
	if text == "" {
		return []byte{0}, nil
	}
	var data []byte
	for part := range slices.Chunk([]byte(text), maxString) {
		data = append(append(data, byte(len(part))), part...)
	}
	return data, nil
}

// packSRV reads "PRIORITY WEIGHT PORT TARGET". The target "." says that there
// is no such service (RFC 2782).
func packSRV(value string) ([]byte, error) {
	fields := strings.Fields(value)
	if len(fields) != 4 {
		return nil, fmt.Errorf("%q is not PRIORITY WEIGHT PORT TARGET, such as \"0 5 8883 mqtt.example.org\"", value)
	}
	var data []byte
	for _, f := range fields[:3] {
		n, err := strconv.ParseUint(f, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number from 0 to 65535", f)
		}
		data = binary.BigEndian.AppendUint16(data, uint16(n))
	}
	if fields[3] == "." {
		return append(data, 0), nil
	}
	target, err := wire.PackName(fields[3])
	if err != nil {
		return nil, err
	}
	return append(data, target...), nil
}
