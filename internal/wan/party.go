package wan

// Who is behind a source. Two sources of one company fail together and are
// wrong together, so they are one voice, whatever their host names.

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// parties are the domains of those who run several services, and the names of
// the DNS services.
var parties = map[string]string{
	"cloudflare.com":        "cloudflare",
	"cloudflare-dns.com":    "cloudflare",
	"icanhazip.com":         "cloudflare", // given to Cloudflare in 2021
	"icanhaztraceroute.com": "cloudflare",
	"one.one.one.one":       "cloudflare",
	"dns:cloudflare":        "cloudflare",
	"google.com":            "google",
	"googleapis.com":        "google",
	"domains.google":        "google",
	"dns.google":            "google",
	"dns:google":            "google",
	"opendns.com":           "cisco",
	"umbrella.com":          "cisco",
	"cisco.com":             "cisco",
	"webex.com":             "cisco",
	"dns:opendns":           "cisco",
	"amazonaws.com":         "amazon",
	"aws.amazon.com":        "amazon",
	"amazon.com":            "amazon",
}

// secondLevel are the labels under which a country's registry registers names
// at the third level.
var secondLevel = map[string]bool{"ac": true, "co": true, "com": true, "edu": true, "gov": true, "gob": true, "gv": true, "ne": true, "net": true, "nom": true, "or": true, "org": true}

// party is the independent party behind the source called name, as in the
// config. One that is not known is the domain that was probably registered, so
// that two hosts of one domain are never taken for two parties. A name without
// a host is its own party.
func party(name string) string {
	if known := parties[name]; known != "" {
		return known
	}
	host := hostOf(name)
	if host == "" {
		return name
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr = addr.Unmap(); fact.IsCloudflare(addr) || contains(cloudflareResolvers, addr) {
			return "cloudflare"
		}
		return addr.String()
	}
	for domain := host; ; {
		if known := parties[domain]; known != "" {
			return known
		}
		_, parent, found := strings.Cut(domain, ".")
		if !found {
			return registrable(host)
		}
		domain = parent
	}
}

// registrable is the last two labels of host, or three below such as "co.uk".
func registrable(host string) string {
	labels := strings.Split(host, ".")
	keep := 2
	if n := len(labels); n > 2 && len(labels[n-1]) == 2 && secondLevel[labels[n-2]] {
		keep = 3
	}
	return strings.Join(labels[max(len(labels)-keep, 0):], ".")
}

// hostOf is the host that a source's name speaks of, in lower case; empty
// where it speaks of none.
func hostOf(name string) string {
	if rest, ok := strings.CutPrefix(name, "stun:"); ok {
		name = "stun://" + rest
	}
	u, err := url.Parse(name)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
}
