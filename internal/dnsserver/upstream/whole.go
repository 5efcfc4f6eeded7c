package upstream

// Records that were cut short. miekg/dns takes a record whose data ends between
// two fields, leaves the other fields empty, and packs an empty name as no octet
// at all: what follows it is then read as the name, by whoever gets the record
// from us.

import (
	"reflect"
	"strings"

	"github.com/miekg/dns"
)

// whole reports whether rr, as it was unpacked from a reply, has every name its
// type has, and is read as the same record once it is packed again.
func whole(rr dns.RR) bool {
	switch v := rr.(type) {
	case *dns.A, *dns.AAAA: // of a length that is checked when they are unpacked
		return true
	case *dns.CNAME:
		return v.Target != ""
	case *dns.DNAME:
		return v.Target != ""
	case *dns.NS:
		return v.Ns != ""
	case *dns.PTR:
		return v.Ptr != ""
	}
	return named(reflect.ValueOf(rr).Elem()) && readsBack(rr)
}

// named reports whether no field for a name is empty, of a record or of one it
// is made of. The fields are told by the tags that miekg/dns itself goes by; the
// root is ".", so an empty one was not there.
func named(record reflect.Value) bool {
	for i := range record.NumField() {
		field, kind := record.Field(i), record.Type().Field(i)
		switch {
		case kind.Anonymous && field.Kind() == reflect.Struct:
			if !named(field) {
				return false
			}
		case field.Kind() == reflect.String && field.Len() == 0 && strings.Contains(kind.Tag.Get("dns"), "domain-name"):
			return false
		}
	}
	return true
}

// readsBack reports whether a client will read rr as it was meant.
func readsBack(rr dns.RR) bool {
	if rr.Header().Rdlength == 0 {
		return true // types that may be empty; who calls has looked
	}
	packed := make([]byte, dns.Len(rr)+1)
	n, err := dns.PackRR(rr, packed, 0, nil, false)
	if err != nil {
		return false
	}
	again, end, err := dns.UnpackRR(packed[:n], 0)
	return err == nil && end == n && dns.IsDuplicate(rr, again)
}
