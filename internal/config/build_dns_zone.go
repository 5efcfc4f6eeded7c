package config

// [[dns.record]], [[dns.forward]], and which answers [dns] gives or refuses.

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// answers reads the switches of [dns].
func (b *builder) answers(raw rawDNS, c *Config) {
	c.DNSPTR = b.flag(raw.PTR, true)
	c.DNS.NoCanary = !b.flag(raw.Canary, true)
	c.DNS.BlockPrivateRelay = b.word(raw.PrivateRelay, "allow", []string{"allow", "block"}, nil) == "block"
	c.DNS.NoRebindProtection = !b.flag(raw.RebindProtection, true)
	for _, t := range raw.RebindAllow.v {
		name, problem := hostName(t.v)
		switch {
		case problem != "":
			b.fail(t.at, "%s %s", show(t.v), problem)
		case slices.Contains(c.DNS.RebindAllow, name):
			b.fail(t.at, "%s is in this list already; write it once", show(name))
		default:
			c.DNS.RebindAllow = append(c.DNS.RebindAllow, name)
		}
	}
}

// forwards reads the [[dns.forward]] tables.
func (b *builder) forwards(raw rawDNS, c *Config) {
	seen := map[string]origin{}
	for _, r := range raw.Forward {
		var f Forward
		if !r.Zone.given {
			b.missing(r.Head.sub("zone"), `missing; write the domain or the network that is asked of a server of its own, such as zone = "fritz.box" or zone = "192.168.178.0/24"`)
		} else if r.Zone.ok {
			f.Zones = b.forwardZones(r.Zone, seen)
		}
		if !r.Upstreams.given || r.Upstreams.ok && len(r.Upstreams.v) == 0 {
			b.missing(r.Head.sub("upstreams"), `missing; write the servers that know the zone, such as upstreams = ["192.168.178.1"]`)
		}
		f.Upstream.Specs = b.servers(r.Upstreams.v, raw, c, "upstreams", true)
		f.Upstream.Bootstrap = c.Upstream.Bootstrap
		c.Forwards = append(c.Forwards, f)
	}
}

// forwardZones returns the zones that a name or a network stands for.
func (b *builder) forwardZones(t text, seen map[string]origin) []string {
	zones, problem := zonesOf(t.v)
	if problem != "" {
		b.fail(t.at, "%s %s", show(t.v), problem)
		return nil
	}
	for _, zone := range zones {
		if first, twice := seen[zone]; twice {
			b.fail(t.at, "the zone %s is forwarded by %s already; put all of its servers there", zone, first)
			return nil
		}
		seen[zone] = t.at
	}
	return zones
}

// zonesOf returns the zones of a name or of a network in reverse, or what is
// wrong with it, to be read after it.
func zonesOf(text string) (zones []string, problem string) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		name, problem := hostName(text)
		for _, never := range []string{"localhost", "invalid"} {
			if name == never || strings.HasSuffix(name, "."+never) {
				return nil, "means no host anywhere (RFC 6761), so no server can know it; take it out"
			}
		}
		return []string{name}, problem
	}
	addr, bits := prefix.Masked().Addr(), prefix.Bits()
	step := 4 // bits of one label in reverse
	if addr.Is4() {
		step = 8
	}
	switch {
	case addr.Is4In6():
		return nil, `is no network of IPv4 or IPv6; write it like "192.168.178.0/24"`
	case bits == 0 || bits > addr.BitLen()-step:
		return nil, fmt.Sprintf("has no reverse zone of its own; write a network from /1 to /%d", addr.BitLen()-step)
	}
	labels := (bits + step - 1) / step
	for range 1 << (labels*step - bits) {
		zones = append(zones, reverseZone(addr, labels))
		addr = following(addr, labels*step)
	}
	return zones, ""
}

// reverseZone returns the zone of the network of as many labels as addr is in.
func reverseZone(addr netip.Addr, labels int) string {
	var parts []string
	for _, o := range addr.AsSlice() {
		if addr.Is4() {
			parts = append(parts, fmt.Sprintf("%d", o))
		} else {
			parts = append(parts, fmt.Sprintf("%x", o>>4), fmt.Sprintf("%x", o&15))
		}
	}
	parts = parts[:labels]
	slices.Reverse(parts)
	if addr.Is4() {
		return strings.Join(parts, ".") + ".in-addr.arpa"
	}
	return strings.Join(parts, ".") + ".ip6.arpa"
}

// following returns the first address of the network with as many bits behind
// the one that addr is in.
func following(addr netip.Addr, bits int) netip.Addr {
	octets := addr.AsSlice()
	carry := 1 << (7 - (bits-1)%8)
	for i := (bits - 1) / 8; i >= 0 && carry > 0; i-- {
		sum := int(octets[i]) + carry
		octets[i], carry = byte(sum), sum>>8
	}
	next, _ := netip.AddrFromSlice(octets)
	return next
}

