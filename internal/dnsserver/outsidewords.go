package dnsserver

// What looking at names from outside means, in words.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// maxOutsideLines bounds the lines of evidence about names.
const maxOutsideLines = 32

// sayOutside adds to the link what the world says of the names. It is worth
// knowing and no failure: nearly all devices leave checking to their resolver.
func sayOutside(link *fact.Link, st Status) {
	var signed []string
	var lines []string
	for _, v := range st.Public {
		if v.SignedBy != "" {
			signed = append(signed, v.Name)
			lines = append(lines, fmt.Sprintf("%s lies in the signed zone %s: a device that checks DNSSEC signatures itself refuses the local address", v.Name, zoneInWords(v.SignedBy)))
		}
		i := slices.IndexFunc(st.Overrides, func(o zone.Override) bool { return o.Name == v.Name })
		for _, a := range v.AAAA {
			if i < 0 || !slices.Contains(st.Overrides[i].V6, a) {
				lines = append(lines, fmt.Sprintf("%s has the public IPv6 address %s; devices in the house are not told", v.Name, a))
			}
		}
		if v.HTTPS {
			lines = append(lines, v.Name+" has a public HTTPS record; devices in the house are not told, as its addresses and keys are those of the public server")
		}
		if v.CNAME != "" {
			lines = append(lines, fmt.Sprintf("%s is a public alias of %s; devices in the house are given the local address instead", v.Name, v.CNAME))
		}
	}
	for _, name := range st.Shadowed {
		lines = append(lines, fmt.Sprintf("%s is a service's name, but a record of yours is answered in its place", name))
	}
	link.Evidence = append(link.Evidence, lines[:min(len(lines), maxOutsideLines)]...)
	if len(signed) > 0 && link.Action == "" {
		link.Action = fmt.Sprintf("where a device refuses %s at home, and it checks DNSSEC signatures itself (systemd-resolved with DNSSEC=yes, unbound or a validating router on it), switch that off on the device, or give the service a name in an unsigned zone, such as a sub-domain delegated without a DS record or a name of a DDNS provider",
			strings.Join(signed[:min(len(signed), 3)], ", "))
	}
}

func zoneInWords(zone string) string {
	if zone == "." {
		return `"." (the root, which proves that its top-level domain does not exist)`
	}
	return zone
}
