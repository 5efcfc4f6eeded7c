package status

// The link clients: who asks us, and whether the LAN tells devices to.

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/lan/dhcp"
	"github.com/edgeguard/edgeguard/internal/lan/handed"
	"github.com/edgeguard/edgeguard/internal/lan/radv"
)

// maxPrivate bounds the lines of evidence on devices that ask elsewhere.
const maxPrivate = 8

// handedOut judges what the LAN hands out.
type handedOut struct {
	handed.Status
	us       netip.Addr
	looped   bool
	forwards bool // the router asks us
	told     []told
}

// told is a fault that was found.
type told struct {
	fault handedFault
	words words
}

// withHanded is the link of the DNS server's clients with what the LAN tells
// devices. Where nothing is known of that, it is the DNS server's alone.
func withHanded(in Inputs) fact.Link {
	link := in.DNS.ClientsLink
	if !spoken(in.Handed) || !spoken(in.DNS) {
		return link
	}
	h := handedIn(in)
	evidence := slices.Concat(link.Evidence, h.judgeDHCP(), h.judgeRouters())
	asked := link.Summary
	switch {
	case len(h.told) > 0:
		first := h.told[0]
		link.Summary, link.Action = first.fault.in(first.words)
		if !h.looped {
			link.Verdict = fact.VerdictWarn
		}
		evidence = append([]string{asked}, evidence...)
		for _, t := range h.told[1:] {
			line, _ := t.fault.in(t.words)
			evidence = append(evidence, line)
		}
	case in.DNS.Asked && in.DNS.Clients == nil: // by one who cannot see who asks
	case link.Verdict == fact.VerdictUnknown && slices.ContainsFunc(h.DHCP, func(s dhcp.Server) bool { return h.leads(s.DNS) }):
		link.Summary, link.Action = nobodyAsks.in(words{})
	}
	for _, a := range h.ThroughRouter {
		evidence = append(evidence, words{who: a.String()}.in(lineThrough))
	}
	for _, p := range in.DNS.Private[:min(len(in.DNS.Private), maxPrivate)] {
		evidence = append(evidence, words{who: p.Address.String(), dns: p.Server}.in(linePrivateDNS))
	}
	link.Evidence = evidence
	return link
}

// handedIn is what the LAN hands out, yet to be judged.
func handedIn(in Inputs) *handedOut {
	h := &handedOut{Status: in.Handed, us: in.Handed.Local, looped: in.Hairpin.Loopback == hairpin.LoopbackYes}
	if in.LAN.Address.IsValid() {
		h.us = in.LAN.Address
	}
	h.forwards = slices.ContainsFunc(in.DNS.Clients, func(c dnsserver.ClientSeen) bool { return c.Address == h.Router && h.Router.IsValid() })
	return h
}

// Misled reports whether in.Handed leads devices past this server, as the link
// clients then says.
func Misled(in Inputs) bool {
	if !spoken(in.Handed) || !spoken(in.DNS) {
		return false
	}
	h := handedIn(in)
	h.judgeDHCP()
	h.judgeRouters()
	return len(h.told) > 0
}

// leads reports whether whoever asks these servers asks us, with all of them.
func (h *handedOut) leads(servers []netip.Addr) bool {
	return len(servers) > 0 && !slices.ContainsFunc(servers, func(a netip.Addr) bool { return !h.good(a) })
}

// good reports whether who asks addr asks us.
func (h *handedOut) good(addr netip.Addr) bool {
	return h.Ours(addr) || addr == h.us || h.forwards && addr == h.Router
}

// others are the servers that do not lead to us.
func (h *handedOut) others(servers []netip.Addr) (list []netip.Addr) {
	for _, a := range servers {
		if !h.good(a) {
			list = append(list, a)
		}
	}
	return list
}

// judgeDHCP looks at each server and returns the lines of evidence.
func (h *handedOut) judgeDHCP() (lines []string) {
	differ := len(h.DHCP) > 1 && slices.ContainsFunc(h.DHCP, func(s dhcp.Server) bool { return h.leads(s.DNS) })
	forwards := false
	for _, s := range h.DHCP {
		w := h.wordsOf(s.Address == h.Router, "DHCP", s.Address)
		line := words{who: s.Address.String(), dns: addressed(s.DNS)}.in(lineDHCP)
		others := h.others(s.DNS)
		w.dns = addressed(others)
		forwards = forwards || h.forwards && slices.Contains(s.DNS, h.Router)
		switch {
		case len(s.DNS) == 0:
			h.tell(dhcpNone, w)
		case others == nil && allOurs(h.Status, s.DNS):
			line += lineOurs
		case others == nil:
		case len(others) < len(s.DNS):
			h.tell(dhcpBeside, w)
		case differ:
			h.tell(dhcpDiffers, w)
		default:
			h.tell(dhcpElsewhere, w)
		}
		lines = append(lines, line)
	}
	switch {
	case forwards:
		lines = append(lines, lineForwards)
	case h.DHCP != nil && len(h.DHCP) == 0 && h.Boxed:
		lines = append(lines, lineBoxed)
	case h.DHCP != nil && len(h.DHCP) == 0:
		lines = append(lines, lineNobody)
	}
	if h.DHCPError != "" {
		lines = append(lines, h.DHCPError)
	}
	return lines
}

