package config

// [dns] upstreams and bootstrap: whom to ask.

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

// The default servers are chosen in docs/configuration.md. They are given by
// address, so that nobody has to be asked in plain for their names.
var (
	defaultUpstreams = []string{
		"tls://9.9.9.9#dns.quad9.net",
		"tls://149.112.112.112#dns.quad9.net",
		"https://9.9.9.9/dns-query#dns.quad9.net",
		"https://1.1.1.1/dns-query#cloudflare-dns.com",
	}
	defaultBootstrap = []string{"9.9.9.9", "149.112.112.112"}
)

// upstreams reads upstreams and bootstrap of [dns].
func (b *builder) upstreams(raw rawDNS, c *Config) {
	b.bootstrap(raw, c)
	c.Upstream.Specs = b.servers(b.list(raw.Upstreams, defaultUpstreams), raw, c, "upstreams", raw.Upstreams.given)
	var plain, encrypted bool
	for _, s := range c.Upstream.Specs {
		plain, encrypted = plain || !s.Protocol.Encrypted(), encrypted || s.Protocol.Encrypted()
	}
	if plain && encrypted {
		b.warn(raw.Upstreams.at, "plain and encrypted servers are mixed; the order counts among servers that are about as fast, and any of them may be asked anything, so whoever is on the way can read part of the questions")
	}
}

// bootstrap reads the servers that are asked where others are. An empty list
// means none.
func (b *builder) bootstrap(raw rawDNS, c *Config) {
	list := raw.Bootstrap.v
	if !raw.Bootstrap.given {
		list = b.list(raw.Bootstrap, defaultBootstrap)
	}
	for _, s := range b.servers(list, raw, c, "bootstrap", raw.Bootstrap.given) {
		c.Upstream.Bootstrap = append(c.Upstream.Bootstrap, s.AddrPort())
	}
}

// servers reads a list of servers, the value of key.
func (b *builder) servers(list []text, raw rawDNS, c *Config, key string, given bool) (specs []upstream.Spec) {
	seen := map[upstream.Spec]origin{}
	for _, t := range list {
		s, err := parseServer(t.v)
		alone := raw.Bootstrap.ok && len(raw.Bootstrap.v) == 0
		if err == nil && alone && s.Host != "" {
			err = fmt.Errorf("%s is given by name, and bootstrap is empty, so nobody could be asked where it is; write its IP address, or name a server in bootstrap", show(t.v))
		}
		if err == nil && key == "bootstrap" && (s.Protocol != upstream.UDP || !s.Addr.IsValid()) {
			err = fmt.Errorf(`%s cannot be asked before names can be found; write a plain IP address, such as "9.9.9.9"`, show(t.v))
		}
		if err != nil {
			b.fail(t.at, "%v", err)
			continue
		}
		if first, twice := seen[s.Key()]; twice {
			b.fail(t.at, "this is the same server as %s; write each once", first)
			continue
		}
		seen[s.Key()] = t.at
		if at := slices.IndexFunc(c.DNSListen, func(l Listen) bool { return !s.Protocol.Encrypted() && l.holds(s.AddrPort()) }); at >= 0 {
			place := t.at
			if !given {
				place = raw.Listen.at // a default has no place
			}
			b.fail(place, "%s is where edgeguard itself listens (%s), so it would ask itself for ever; name another server in %s", s.AddrPort(), c.DNSListen[at], key)
		}
		specs = append(specs, s)
	}
	return specs
}

// parseServer reads one server, and quotes nothing that may be a token.
func parseServer(text string) (upstream.Spec, error) {
	if looksSecret(text) {
		return upstream.Spec{}, errors.New(`this is no server; write an IP address such as "9.9.9.9", or a URL such as "tls://dns.quad9.net"`)
	}
	return upstream.Parse(text)
}

// plainServers returns the servers that can be asked in plain at once: those
// among the upstreams, or else the bootstrap servers.
func plainServers(c upstream.Config) (list []netip.AddrPort) {
	for _, s := range c.Specs {
		if s.Protocol == upstream.UDP && s.Addr.IsValid() {
			list = append(list, s.AddrPort())
		}
	}
	if len(list) == 0 {
		return slices.Clone(c.Bootstrap)
	}
	return list
}
