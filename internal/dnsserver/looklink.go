package dnsserver

// What looking at the DNS server from outside found, in words.

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// looking is what all servers said.
type looking struct {
	cfg LookConfig
	all []*looked
}

// link is the chain's link "dns". The worst speaks; the rest is evidence.
func (l looking) link() fact.Link {
	if len(l.all) == 0 {
		return fact.Link{Summary: "where the DNS server is to listen is not known, as this host has no address in the LAN yet",
			Action: "connect this host to the network"}
	}
	link := fact.Link{Evidence: l.evidence()}
	names := fmt.Sprintf("%d names are", len(l.cfg.Overrides))
	if len(l.cfg.Overrides) == 1 {
		names = l.cfg.Overrides[0].Name + " is"
	}
	find := func(is func(*looked) bool) *looked {
		if i := slices.IndexFunc(l.all, is); i >= 0 {
			return l.all[i]
		}
		return nil
	}
	silent := find(func(o *looked) bool { return !o.answers })
	wrong := find(func(o *looked) bool { return len(o.wrong) > 0 })
	broken := find(func(o *looked) bool { return o.answers && o.failed != "" })
	worldless := find(func(o *looked) bool { return o.answers && o.world != "" })
	switch {
	case silent != nil && find(func(o *looked) bool { return o.answers }) == nil:
		link.Verdict = fact.VerdictFail
		link.Summary = fmt.Sprintf("nothing answers DNS questions at %s, so devices in the house that ask there find no name at all: edgeguard does not run, or listens elsewhere", l.servers())
		link.Action = "start edgeguard (`edgeguard run`), and look at its log if it ends at once"
		if who := l.holder(silent); who != "" {
			link.Action = fmt.Sprintf("find out why %s, which holds %s, does not answer; only one program can have the port", who, port(silent))
		}
	case wrong != nil:
		link.Verdict = fact.VerdictFail
		link.Summary = fmt.Sprintf("the DNS server at %s does not say where the service is in the house: %s", wrong.server, wrong.wrong[0])
		link.Action = "see who answers there: if it is another program, stop it or give one of the two another address; if it is edgeguard, `edgeguard why NAME` says why"
		if who := l.holder(wrong); who != "" {
			link.Action = fmt.Sprintf("the port is held by %s: if that is not edgeguard, stop it or give one of the two another address; if it is, `edgeguard why NAME` says why", who)
		}
	case silent != nil, broken != nil:
		bad := silent
		if bad == nil {
			bad = broken
		}
		link.Verdict = fact.VerdictFail
		link.Summary = fmt.Sprintf("the DNS server at %s does not answer over %s (%s), so some devices or some answers get through and others do not", bad.server, strings.ToUpper(bad.network), bad.failed)
		link.Action = "check for a firewall on this host, and look at edgeguard's log"
	case worldless != nil:
		link.Verdict = fact.VerdictFail
		link.Summary = fmt.Sprintf("names in the house are answered, and no name of the world is (%s)", worldless.world)
		link.Action = "check that the internet connection is up, and that the servers under upstreams in [dns] can be reached from this host"
	case len(l.cfg.Overrides) == 0:
		link.Verdict = fact.VerdictWarn
		link.Summary = "the DNS server answers, but no name is known that should lead to a local address, so devices in the house are sent to the public one"
		link.Action = "check that the service can be reached, as its certificate gives the names, or set names in [[service]]"
	default:
		link.Verdict = fact.VerdictPass
		link.Summary = fmt.Sprintf("%s answered with the local address at %s, and the world's names too, over UDP and TCP", names, l.servers())
	}
	return link
}

// evidence is a line for each way of asking.
func (l looking) evidence() (lines []string) {
	for _, o := range l.all {
		head := fmt.Sprintf("%s over %s: ", o.server, strings.ToUpper(o.network))
		switch {
		case !o.answers:
			lines = append(lines, head+"no answer ("+o.failed+")")
			continue
		case o.failed != "":
			lines = append(lines, head+"answers some questions only ("+o.failed+")")
		case len(o.wrong) == 0:
			lines = append(lines, head+fmt.Sprintf("%d names answered as they should be", min(len(l.cfg.Overrides), maxLooked)))
		}
		for _, text := range o.wrong {
			lines = append(lines, head+text)
		}
		if o.world != "" {
			lines = append(lines, head+"no name of the world ("+o.world+")")
		}
	}
	return lines
}

func (l looking) servers() string {
	var words []string
	for _, s := range l.cfg.Servers {
		words = append(words, s.String())
	}
	return strings.Join(words, " and ")
}

func (l looking) holder(o *looked) string {
	if l.cfg.Holder == nil {
		return ""
	}
	return l.cfg.Holder(o.network, o.server)
}

func port(o *looked) string {
	return fmt.Sprintf("%s port %d on %s", strings.ToUpper(o.network), o.server.Port(), o.server.Addr())
}

// Reachable turns where the DNS server listens into where devices ask it: an
// unspecified address becomes own, or loopback where own is not known or of the
// other family. Addresses that are not known are left out, and each is listed
// once.
func Reachable(listen []netip.AddrPort, own netip.Addr) (list []netip.AddrPort) {
	for _, at := range listen {
		addr := at.Addr()
		switch {
		case !addr.IsValid():
			continue
		case addr.IsUnspecified() && addr.Is4() == own.Is4() && own.IsValid():
			addr = own
		case addr.IsUnspecified() && addr.Is4():
			addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		case addr.IsUnspecified():
			addr = netip.IPv6Loopback()
		}
		if made := netip.AddrPortFrom(addr, at.Port()); !slices.Contains(list, made) {
			list = append(list, made)
		}
	}
	return list
}
