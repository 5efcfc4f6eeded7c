package snippet

// DNS servers that people run.

import (
	"fmt"
	"strings"
)

func serverKinds() []kind {
	return []kind{
		{"dnsmasq", "dnsmasq", "/etc/dnsmasq.d/edgeguard.conf, then restart dnsmasq", writeDnsmasq},
		{"pihole-v5", "Pi-hole 5", "/etc/dnsmasq.d/99-edgeguard.conf, then `pihole restartdns`", writeDnsmasq},
		{"pihole-v6", "Pi-hole 6", "a shell on the Pi-hole's host", writePihole6},
		{"adguardhome", "AdGuard Home", "AdGuardHome.yaml, below filtering: in the place of rewrites: (stop AdGuard Home first, start it again afterwards)", writeAdGuard},
		{"unbound", "unbound", "/etc/unbound/unbound.conf.d/edgeguard.conf, then `unbound-control reload`", writeUnbound},
		{"bind", "BIND 9", "/etc/bind/edgeguard.rpz, the zone's file; the first lines say what goes into named.conf", writeBIND},
	}
}

// dnsmasqLines have dnsmasq answer for each name alone. host-record gives the
// addresses; local keeps the other types from being asked of the world, and
// takes the names below along, which server gives back.
func dnsmasqLines(in Input) (lines []string) {
	for _, n := range in.Names {
		zone, wild := n.zone()
		if wild {
			for _, a := range n.addrs() {
				lines = append(lines, fmt.Sprintf("address=/*.%s/%s", zone, a))
			}
			lines = append(lines, fmt.Sprintf("local=/*.%s/", zone))
			continue
		}
		for i := range max(len(n.V4), len(n.V6)) { // one of each family to a line
			line := "host-record=" + n.Name
			if i < len(n.V4) {
				line += "," + n.V4[i].String()
			}
			if i < len(n.V6) {
				line += "," + n.V6[i].String()
			}
			lines = append(lines, line)
		}
		lines = append(lines, fmt.Sprintf("local=/%s/", n.Name))
		if !in.covered("*." + n.Name) {
			lines = append(lines, fmt.Sprintf("server=/*.%s/#", n.Name))
		}
	}
	return lines
}

// covered reports whether a wildcard is among the names.
func (in Input) covered(wildcard string) bool {
	for _, n := range in.Names {
		if n.Name == wildcard {
			return true
		}
	}
	return false
}

func writeDnsmasq(in Input) (string, []string) {
	return strings.Join(dnsmasqLines(in), "\n"), append([]string{"Needs dnsmasq 2.86 or later, for the lines with *."}, in.deepNote()...)
}

func writePihole6(in Input) (string, []string) {
	lines := dnsmasqLines(in)
	if len(lines) == 0 {
		return "", nil
	}
	return "sudo pihole-FTL --config misc.etc_dnsmasq_d true\n" +
			"sudo tee /etc/dnsmasq.d/99-edgeguard.conf >/dev/null <<'EOF'\n" + strings.Join(lines, "\n") + "\nEOF\n" +
			"sudo systemctl restart pihole-FTL\n",
		append([]string{
			"The page Settings, Local DNS Records holds the addresses as well, but asks the world for AAAA where it knows A only.",
			"In a container, /etc/dnsmasq.d must be a volume for the file to last.",
		}, in.deepNote()...)
}

func writeAdGuard(in Input) (string, []string) {
	if len(in.Names) == 0 {
		return "", nil
	}
	var b strings.Builder
	b.WriteString("  rewrites:\n")
	for _, n := range in.Names {
		for _, a := range n.addrs() {
			fmt.Fprintf(&b, "    - domain: '%s'\n      answer: '%s'\n      enabled: true\n", n.Name, a)
		}
	}
	return b.String(), append([]string{
		"Rewrites that are there already belong into the same list. On the page, Filters, DNS rewrites takes the same pairs one by one.",
		"A rewrite with IPv4 alone answers AAAA with nothing, as it should be.",
	}, in.deepNote()...)
}

func writeUnbound(in Input) (string, []string) {
	list := in.exact()
	notes := in.wildNote("unbound's wildcards (local-zone redirect) take the name above along")
	if len(list) == 0 {
		return "", notes
	}
	var b strings.Builder
	b.WriteString("server:\n")
	for _, n := range list {
		fmt.Fprintf(&b, "    local-zone: \"%s.\" transparent\n", n.Name)
		for _, a := range n.addrs() {
			fmt.Fprintf(&b, "    local-data: \"%s. 60 IN %s %s\"\n", n.Name, recordType(a), a)
		}
	}
	return b.String(), append([]string{"With transparent, the types that are not listed are answered with nothing, and names below are asked of the world; typetransparent would ask the world for AAAA."}, notes...)
}

func writeBIND(in Input) (string, []string) {
	if len(in.Names) == 0 {
		return "", nil
	}
	var b strings.Builder
	b.WriteString(`; In named.conf, within options { }:
;     response-policy { zone "edgeguard.rpz"; } break-dnssec yes qname-wait-recurse no;
; and beside it:
;     zone "edgeguard.rpz" { type primary; file "/etc/bind/edgeguard.rpz"; allow-query { none; }; check-names ignore; };
$TTL 60
@ IN SOA localhost. root.localhost. 1 3600 600 86400 60
@ IN NS localhost.
`)
	for _, n := range in.Names {
		for _, a := range n.addrs() {
			fmt.Fprintf(&b, "%s IN %s %s\n", n.Name, recordType(a), a)
		}
	}
	return b.String(), append([]string{
		"A response policy zone answers for these names alone; the types that are not listed are answered with nothing.",
		"Where response-policy is there already, add the zone to it.",
	}, in.deepNote()...)
}
