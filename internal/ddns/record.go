package ddns

// What a record's config comes to: its key, the value that it should have, and
// the mistakes that can be made in it.

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// Addresses are where the home's public addresses are published. A value may
// be nil where no record follows it.
type Addresses struct {
	// V4 is what A records follow, V6 what AAAA records follow.
	V4, V6 *watch.Value[fact.Observation]
}

// recordKey tells one record from another.
type recordKey struct{ domain, kind string }

func (r RecordConfig) key() recordKey { return recordKey{r.Domain, r.Type} }

// family is the record's address family, for people.
func (r RecordConfig) family() string {
	if r.Type == "AAAA" {
		return "IPv6"
	}
	return "IPv4"
}

// source is the value that the record follows.
func (r RecordConfig) source(a Addresses) *watch.Value[fact.Observation] {
	if r.Type == "AAAA" {
		return a.V6
	}
	return a.V4
}

// checked is r in its canonical form. i is its place in the config.
func (r RecordConfig) checked(i int, addresses Addresses) (RecordConfig, error) {
	r.Domain, r.Zone = fact.CanonicalName(r.Domain), fact.CanonicalName(r.Zone)
	if r.Type == "" {
		r.Type = "A"
	}
	low := r.Host.As16()
	switch {
	case r.Domain == "" || r.Domain == "*" || r.Token.IsZero():
		return r, fmt.Errorf("record %d (%s) lacks its domain or its token", i+1, r.Domain)
	case r.Type != "A" && r.Type != "AAAA":
		return r, fmt.Errorf("the record %s has the type %q; A and AAAA are kept", r.Domain, r.Type)
	case r.source(addresses) == nil:
		return r, fmt.Errorf("there is no public %s address for the record %s to follow", r.family(), r.Domain)
	case r.Host.IsValid() && (r.Type != "AAAA" || !r.Host.Is6() || [8]byte(low[:8]) != [8]byte{} || [8]byte(low[8:]) == [8]byte{}):
		return r, fmt.Errorf("the host part %s of the record %s is not the lower half of an IPv6 address", r.Host, r.Domain)
	}
	return r, nil
}

// suits reports, as an error, what of r the provider's kind cannot do.
func (r RecordConfig) suits(k provider.Kind) error {
	switch {
	case r.Type == "AAAA" && !k.AAAA:
		return fmt.Errorf("%s keeps no AAAA records, such as that of %s", k.Word, r.Domain)
	case strings.HasPrefix(r.Domain, "*.") && !k.Wildcard:
		return fmt.Errorf("%s knows no wildcards such as %s", k.Word, r.Domain)
	case r.DeleteOnExit && !k.Delete:
		return fmt.Errorf("%s has no way to delete the %s record of %s alone, so it cannot be deleted on exit", k.Word, r.Type, r.Domain)
	}
	return nil
}

// desired is what the record should say while seen is the home's address. An
// address of the other family is none of its business: nobody knows.
func (r RecordConfig) desired(seen fact.Observation) fact.Observation {
	switch {
	case seen.State != fact.Known:
		return seen
	case r.Type == "AAAA" && (!seen.Addr.Is6() || seen.Addr.Is4In6()), r.Type != "AAAA" && !seen.Addr.Is4():
		return fact.UnknownAddr(seen.Source, seen.At)
	case r.Host.IsValid():
		// The prefix of 64 bits and the interface's half (RFC 4291, section
		// 2.5.1).
		whole, low := seen.Addr.As16(), r.Host.As16()
		copy(whole[8:], low[8:])
		seen.Addr = netip.AddrFrom16(whole)
	default:
		seen.Addr = seen.Addr.WithZone("")
	}
	return seen
}

// later is d and up to a tenth more by lot, so that homes that started
// together do not stay together. It is never less: d is what is promised to
// the servers.
func (k *keeper) later(d time.Duration) time.Duration {
	return d + time.Duration(k.draw(int64(d/10)+1))
}
