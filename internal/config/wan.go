package config

// [wan]: where to learn the public address.

import (
	"fmt"
	"strings"

	"github.com/edgeguard/edgeguard/internal/wan"
)

// defaultOutside is the echo service to name where one is missing.
const defaultOutside = "https://api.ipify.org"

// sources reads [wan].
func (b *builder) sources(raw rawWAN, c *Config) {
	c.WANSources = b.sourceList(raw.Sources, defaultSources, wan.ParseSource)
	near, words, parties := 0, 0, map[string]bool{}
	for _, spec := range c.WANSources {
		switch {
		case spec.Outside():
			parties[spec.Party()] = true
		case spec.Type == "static":
			words++
		default:
			near++
		}
	}
	switch given := raw.Sources.ok && len(c.WANSources) > 0; {
	case words > 1:
		b.fail(raw.Sources.at, "there is more than one static address; a home has one")
	case words == 1 || !given:
	case len(parties) == 0:
		b.warn(raw.Sources.at, "the router alone is never believed, so no public address will be found; add the URL of an echo service, such as %q", defaultOutside)
	case near == 0 && len(parties) == 1:
		b.warn(raw.Sources.at, `one company's word alone is never believed, so no public address will be found; add "igd" to ask the router, or a service of another company`)
	}
	c.WANSourcesIPv6 = b.sourceList(raw.SourcesIPv6, defaultSourcesIPv6, wan.ParseSourceIPv6)
	c.WANIPv6Interface = b.interfaceName(raw.IPv6Interface)
}

// sourceList reads one list of sources.
func (b *builder) sourceList(raw texts, absent []string, parse func(string) (wan.SourceSpec, error)) (list []wan.SourceSpec) {
	seen := map[wan.SourceSpec]origin{}
	for _, t := range b.list(raw, absent) {
		spec, err := parse(t.v)
		if looksSecret(t.v) {
			err = fmt.Errorf(`%s is no source; write "igd" or the URL of an HTTP echo service`, show(t.v))
		}
		if err != nil {
			b.fail(t.at, "%v", err)
			continue
		}
		if first, twice := seen[spec]; twice {
			b.fail(t.at, "this is the same source as %s; one source cannot confirm itself", first)
			continue
		}
		seen[spec] = t.at
		list = append(list, spec)
	}
	return list
}

// interfaceName reads the name of a network interface; empty where the key was
// not given.
func (b *builder) interfaceName(t text) string {
	if !t.ok {
		return ""
	}
	name := strings.TrimSpace(t.v)
	if _, err := wan.ParseSource("interface:" + name); err != nil {
		b.fail(t.at, `%s names no interface; write it like "eth0", or leave the key out for that of the IPv6 default route`, show(t.v))
	}
	return name
}