// records reads the [[dns.record]] tables.
func (b *builder) records(raw []rawRecord, c *Config) {
	mistakes := len(b.errors)
	seen := map[string]map[string]origin{} // by name, then type
	for _, r := range raw {
		rec := zone.Record{Type: b.recordType(r)}
		rec.Name = b.recordName(r, rec.Type)
		if n := r.TTLSeconds; n.given {
			rec.TTL = time.Duration(b.number(n, int64(c.DNSTTL/time.Second), 1, 86400, "seconds")) * time.Second
		}
		b.recordValues(r, &rec)
		if rec.Name == "" || rec.Type == "" {
			continue
		}
		b.recordFits(r, rec, seen, c)
		c.Records = append(c.Records, rec)
	}
	if len(b.errors) > mistakes || len(raw) == 0 {
		return
	}
	// What only the whole shows, such as aliases that lead in a circle.
	if _, err := zone.Build(zone.Config{Records: c.Records}); err != nil {
		at := raw[0].Head
		if circle := new(zone.CircleError); errors.As(err, &circle) {
			at = raw[slices.IndexFunc(c.Records, func(r zone.Record) bool { return r.Name == circle.Name })].Head
		}
		b.fail(at, "%v", err)
	}
}

func (b *builder) recordType(r rawRecord) string {
	if !r.Type.given {
		b.missing(r.Head.sub("type"), "missing; write %s", choice(zone.RecordTypes))
	}
	if r.Type.ok {
		r.Type.v = strings.ToUpper(r.Type.v)
	}
	typ := b.word(r.Type, "", zone.RecordTypes, nil)
	if !slices.Contains(zone.RecordTypes, typ) {
		return ""
	}
	return typ
}

// recordName returns "" after a report.
func (b *builder) recordName(r rawRecord, typ string) string {
	t := r.Name
	if !t.given {
		b.missing(r.Head.sub("name"), `missing; write the name that the record is for, such as "nas.example.org"`)
	}
	if !t.ok {
		return ""
	}
	if addr, err := netip.ParseAddr(t.v); err == nil && typ == "PTR" && addr.Zone() == "" {
		if addr = addr.Unmap(); addr.Is4() {
			return reverseZone(addr, 4)
		}
		return reverseZone(addr, 32)
	}
	name, problem := hostName(t.v)
	reverse := strings.HasSuffix(name, ".in-addr.arpa") || strings.HasSuffix(name, ".ip6.arpa")
	switch {
	case problem != "":
		b.fail(t.at, "%s %s", show(t.v), problem)
		return ""
	case typ == "PTR" && !reverse:
		b.fail(t.at, `%s is not the name of an address; write the address itself, such as name = "192.168.1.20"`, show(t.v))
		return ""
	}
	return name
}

// recordValues reads the values into rec.
func (b *builder) recordValues(r rawRecord, rec *zone.Record) {
	if !r.Value.given || r.Value.ok && len(r.Value.v) == 0 {
		b.missing(r.Head.sub("value"), `missing; write one value, or a list of them in brackets`)
		return
	}
	for _, t := range r.Value.v {
		rec.Values = append(rec.Values, t.v)
		if rec.Type == "" {
			continue
		}
		one := zone.Record{Name: "x.example", Type: rec.Type, Values: []string{t.v}}
		if err := one.Check(); err != nil {
			b.fail(t.at, "%v", err)
			return
		}
	}
	whole := zone.Record{Name: "x.example", Type: rec.Type, Values: rec.Values}
	if rec.Type != "" && r.Value.ok {
		if err := whole.Check(); err != nil {
			b.fail(r.Value.at, "the record cannot be: %v", err)
		}
	}
}

// recordFits reports what does not go together with other records or with the
// names of services.
func (b *builder) recordFits(r rawRecord, rec zone.Record, seen map[string]map[string]origin, c *Config) {
	others := seen[rec.Name]
	if others == nil {
		others = map[string]origin{}
		seen[rec.Name] = others
	}
	if first, twice := others[rec.Type]; twice {
		b.fail(r.Head, "%s has a record of type %s already, %s; write all values in one", rec.Name, rec.Type, first)
		return
	}
	for _, typ := range slices.Sorted(maps.Keys(others)) {
		if rec.Type == "CNAME" || typ == "CNAME" {
			b.fail(r.Head, "%s has a CNAME record and another one, %s; a name with a CNAME record can have no other, so take out one of the two", rec.Name, others[typ])
			return
		}
	}
	others[rec.Type] = r.Head
	if rec.Type != "A" && rec.Type != "AAAA" && rec.Type != "CNAME" {
		return
	}
	for _, s := range c.Services {
		if slices.Contains(s.Names, fact.CanonicalName(rec.Name)) {
			b.fail(r.Name.at, "%s is a name of service %s, which says where it leads; take out the record, or the name in names or domain", show(rec.Name), show(s.Name))
			return
		}
	}
}
