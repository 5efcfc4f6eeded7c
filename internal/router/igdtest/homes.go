package igdtest

// Routers of people's homes: what owners and other programs' authors have
// reported of them. Give one to Router.Behave.

import (
	"net/netip"
	"time"
)

// ARRIS refuses leases that end as invalid arguments (402), and takes those
// without an end.
func ARRIS(b *Behaviour) {
	b.Manufacturer, b.Model = "ARRIS", "SBG6950AC2"
	b.Services = []Service{{Type: WANIP1}}
	b.RefusesLeases = 402
}

// MikroTik takes permanent leases only (725), and has a connection device for
// each of its lines, of which the last is connected.
func MikroTik(b *Behaviour) {
	b.Manufacturer, b.Model = "MikroTik", "Router OS"
	b.RefusesLeases = 725
	b.Services = []Service{
		{Type: WANIP1, Device: 0, Status: "Disconnected", WAN: "0.0.0.0"},
		{Type: WANPPP, Device: 1, Status: "Disconnected", WAN: "0.0.0.0"},
		{Type: WANIP1, Device: 2, Status: "Connected"},
	}
}

// Netgear takes permanent leases only (725).
func Netgear(b *Behaviour) {
	b.Manufacturer, b.Model = "NETGEAR, Inc.", "Nighthawk R7000"
	b.Services = []Service{{Type: WANIP1}, {Type: WANPPP, Status: "Unconfigured", WAN: "0.0.0.0"}}
	b.RefusesLeases = 725
}

// DDWRT takes every mapping and says that its lease runs; one that ends is gone
// after two seconds, or at once with Router.DropLeases.
func DDWRT(b *Behaviour) {
	b.Manufacturer, b.Model = "DD-WRT", "DD-WRT:NETGEAR R7000"
	b.Services = []Service{{Type: WANIP1}}
	b.LeasesLast = 2 * time.Second
}

// Technicolor makes every lease a day long.
func Technicolor(b *Behaviour) {
	b.Manufacturer, b.Model = "Technicolor", "TG789vac v2"
	b.Services = []Service{{Type: WANPPP}}
	b.Rewrites = func(e *Entry) { e.LeaseSeconds = 86400 }
}

// Tomato does not make a lease longer when it is asked for again.
func Tomato(b *Behaviour) {
	b.Manufacturer, b.Model = "Tomato", "Tomato 1.28"
	b.Services = []Service{{Type: WANIP1}}
	b.NeverRenews = true
}

// Linksys says 501, its code for any failure, where there is no entry.
func Linksys(b *Behaviour) {
	b.Manufacturer, b.Model = "Linksys", "WRT54G"
	b.Services = []Service{{Type: WANIP1}}
	b.NoEntry = 501
}

// FritzBox permits no mappings (606) until its owner does.
func FritzBox(b *Behaviour) {
	b.Manufacturer, b.Model = "AVM Berlin", "FRITZ!Box 7590"
	b.Faults["AddPortMapping"] = 606
}

// ZTE tells its WAN address with the octets in reverse.
func ZTE(b *Behaviour) {
	b.Manufacturer, b.Model = "ZTE", "F6600R"
	if addr, err := netip.ParseAddr(b.WAN); err == nil && addr.Is4() {
		o := addr.As4()
		b.WAN = netip.AddrFrom4([4]byte{o[3], o[2], o[1], o[0]}).String()
	}
}

// ASUS tells whatever is in its memory for a WAN address while it has none.
func ASUS(b *Behaviour) {
	b.Manufacturer, b.Model = "ASUSTeK Computer Inc.", "RT-AC86U"
	b.Services = []Service{{Type: WANIP1}}
	b.WAN = "\xb1\x02*\x80"
}

// HuaweiHG531 knows the types of the DSL Forum and no others.
func HuaweiHG531(b *Behaviour) {
	b.Manufacturer, b.Model = "Huawei Technologies Co., Ltd.", "HG531 V1"
	b.Domain, b.Root = "dslforum-org", "InternetGatewayDevice:1"
	b.Services = []Service{{Type: ForumPPP}}
	b.AnswersTo = func(target string) bool { return target == "urn:dslforum-org:device:InternetGatewayDevice:1" }
}

// TPLinkER605 answers searches from another port than they went to, and
// refuses protocols in lower case, as this router always does.
func TPLinkER605(b *Behaviour) {
	b.Manufacturer, b.Model = "TP-Link", "ER605"
	b.Services = []Service{{Type: WANIP1}}
	b.OtherPort = true
}

// TPLinkLoopback is a TP-Link whose LOCATION is on its own IPv6 loopback, where
// nobody can fetch it.
func TPLinkLoopback(b *Behaviour) {
	b.Manufacturer, b.Model = "TP-Link", "Archer"
	b.Location = func(string) string { return "http://[::1]:1900/rootDesc.xml" }
}
