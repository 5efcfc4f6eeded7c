//go:build linux

package lab

// The faults of what lies towards the street: address, record, forward.

var wanFaults = []Fault{
	{
		ID: "wan-double-nat", Title: "There is a second router in front of the first.", Link: "wan", Verdict: "fail",
		Summary: `Double NAT: the router's own public side is the private address {behind}, so forwarding cannot work because calls from the internet end at another router in front of it (the internet sees {wan}).`,
		Action:  `If there is a second box in front of the router, put it into bridge mode, or forward the port on it to {behind} as well. If there is none, the provider itself translates addresses: ask it for a public IPv4 address.`,
		More:    `Where the box in front speaks UPnP, the sentence names it. The record goes on saying {wan}, as that is where a forward on both boxes would be reached.`,
	},
	{
		ID: "wan-cgnat", Title: "The provider shares one address among many homes.", Link: "wan", Verdict: "fail",
		Summary: `Carrier-grade NAT: the provider gave the router {shared}, an address shared with other homes, so forwarding cannot work because calls from the internet end at the provider (the internet sees {wan}).`,
		Action:  `Ask the internet provider for a public IPv4 address of your own (often called dual stack, an IPv4 option or a static address); no setting at home can replace it.`,
		More:    `Addresses from 100.64.0.0 to 100.127.255.255 are for this and nothing else (RFC 6598).`,
	},
	{
		ID: "wan-ds-lite", Title: "The provider gives IPv6 only, and IPv4 through a tunnel.", Link: "wan", Verdict: "fail",
		Summary: `DS-Lite: the router has no IPv4 address of its own ({tunnel} is the end of a tunnel to the provider), so forwarding cannot work because calls from the internet end at the provider (the internet sees {wan}).`,
		Action:  `Ask the internet provider for a public IPv4 address (often called dual stack or an IPv4 option), or be reached over IPv6 only; no setting at home can replace it.`,
	},
	{
		ID: "wan-disagree", Title: "The router and the internet name different public addresses.", Link: "wan", Verdict: "warn",
		Summary: `{wan} stays published but could not be confirmed: the router gives {other}, the internet sees {wan}; likely the provider's own NAT behind public-looking addresses (a hidden carrier-grade NAT), a VPN that this host's traffic leaves by, or a provider that translates addresses one to one.`,
		Action:  `Let this host's traffic leave by the router and not by a VPN. If forwards reach you all the same, the provider translates one to one: name two outside services in [wan] sources instead of the router, or "static:{wan}" if it never changes. Otherwise ask the provider for a public IPv4 address of your own.`,
		More:    `Nothing is published that only one of them says.`,
	},
	{
		ID: "wan-no-address", Title: "The router has lost its connection to the provider.", Link: "wan", Verdict: "warn",
		Summary: `{wan} stays published but could not be confirmed: the router says that it has no public IPv4 address.`,
		Action:  `Check the router's internet connection. If it has IPv6 only (DS-Lite), ask the provider for a public IPv4 address; if the router is only an access point, remove "igd", "natpmp" and "pcp" from [wan] sources.`,
		More:    `The record is left as it is: an unknown address is no reason to take it away.`,
	},
	{
		ID: "wan-outside-silent", Title: "The home has moved, and nobody outside can confirm the new address.", Link: "wan", Verdict: "warn",
		Summary: `{before} stays published but could not be confirmed: the router gives {wan}, and no outside service answered.`,
		Action:  `Nothing, if the connection has just been renewed: it is asked again by itself. Otherwise check the internet connection.`,
		More:    `The new address is published as soon as one outside service says the same.`,
	},
	{
		ID: "wan-outside-odd", Title: "Something on the way answers in place of the outside services.", Link: "wan", Verdict: "warn",
		Summary: `{before} stays published but could not be confirmed: the outside answered {behind}, a private address (RFC 1918).`,
		Action:  `Check for a proxy, a VPN or a filter between this host and the internet, or use another outside service in [wan] sources.`,
	},
}

