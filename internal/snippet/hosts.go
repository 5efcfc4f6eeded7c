package snippet

// Single devices.

import (
	"fmt"
	"strings"
)

func hostKinds() []kind {
	return []kind{
		{"hosts-unix", "Linux, macOS and other Unixes: the hosts file", "/etc/hosts, added at its end as root", writeHosts},
		{"hosts-windows", "Windows: the hosts file", `C:\Windows\System32\drivers\etc\hosts, added at its end as administrator`, writeHostsWindows},
		{"systemd-resolved", "systemd-resolved", "/etc/systemd/resolved.conf.d/edgeguard.conf, then `systemctl restart systemd-resolved`", writeResolved},
	}
}

func hostsLines(in Input) (string, []string) {
	var b strings.Builder
	for _, n := range in.exact() {
		for _, a := range n.addrs() {
			fmt.Fprintf(&b, "%s\t%s\n", a, n.Name)
		}
	}
	return b.String(), append([]string{"A hosts file counts everywhere: on a laptop that leaves the house the names lead nowhere then."},
		in.wildNote("a hosts file holds no wildcards")...)
}

func writeHosts(in Input) (string, []string) { return hostsLines(in) }

func writeHostsWindows(in Input) (string, []string) {
	text, notes := hostsLines(in)
	return text, append(notes, "`ipconfig /flushdns` makes it count at once.")
}

func writeResolved(in Input) (string, []string) {
	if !in.DNS.IsValid() {
		return "# The LAN address at which edgeguard's DNS server answers is not known here.", nil
	}
	if len(in.Names) == 0 {
		return "", nil
	}
	var domains []string
	seen := map[string]bool{}
	for _, n := range in.Names {
		if zone, _ := n.zone(); !seen[zone] {
			seen[zone] = true
			domains = append(domains, "~"+zone)
		}
	}
	return fmt.Sprintf("[Resolve]\nDNS=%s\nDomains=%s\n", in.DNS, strings.Join(domains, " ")), []string{
		"It asks edgeguard's DNS server for these names and what is below them, and whom it asked before for the rest. It must be reached at port 53.",
		"Where edgeguard is not in reach, as on a laptop outside of the house, the names are not found.",
	}
}
