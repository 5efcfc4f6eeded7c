//go:build linux

package lab

// The faults of the home's network: loopback, DNS, devices.

var hairpinFaults = []Fault{
	{
		ID: "hairpin-dropped", Title: "The router swallows calls from the home to its own public address.", Link: "hairpin", Verdict: "unknown",
		Summary: "It is not known whether the router loops back the public address: {wan}:8883 did not answer from inside (timeout), which can have many reasons. Devices at home that ask this DNS server reach the service either way.",
		More:    "A router that loops the public address back, and one that refuses such calls, are both known for what they are, and the link is `pass`: devices at home that ask this DNS server need no loopback.",
	},
}

var dnsFaults = []Fault{
	{
		ID: "dns-upstream-dead", Title: "The DNS servers that edgeguard asks for the world's names are gone.", Link: "dns", Verdict: "fail",
		Summary: "No upstream DNS server answers; names in the house are still answered, other names only while they are in the cache.",
		Action:  "Check that the internet connection is up, and that the servers under upstreams in [dns] can be reached from this host.",
		More:    "Several servers under `upstreams` help: one that answers is enough. The public record cannot be looked up meanwhile, so the link `ddns` may say that it could not be confirmed.",
		Also:    []string{"ddns warn"},
	},
	{
		ID: "dns-upstream-refuses", Title: "The DNS server that edgeguard asks answers nothing but refusals.", Link: "dns", Verdict: "fail",
		Summary: "No upstream DNS server answers; names in the house are still answered, other names only while they are in the cache.",
		Action:  "Check that the internet connection is up, and that the servers under upstreams in [dns] can be reached from this host.",
		More:    "What the link rests on names each server and what came of asking it, such as REFUSED: that one does not serve this home, and another must stand under `upstreams`.",
		Also:    []string{"ddns warn"},
	},
	{
		ID: "dns-listen-elsewhere", Title: "The DNS server is to listen on an address that this host does not have.", Link: "dns", Verdict: "fail",
		Summary: "The DNS server waits for {nobody}:53, so it answers nobody yet.",
		Action:  "Check that this host has that address and that no other program holds the port, or correct listen in [dns].",
		More:    "It is listened on as soon as the host has it, as after a start that was quicker than the network's.",
	},
}

var clientsFaults = []Fault{
	{
		ID: "clients-nobody", Title: "No device asks this DNS server.", Link: "clients", Verdict: "unknown",
		Summary: "No device in the house has asked this DNS server within the last hour, so none is known to get the local address.",
		Action:  "Enter {nas} as the DNS server in the router's DHCP page.",
	},
	{
		ID: "clients-nobody-though-told", Title: "The router tells devices of this DNS server, and none asks it.", Link: "clients", Verdict: "unknown",
		Summary: "DHCP tells devices to ask this DNS server, but none has within the last hour, so none is known to get the local answer.",
		Action:  "Connect a device to the network anew and look again: devices learn of a DNS server when they connect. One whose DNS server is set by hand, or that uses a private DNS or a VPN, asks another.",
	},
	{
		ID: "clients-dhcp-router", Title: "The router's DHCP hands out the router as the DNS server.", Link: "clients", Verdict: "warn",
		Summary: "The router's DHCP ({router}) tells devices to ask {router} for names, not this server, so phones at home that depend on the local answer do not get it.",
		Action:  "Set the DNS server of the DHCP in the router to {nas}, and no other; devices take it over when they next connect.",
		More:    "This is what nearly every router does at first. Where its page cannot change it, let the router itself ask this server for all names; or switch its DHCP off and run one elsewhere.",
	},
	{
		ID: "clients-dhcp-beside", Title: "DHCP hands out this DNS server and another one beside it.", Link: "clients", Verdict: "warn",
		Summary: "The router's DHCP ({router}) tells devices to ask {public} beside this server; devices ask either, and not the second only when the first fails, so phones at home that depend on the local answer do not get it each time.",
		Action:  "Take {public} out of the DNS servers of the DHCP in the router, so that {nas} is the only one.",
	},
	{
		ID: "clients-dhcp-none", Title: "DHCP hands out no DNS server.", Link: "clients", Verdict: "warn",
		Summary: "The router's DHCP ({router}) tells devices of no DNS server, and so not of this one, so phones at home that depend on the local answer do not get it.",
		Action:  "Set the DNS server of the DHCP in the router to {nas}, and no other; devices take it over when they next connect.",
	},
	{
		ID: "clients-dhcp-two", Title: "Two DHCP servers hand out different DNS servers.", Link: "clients", Verdict: "warn",
		Summary: "More than one DHCP server answers, and the DHCP server {pi} tells devices to ask {public} for names, not this server; which one a device believes is a matter of luck, so phones at home that depend on the local answer do not get it.",
		Action:  "Switch off the DHCP in {pi}, or set its DNS server to {nas}.",
	},
	{
		ID: "clients-rdnss", Title: "The router tells devices of another DNS server by IPv6.", Link: "clients", Verdict: "warn",
		Summary: "The IPv6 router {any} tells devices by IPv6 (RDNSS) to ask {any} for names, not this server; phones with IPv6 go by that whatever DHCP says, so phones at home that depend on the local answer do not get it.",
		Action:  "Switch off the DNS server in the IPv6 router advertisements (RDNSS) of that router, or set it to an IPv6 address of this host that does not change.",
	},
}