var ddnsFaults = []Fault{
	{
		ID: "ddns-provider-down", Title: "The DDNS provider is out of order.", Link: "ddns", Verdict: "warn",
		Summary: `Could not confirm that {name} says {wan}, so from outside the name may not lead here: www.duckdns.org answered with HTTP status 502.`,
		Action:  `Nothing for now: it is tried again by itself. If it stays so, look whether the provider's own pages work, and whether this host reaches them.`,
		More:    `With each failure the wait before the next attempt grows, up to an hour. Clients at home are not affected.`,
	},
	{
		ID: "ddns-edited", Title: "Somebody else keeps changing the record.", Link: "ddns", Verdict: "warn",
		Summary: `{name} should say {wan}; it says {other}, because somebody else keeps changing it: it was put right once already, and will be again later.`,
		Action:  `Find who else writes the record, such as another DDNS client or the router's own, and switch that off.`,
		More:    `A record that is changed by hand is put right at once, the first time. After that edgeguard waits, an hour and then longer, as two programs that write the same record against each other get both accounts blocked.`,
	},
	{
		ID: "ddns-provider-silent", Title: "The DDNS provider does not answer.", Link: "ddns", Verdict: "warn",
		Summary: `Could not confirm that {name} says {wan}, so from outside the name may not lead here: www.duckdns.org did not answer in time.`,
		Action:  `Nothing for now: it is tried again by itself. If it stays so, look whether the provider's own pages work, and whether this host reaches them.`,
	},
	{
		ID: "ddns-token-wrong", Title: "DuckDNS refuses the token or the name.", Link: "ddns", Verdict: "warn",
		Summary: `{name} should say {wan}, and writing that failed, so from outside the name does not lead here: DuckDNS refused the update (KO): the token is wrong, or the name does not belong to its account.`,
		Action:  `Compare the token and the name with those shown at duckdns.org.`,
		More:    `DuckDNS says the same two letters when it is out of order, so it is asked twice more, ten minutes and an hour later. Then the link fails, and nothing is written until the config is changed.`,
	},
	{
		ID: "ddns-token-withdrawn", Title: "Cloudflare does not accept the token.", Link: "ddns", Verdict: "fail",
		Summary: `{cloud} is no longer updated: api.cloudflare.com does not accept the token: Invalid access token (9109).`,
		Action:  `Make a new API token with the permissions Zone:Read and DNS:Edit for the zone, and put it into the config. Updates begin again once the record's config is changed.`,
		More:    `While the record is right the token is not used, so one that was withdrawn shows only when the address changes.`,
	},
	{
		ID: "ddns-zone-of-nobody", Title: "The record's zone is not in the account.", Link: "ddns", Verdict: "warn",
		Summary: `{cloud} should say {wan}, and writing that failed, so from outside the name does not lead here: Cloudflare shows this token 0 zones named {parent}, not one.`,
		Action:  `Give the token the permissions Zone:Read and DNS:Edit for that zone, or name the right zone with the key zone.`,
	},
	{
		ID: "ddns-proxied", Title: "The record is behind Cloudflare's proxy.", Link: "ddns", Verdict: "fail",
		Summary: `{cloud}: the record is proxied by Cloudflare (orange cloud): clients reach Cloudflare's servers, and MQTT on port 8883 cannot pass them.`,
		Action:  `In Cloudflare's DNS settings, switch the record's proxy off (grey cloud, "DNS only").`,
	},
	{
		ID: "ddns-port-53-hijacked", Title: "The router or the provider answers DNS in others' names.", Link: "ddns", Verdict: "warn",
		Summary: `Could not confirm that {name} says {wan}: something on the way answers DNS questions (port 53) in the place of the authoritative servers.`,
		Action:  `Take this host out of the rule that redirects DNS (port 53) on the router, often called DNS protection, DNS hijacking or parental control; if it is the internet provider's doing, have it switched off. Until then, encrypted servers under upstreams in [dns] let a resolver see the record in their place.`,
		More:    `What such a server says is no reason to write the record again.`,
	},
}