// judgeRouters looks at each IPv6 router and returns the lines of evidence.
func (h *handedOut) judgeRouters() (lines []string) {
	for _, r := range h.Routers {
		w := h.wordsOf(true, "IPv6", r.Router)
		line := words{who: r.Router.String(), dns: addressed(r.DNS)}.in(lineRDNSS)
		others := slices.DeleteFunc(h.others(r.DNS), func(a netip.Addr) bool { return h.forwards && sameHost(a, r.Router) })
		w.dns = addressed(others)
		switch {
		case len(r.DNS) == 0:
			line = ""
		case len(others) == 0 && allOurs(h.Status, r.DNS):
			line += lineOurs
		case len(others) == 0:
		case len(others) < len(r.DNS):
			h.tell(rdnssBeside, w)
		default:
			h.tell(rdnssElsewhere, w)
		}
		if line != "" {
			lines = append(lines, line)
		}
		if r.Other {
			lines = append(lines, words{who: r.Router.String()}.in(lineDHCPv6))
		}
	}
	if h.RoutersError != "" {
		lines = append(lines, h.RoutersError)
	}
	return lines
}

func (h *handedOut) tell(fault handedFault, w words) { h.told = append(h.told, told{fault, w}) }

// wordsOf names who hands out, by "DHCP" or "IPv6".
func (h *handedOut) wordsOf(router bool, what string, addr netip.Addr) words {
	w := words{us: "this host's LAN address", looped: h.looped}
	if h.us.IsValid() {
		w.us = h.us.String()
	}
	switch {
	case what == "IPv6":
		w.who, w.where = fmt.Sprintf("the IPv6 router %s", addr), "that router"
	case router:
		w.who, w.where = fmt.Sprintf("the router's DHCP (%s)", addr), "the router"
	default:
		w.who, w.where = fmt.Sprintf("the DHCP server %s", addr), addr.String()
	}
	return w
}

// sameHost reports whether two IPv6 addresses end in the same interface
// identifier (RFC 4291, section 2.5.1), as those of one router often do.
func sameHost(a, router netip.Addr) bool {
	if !a.Is6() || !router.Is6() {
		return a == router
	}
	x, y := a.As16(), router.As16()
	return x == y || [8]byte(x[8:]) == [8]byte(y[8:])
}

func allOurs(s handed.Status, list []netip.Addr) bool {
	return !slices.ContainsFunc(list, func(a netip.Addr) bool { return !s.Ours(a) })
}

// lan is nil while nobody has looked.
func (m maker) lan(in Inputs) *LAN {
	s := in.Handed
	if !spoken(s) {
		return nil
	}
	made := &LAN{
		DHCP: each(s.DHCP != nil, s.DHCP, func(d dhcp.Server) DHCPServer {
			return DHCPServer{
				Address: d.Address, DNS: append([]netip.Addr{}, d.DNS...), Ours: len(d.DNS) > 0 && allOurs(s, d.DNS),
				Domain: m.optional(d.Domain), Gateway: host(d.Gateway),
			}
		}),
		Advertisements: each(s.Routers != nil, s.Routers, func(r radv.Advertisement) Advertisement {
			return Advertisement{Router: r.Router, DNS: append([]netip.Addr{}, r.DNS...), Ours: allOurs(s, r.DNS), Other: r.Other}
		}),
		ThroughRouter: each(s.ThroughRouter != nil, s.ThroughRouter, func(a netip.Addr) netip.Addr { return a }),
		PrivateDNS: each(true, in.DNS.Private, func(p dnsserver.PrivateClient) PrivateDNS {
			return PrivateDNS{Address: p.Address, Server: m.text(p.Server), At: instant(p.At)}
		}),
		CheckedAt: instant(s.CheckedAt),
	}
	switch {
	case s.DHCPError != "" && s.RoutersError != "":
		made.LastError = m.optional(s.DHCPError + "; " + s.RoutersError)
	default:
		made.LastError = m.optional(s.DHCPError + s.RoutersError)
	}
	return made
}
