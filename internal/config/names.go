package config

// Host names: which are right, and to which service each belongs.

import (
	"cmp"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// hostName returns the canonical form of a host name (RFC 1123, section 2.1),
// or what is wrong with it, to be read after the name.
func hostName(text string) (name, problem string) {
	name = fact.CanonicalName(text)
	switch {
	case name == "":
		return "", "is no host name; write one, such as mqtt.example.org"
	case strings.Contains(name, "*"):
		return "", "has a wildcard; write each name in full, such as mqtt.example.org"
	case isAddr(name) || strings.Contains(name, ":"):
		return "", "is an address or has a port; write a host name alone, such as mqtt.example.org"
	case len(name) > 253:
		return "", "is longer than the 253 characters that a host name may have"
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		switch {
		case label == "":
			return "", "has an empty part between two dots"
		case len(label) > 63:
			return "", "has a part of more than 63 characters between two dots"
		case label[0] == '-' || label[len(label)-1] == '-':
			return "", "has a part that starts or ends with a hyphen"
		case strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "":
			return "", "has characters that no host name has; use letters, digits, hyphens and dots (other scripts in their xn-- form)"
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return "", "ends in a number, so that programs take it for an address; write a host name, such as mqtt.example.org"
	}
	return name, ""
}

// hostNames reads the names of a service, and its wildcards where it may have
// some.
func (b *builder) hostNames(list texts, wildcard bool) (names, wildcards []string) {
	for _, t := range list.v {
		name, problem := hostName(t.v)
		if strings.HasPrefix(t.v, "*.") {
			if name, problem = wildcardName(t.v, wildcard); problem == "" && !slices.Contains(wildcards, name) {
				wildcards = append(wildcards, name)
				continue
			}
		}
		switch {
		case problem != "":
			b.fail(t.at, "%s %s", show(t.v), problem)
		case slices.Contains(names, name) || slices.Contains(wildcards, name):
			b.fail(t.at, "%s is in this list already; write it once", show(name))
		default:
			names = append(names, name)
		}
	}
	return names, wildcards
}

// wildcardName returns the canonical form of a wildcard, or what is wrong with
// it, to be read after the name.
func wildcardName(text string, allowed bool) (name, problem string) {
	parent, problem := hostName(strings.TrimPrefix(text, "*."))
	switch {
	case !allowed:
		return "", "has a wildcard, which would take every name there from the world; write each name in full, such as mqtt.example.org, or set wildcard = true in this [[service]]"
	case problem != "":
		return "", problem
	case !strings.Contains(parent, "."):
		return "", "would stand for every name of a top-level domain; write a wildcard of your own domain, such as *.example.org"
	}
	return "*." + parent, ""
}

// claim is a service's claim on a name.
type claim struct {
	service Service
	index   int // among the services
	at      origin
}

// names gives each ddns domain to its service, and remembers which name
// is whose.
func (b *builder) names(raw *rawFile, c *Config) {
	claims := map[string]claim{}
	for i, s := range c.Services {
		for _, t := range raw.Service[i].Names.v {
			name := fact.CanonicalName(t.v)
			if !slices.Contains(s.Names, name) && !slices.Contains(s.Wildcards, name) {
				continue // reported
			}
			b.claim(claims, name, claim{s, i, t.at}, c, "configured")
		}
	}
	for i, rec := range c.DDNS.Records {
		if _, named := claims[rec.Domain]; named || rec.Domain == "" || i > 0 && c.DDNS.Records[i-1].Domain == rec.Domain {
			continue
		}
		at := raw.DDNS[b.tableOf[i]].Domain.at
		if strings.HasPrefix(rec.Domain, "*.") {
			b.warn(at, "LAN clients are not given a local address for the names below %s; add the wildcard to the names of its service, with wildcard = true there", strings.TrimPrefix(rec.Domain, "*."))
			continue
		}
		home := slices.IndexFunc(c.Services, func(s Service) bool { return !s.Remote })
		if !oneAddress(c.Services) {
			if home >= 0 && len(c.Services) > 1 {
				b.warn(at, "the services are at several addresses, so it is not known to which of them this name belongs, and LAN clients are not given a local address for it; add it to the names of its service")
			}
			continue
		}
		first := &c.Services[home]
		first.Names = append(first.Names, rec.Domain)
		b.claim(claims, rec.Domain, claim{*first, home, at}, c, "configured as a ddns domain")
	}
	slices.SortFunc(c.told.names, func(x, y toldName) int { return cmp.Compare(x.name, y.name) })
	b.ownNames(raw, c, claims)
}

// claim enters a claim and its override. Services may share a name where they
// share their addresses.
func (b *builder) claim(claims map[string]claim, name string, by claim, c *Config, reason string) {
	first, taken := claims[name]
	if !taken {
		claims[name] = by
		if !by.service.Remote {
			c.told.names = append(c.told.names, toldName{name, reason, by.index})
		}
		return
	}
	x, y := first.service, by.service
	if x.placed() && y.placed() && !x.samePlace(y) {
		b.fail(by.at, "%s is a name of service %s too, %s, which is at another address; a name leads to one host only, so take it out of one of the two",
			show(name), show(x.Name), first.at)
	}
}

// oneAddress reports whether all services of the home are in one known place.
func oneAddress(services []Service) bool {
	place := ""
	for _, s := range services {
		if s.Remote {
			continue
		}
		if !s.placed() || place != "" && s.place() != place {
			return false
		}
		place = s.place()
	}
	return place != ""
}