var forwardFaults = []Fault{
	{
		ID: "forward-taken", Title: "Another device holds the port.", Link: "forward", Verdict: "fail",
		Summary: `The internet does not reach mqtt: port 8883 is held by {pi} 'console' for another 7 days.`,
		Action:  `Delete that entry in the router or wait for its end, or choose another external_port for the service "mqtt".`,
		More:    `Another's forward is never deleted or replaced. It is looked at again every few minutes, and when it is gone edgeguard makes its own.`,
	},
	{
		ID: "forward-router-gone", Title: "The router no longer answers.", Link: "forward", Verdict: "fail",
		Summary: `The router does not forward port 8883, so the internet does not reach mqtt: the router gives no answer now that would make the forward, though it did before: no router that speaks UPnP-IGD answered at the gateway's address {router}.`,
		Action:  `If edgeguard runs in a container without the host's network (on Docker's bridge, say), its gateway is the engine and not the router: give it the host's network, or set router and address under [lan], and event_port under [wan] to a TCP port that the container publishes. Otherwise: Look whether UPnP is still switched on in the router, and restart it. If it has been replaced by one without UPnP, forward the port in it by hand.`,
		More:    "The link `wan` warns as well where the router was one of only two that say what the public address is. The first part of the action is there only where edgeguard may be in a container.",
		Also:    []string{"wan warn"},
	},
	{
		ID: "forward-denied", Title: "The router does not allow the forward.", Link: "forward", Verdict: "fail",
		Summary: `The router does not forward port 8883, so the internet does not reach mqtt: the router does not permit this forward (error 606): this host may not forward ports, or not to another host than itself.`,
		Action:  `Allow this host to forward ports in the router's UPnP settings, or forward the port there by hand and set methods = ["manual"] under [portmap].`,
		More:    `Many routers have such a permission for each device.`,
	},
	{
		ID: "forward-elsewhere", Title: "The router forwards only to the host that asks.", Link: "forward", Verdict: "fail",
		Summary: `The router does not forward port 8883, so the internet does not reach mqtt: the router's secure mode refuses a forward to another host than the one asking (error 718): it would lead to {pi}.`,
		Action:  `Set relay = "auto" under [portmap], so that edgeguard passes the connections on to {pi}. Or: Run edgeguard on {pi} itself (in a container, with the host's network), or forward the port there by hand. Or switch secure mode off in the router.`,
	},
	{
		ID: "forward-manual", Title: "The forward is to be made by hand, and is missing.", Link: "forward", Verdict: "warn",
		Summary: `Forwarding port 8883 is left to you, and mqtt was not reached at its public address ({wan}:8883 refuses calls from inside (connection refused)): the forward is missing, or the router does not lead its own home there (no NAT loopback), which cannot be told apart from inside.`,
		Action:  `Try mqtt from outside, by a phone on mobile data: if it answers there, all is well. Else: Forward the port in the router, unless that is done: (1) Open the router's page, http://{router}/, and log in. (2) Find port forwarding (also called port sharing, virtual server or NAT). (3) Add: protocol TCP, external port 8883, to {nas}, internal port 8883. (4) Save it, and see that it is switched on. (5) In the DHCP settings, let {nas} keep this address for good.`,
		More:    "The same is said where forwarding is switched off (`enabled = false` under `[portmap]`). A checker on the Internet (`check_url` under `[outside]`) tells the two apart.",
	},
	{
		ID: "forward-odd-port", Title: "The port outside is another than at home.", Link: "forward", Verdict: "warn",
		Summary: `The router forwards port 8884 to {broker}, but mqtt has port 8884 outside and port 8883 at home, and DNS cannot change a port: at home the name leads to {nas} itself, where only port 8883 answers. Clients that are used in both places must be told both ports, or the service's port and its external_port be made the same.`,
		Action:  `Give clients at home port 8883 and clients outside port 8884, or make the service's port and its external_port the same.`,
	},
	{
		ID: "forward-blocked", Title: "The provider blocks the port.", Link: "forward", Verdict: "warn",
		Summary: `A checker on the Internet does not reach mqtt at port 8883, though the router forwards it: something in front of the router, or on the way to the service, drops the call.`,
		Action:  `Ask your provider whether it blocks incoming port 8883; look for a second router in front of this one, and forward the port there, too; look into the router's and the service's host's firewall. Another external_port may get through.`,
		More:    "Only a checker on the Internet can see this, so one must be configured (`check_url` under `[outside]`). It is asked twice before it is believed.",
	},
}
