package snippet

// NAT loopback: the router itself leads devices at home back in when they call
// the public address, so that no DNS server need say anything else.

import (
	"fmt"
	"strings"
)

func loopbackKinds() []kind {
	return []kind{
		{"loopback-fritzbox", "NAT loopback: FRITZ!Box", "nowhere", plain("# Nothing to set: a FRITZ!Box loops forwarded ports back by itself.")},
		{"loopback-openwrt", "NAT loopback: OpenWrt", "a shell on the router (ssh)", writeOpenWrtLoopback},
		{"loopback-mikrotik", "NAT loopback: MikroTik RouterOS", "a terminal of the router (ssh or WinBox)", writeMikroTikLoopback},
		{"loopback-unifi", "NAT loopback: UniFi gateways", "nowhere", plain("# Nothing to set: a UniFi gateway adds the hairpin rules for each port forward by itself.")},
		{"loopback-pfsense", "NAT loopback: pfSense", "System, Advanced, Firewall & NAT, Network Address Translation",
			plain("NAT Reflection mode for port forwards: Pure NAT\nEnable automatic outbound NAT for Reflection: checked\n")},
		{"loopback-opnsense", "NAT loopback: OPNsense", "Firewall, Settings, Advanced, Network Address Translation",
			plain("Reflection for port forwards: checked\nAutomatic outbound NAT for Reflection: checked\n")},
		{"loopback-asus", "NAT loopback: ASUS", "the router's page", plain("NAT Loopback: on\n",
			"Where the setting is, and whether there is one, depends on the firmware: not confirmed for all. Most loop back by themselves.")},
		{"loopback-linksys", "NAT loopback: Linksys", "Security, Firewall, Internet filters", plain("Filter Internet NAT Redirection: not checked\n",
			"The name of the page depends on the model: not confirmed for all.")},
		{"loopback-tplink", "NAT loopback: TP-Link", "nowhere", plain("# There is no setting: most models loop back by themselves.",
			"Not confirmed for all models; `edgeguard doctor` sees whether yours does.")},
		{"loopback-netgear", "NAT loopback: Netgear", "nowhere", plain("# There is no setting: most models loop back by themselves.",
			"Not confirmed for all models; `edgeguard doctor` sees whether yours does.")},
		{"loopback-provider", "NAT loopback: boxes of internet providers (Technicolor, Sagemcom, Arris, …)", "nowhere",
			plain("# Most have no setting, and many do not loop back: keep to DNS with these.",
				"Not confirmed for all models; `edgeguard doctor` sees whether yours does.")},
	}
}

// plain is a text that does not depend on the input.
func plain(text string, notes ...string) func(Input) (string, []string) {
	return func(Input) (string, []string) { return text, notes }
}

const noService = "# No service with an IPv4 address is known that the router could forward to."

// fours are the services with an IPv4 address: NAT is for these.
func (in Input) fours() (list []Service) {
	for _, s := range in.Services {
		if s.Address.Addr().Is4() {
			list = append(list, s)
		}
	}
	return list
}

func writeOpenWrtLoopback(in Input) (string, []string) {
	list := in.fours()
	if len(list) == 0 {
		return noService, nil
	}
	var b strings.Builder
	for _, s := range list {
		fmt.Fprintf(&b, `uci add firewall redirect
uci set firewall.@redirect[-1].name='edgeguard-%s'
uci set firewall.@redirect[-1].target='DNAT'
uci set firewall.@redirect[-1].src='wan'
uci set firewall.@redirect[-1].dest='lan'
uci set firewall.@redirect[-1].proto='tcp'
uci set firewall.@redirect[-1].src_dport='%d'
uci set firewall.@redirect[-1].dest_ip='%s'
uci set firewall.@redirect[-1].dest_port='%d'
uci set firewall.@redirect[-1].reflection='1'
`, s.Name, s.ExternalPort, s.Address.Addr(), s.Address.Port())
	}
	b.WriteString("uci commit firewall\n/etc/init.d/firewall reload\n")
	return b.String(), []string{
		"Reflection is for forwards of the router's own config: these lines make the forward there, and edgeguard, which finds it, leaves it alone.",
		"On the page: Network, Firewall, Port Forwards, Advanced Settings, Enable NAT Loopback.",
	}
}

func writeMikroTikLoopback(in Input) (string, []string) {
	list := in.fours()
	switch {
	case len(list) == 0:
		return noService, nil
	case !in.LAN.IsValid():
		return "# The home's network is not known here.", nil
	}
	var b strings.Builder
	for _, s := range list {
		fmt.Fprintf(&b, "/ip firewall nat add chain=dstnat action=dst-nat src-address=%s dst-address-type=local dst-address=!%s protocol=tcp dst-port=%d to-addresses=%s to-ports=%d comment=edgeguard-%s\n",
			in.LAN, in.LAN, s.ExternalPort, s.Address.Addr(), s.Address.Port(), s.Name)
		fmt.Fprintf(&b, "/ip firewall nat add chain=srcnat action=masquerade src-address=%s dst-address=%s protocol=tcp dst-port=%d comment=edgeguard-%s\n",
			in.LAN, s.Address.Addr(), s.Address.Port(), s.Name)
	}
	return b.String(), []string{"The first rule of each service turns calls from the home to the public address around, the second has the answers come back through the router. Both go before other rules of their chains that would match."}
}
