package config

// [[ddns]]: the public records to keep. What each provider needs stands in the
// table of package provider, and is read from there.

import (
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

// The record types.
const (
	typeA    = "A"
	typeAAAA = "AAAA"
)

// ddns reads the [[ddns]] tables into c.DDNS.Records, one for each type of
// each, however broken.
func (b *builder) ddns(raw []rawDDNS, c *Config) {
	kinds := provider.Kinds()
	var words []string
	for _, k := range kinds {
		words = append(words, k.Word)
	}
	seen := map[recordKey]origin{}
	for i, r := range raw {
		if !r.Provider.given {
			b.missing(r.keyOf("provider"), "missing; write who keeps the record, %s", choice(words))
		}
		var kind *provider.Kind // nil where it is not known what is needed
		word := b.word(r.Provider, "", words, nil)
		if at := slices.IndexFunc(kinds, func(k provider.Kind) bool { return k.Word == word }); at >= 0 {
			kind = &kinds[at]
		}
		for _, rec := range b.recordsOf(r, word, kind, len(raw) == 1, seen) {
			c.DDNS.Records = append(c.DDNS.Records, rec)
			b.tableOf = append(b.tableOf, i)
		}
	}
}

// recordKey is what may be kept once only.
type recordKey struct{ domain, rrtype string }

// recordsOf reads one [[ddns]], which is the only one where alone is true. Kind
// is nil where the provider is not known. There is always a record.
func (b *builder) recordsOf(r rawDDNS, word string, kind *provider.Kind, alone bool, seen map[recordKey]origin) []ddns.RecordConfig {
	types := b.types(r.Types, kind)
	rec := ddns.RecordConfig{Domain: b.domain(r, kind, types, seen)}
	rec.Provider = word
	b.account(r, kind, rec.Domain, alone, &rec.Account)
	host := b.ipv6Host(r.IPv6Host, types)
	rec.DeleteOnExit = b.onExit(r.OnExit, kind)
	var list []ddns.RecordConfig
	for _, t := range types {
		one := rec
		one.Type = t
		if t == typeAAAA {
			one.Host = host
		}
		list = append(list, one)
	}
	return list
}

// types returns at least one type.
func (b *builder) types(t texts, kind *provider.Kind) []string {
	var types []string
	for _, one := range b.list(t, []string{typeA}) {
		switch {
		case one.v != typeA && one.v != typeAAAA:
			b.word(one, "", []string{typeA, typeAAAA}, nil)
		case one.v == typeAAAA && kind != nil && !kind.AAAA:
			b.fail(one.at, `%s keeps no IPv6 addresses; write "A" alone`, kind.Word)
		case slices.Contains(types, one.v):
			b.fail(one.at, "%q is in this list already; write it once", one.v)
		default:
			types = append(types, one.v)
		}
	}
	switch {
	case types == nil:
		return []string{typeA}
	case len(types) == 2 && kind != nil && kind.OneFamily:
		b.fail(t.at, `services of %s take away one address of a name when the other is set, so a name there has one; write ["A"] or ["AAAA"]`, kind.Word)
		return types[:1]
	}
	return types
}

// domain returns "" after a report.
func (b *builder) domain(r rawDDNS, kind *provider.Kind, types []string, seen map[recordKey]origin) string {
	t := r.Domain
	if !t.given {
		b.missing(r.keyOf("domain"), `missing; write the name that clients dial, such as "myhome.duckdns.org"`)
	}
	if !t.ok {
		return ""
	}
	name, problem := hostName(t.v)
	if parent, is := strings.CutPrefix(t.v, "*."); is {
		name, problem = ddnsWildcard(parent, kind)
	}
	switch {
	case problem != "":
		b.fail(t.at, "%s %s", show(t.v), problem)
		return ""
	case kind != nil && !strings.HasSuffix(name, kind.Suffix):
		b.fail(t.at, `%s is not below %s; write the whole name, such as "myhome%s"`, show(t.v), strings.TrimPrefix(kind.Suffix, "."), kind.Suffix)
		return ""
	case !strings.Contains(name, "."):
		b.fail(t.at, `%s has one label only; write the whole name, such as "mqtt.example.org"`, show(t.v))
		return ""
	}
	if kind != nil && kind.OneFamily && len(types) == 1 {
		// The other family in another table would be taken away just so.
		types = []string{typeA, typeAAAA}
	}
	for _, rrtype := range types {
		key := recordKey{name, rrtype}
		if first, twice := seen[key]; twice {
			b.fail(t.at, "this is the same domain as %s, for the same type %s; two writers of one record would undo each other's work, so take one out", first, rrtype)
			return name
		}
		seen[key] = t.at
	}
	return name
}

// ddnsWildcard returns the wildcard below parent, or what is wrong with it, to
// be read after the name.
func ddnsWildcard(parent string, kind *provider.Kind) (name, problem string) {
	parent, problem = hostName(parent)
	switch {
	case kind != nil && !kind.Wildcard:
		return "", "has a wildcard, which " + kind.Word + " does not keep; write each name in full, such as mqtt.example.org"
	case problem != "":
		return "", problem
	case !strings.Contains(parent, "."):
		return "", "would stand for every name of a top-level domain; write a wildcard of your own domain, such as *.example.org"
	}
	return "*." + parent, ""
}

// onExit reports whether the record is to be deleted at the end.
func (b *builder) onExit(t text, kind *provider.Kind) bool {
	word := b.word(t, "keep", []string{"keep", "delete"}, nil)
	if word != "delete" {
		return false
	}
	if kind != nil && !kind.Delete {
		b.fail(t.at, `%s cannot delete one record alone; write "keep", or leave the key out`, kind.Word)
	}
	return true
}
