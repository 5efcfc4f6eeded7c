package status

// The section router, and what the router has to do with the link forward.

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/router"
)

// LANConfig is what the config in force says of this host's place in the LAN.
// The zero value means that it says nothing.
type LANConfig struct {
	// Router is the router to talk to; the zero Addr means the default gateway.
	Router netip.Addr
	// Address is this host's own as the router sees it; the zero Addr means that
	// it is found by itself.
	Address netip.Addr
	// EventPort is where the router's events arrive; zero means any free port.
	EventPort uint16
	// Boxed is whether no router was found at the default gateway, and this host
	// is one end of a pair as a container on a bridge is, so that the gateway may
	// be the engine's.
	Boxed bool
}

// Router is the router that is talked to.
type Router struct {
	// Found is whether one that speaks UPnP-IGD is known now.
	Found   bool        `json:"found"`
	Address *netip.Addr `json:"address"`
	// Local is our own address as the router sees it.
	Local *netip.Addr `json:"local"`
	// Manufacturer, Model and UDN are the router's own words.
	Manufacturer *string `json:"manufacturer"`
	Model        *string `json:"model"`
	UDN          *string `json:"udn"`
	// Description names it for people, or says why there is none.
	Description *string    `json:"description"`
	FoundAt     *time.Time `json:"found_at"`
	// Generation grows with every discovery.
	Generation uint64 `json:"generation"`
	// Bridged is whether it is not in a network of ours, as for a container on a
	// bridge; Lost says what is lost by that and what to set, and is nil
	// otherwise.
	Bridged bool         `json:"bridged"`
	Lost    *string      `json:"lost"`
	Events  RouterEvents `json:"events"`
	// Others are other hosts that answer as routers; they are not used.
	Others []OtherRouter `json:"others"`
	// Speaks are the protocols in which it has answered: "igd", "pcp", "natpmp".
	Speaks []string `json:"speaks"`
}

// RouterEvents are the ways in which the router may tell that something changed.
type RouterEvents struct {
	GENA          Heard `json:"gena"`
	Announcements Heard `json:"announcements"`
	SSDP          Heard `json:"ssdp"`
}

// Heard is whether one of them is listened to.
type Heard struct {
	On bool `json:"on"`
	// Why says why not; nil where it is, or nobody has tried yet.
	Why *string `json:"why"`
}

// OtherRouter is a host that answers as a router, too.
type OtherRouter struct {
	Address *netip.Addr `json:"address"`
	// Server is what it calls itself.
	Server *string `json:"server"`
}

// router is nil before the router has been spoken of.
func (m maker) router(in Inputs) *Router {
	r := in.Router
	if !spoken(r) {
		return nil
	}
	heard := func(e router.EventSource) Heard { return Heard{On: e.On, Why: m.optional(e.Why)} }
	made := &Router{
		Found: r.Found, Address: host(r.Address), Local: host(r.Local),
		Manufacturer: m.optional(r.Manufacturer), Model: m.optional(r.Model), UDN: m.optional(r.UDN),
		Description: m.optional(r.Err),
		FoundAt:     instant(r.FoundAt), Generation: r.Generation,
		Bridged: r.Bridged, Lost: m.optional(lost(r, in.LAN)),
		Events: RouterEvents{GENA: heard(r.Events.GENA), Announcements: heard(r.Events.Announcements), SSDP: heard(r.Events.SSDP)},
		Others: each(true, r.Others, func(o router.Other) OtherRouter {
			return OtherRouter{Address: host(o.Address), Server: m.optional(o.Server)}
		}),
		Speaks: speaks(in),
	}
	if r.Found {
		made.Description = m.optional(nameOf(r))
	}
	return made
}

// nameOf names a router that was found for people. Many models are called by
// their maker's name already.
func nameOf(r router.Status) string {
	name := strings.TrimSpace(r.Model)
	if maker, _, _ := strings.Cut(r.Manufacturer, " "); !strings.HasPrefix(strings.ToLower(name), strings.ToLower(maker)) {
		name = strings.TrimSpace(r.Manufacturer + " " + name)
	}
	if name == "" {
		name = "a router without a name"
	}
	return name + " at " + r.Address.String()
}

// speaks lists the protocols in which the router has answered, as far as anybody
// has asked: a source of the public address, or the keeper of the forwards.
func speaks(in Inputs) []string {
	list := []string{}
	for _, method := range []fact.Method{fact.MethodIGD, fact.MethodPCP, fact.MethodNATPMP} {
		answered := method == fact.MethodIGD && in.Router.Found || slices.Contains(in.Router.Speaks, method)
		for _, s := range in.WAN.Sources {
			answered = answered || s.Name == string(method) && s.Observation.State != fact.Unknown
		}
		for _, f := range in.Portmap.Forwards {
			answered = answered || f.Method == string(method) && f.State == portmap.StateActive
		}
		if answered {
			list = append(list, string(method))
		}
	}
	return list
}

// join names protocols for people.
func join(methods []fact.Method) string {
	var list []string
	for _, m := range methods {
		list = append(list, methodName(string(m)))
	}
	return strings.Join(list, " and ")
}

// maxOthers bounds the lines of evidence on other routers: whoever is in the LAN
// can invent some.
const maxOthers = 8

// boxedAction comes before what else there is to do where the gateway may be a
// container engine's.
const boxedAction = "If edgeguard runs in a container without the host's network (on Docker's bridge, say), its gateway is the engine and not the router: " +
	"give it the host's network, or set router and address under [lan], and event_port under [wan] to a TCP port that the container publishes."

// withRouter adds to the forward's evidence which router was asked, or why
// there was none: the first question when a forward fails. Then what is not
// heard of it, and who else says that it is one.
func withRouter(link fact.Link, r router.Status, cfg LANConfig) fact.Link {
	var lines []string
	switch {
	case r.Found:
		lines = append(lines, "router: "+nameOf(r))
	case len(r.Speaks) > 0:
		lines = append(lines, fmt.Sprintf("router: %s speaks %s, and no UPnP-IGD that edgeguard can use: %s", r.Address, join(r.Speaks), r.Err))
	case r.Err != "":
		lines = append(lines, "router: "+r.Err)
		if !cfg.Router.IsValid() {
			lines = append(lines, "the default gateway is taken for the router; in a container without the host's network it is not, so set there router under [lan] to the router's address, address under [lan] to the host's own in the LAN, and event_port under [wan] to a TCP port that the container publishes")
		}
		if cfg.Boxed && link.Verdict != fact.VerdictPass {
			link.Action = strings.TrimSuffix(boxedAction+" Otherwise: "+link.Action, " Otherwise: ")
		}
	}
	if r.Bridged {
		lines = append(lines, lost(r, cfg))
	}
	for _, o := range r.Others[:min(len(r.Others), maxOthers)] {
		server := ""
		if o.Server != "" {
			server = " (" + o.Server + ")"
		}
		lines = append(lines, fmt.Sprintf("%s answers as a router, too%s; it is not used", o.Address, server))
	}
	if n := len(r.Others) - maxOthers; n > 0 {
		lines = append(lines, fmt.Sprintf("%d more answer as routers; they are not used", n))
	}
	if lines != nil {
		link.Evidence = slices.Concat(link.Evidence, lines) // the link's own belongs to the concern
	}
	return link
}

// lost says what a host that is not in the router's network does not hear, how
// a restart of the router is noticed all the same, and what to set; empty where
// nothing is lost.
func lost(r router.Status, cfg LANConfig) string {
	if !r.Bridged {
		return ""
	}
	const deaf = "edgeguard is not in the router's network, as in a container on a bridge: what the router tells all hosts (SSDP, and the announcements of NAT-PMP and PCP) is not heard here, so a router that restarts is noticed "
	var missing []string
	if !cfg.Address.IsValid() {
		missing = append(missing, "address under [lan] to this host's own address in the LAN")
	}
	if cfg.EventPort == 0 {
		missing = append(missing, "event_port under [wan] to a TCP port that the container publishes")
	}
	const readBack = "when the forward is read back, within a minute"
	switch {
	case !r.Found && len(r.Speaks) > 0:
		how := deaf + "by the clock in its answers (" + join(r.Speaks) + ") when it is asked for something, and else when the forward is renewed"
		if !cfg.Address.IsValid() {
			how += "; for it to forward anything, set address under [lan] to this host's own address in the LAN"
		}
		return how
	case r.Events.GENA.On && r.Events.GENA.Heard && cfg.EventPort != 0:
		return deaf + fmt.Sprintf("by its events, which arrive at TCP port %d, and else %s", cfg.EventPort, readBack)
	case r.Events.GENA.On && r.Events.GENA.Heard:
		return deaf + "by its events, and else " + readBack
	case missing != nil:
		return deaf + "only " + readBack + "; to have its events as well, set " + strings.Join(missing, ", and ")
	case !r.Events.GENA.On && r.Events.GENA.Why != "":
		return deaf + "only " + readBack + "; its events do not arrive: " + r.Events.GENA.Why
	}
	return deaf + fmt.Sprintf("only %s; none of its events has arrived yet: publish TCP port %[2]d of the container as %[3]s:%[2]d, and let no firewall of the host's keep the router from it", readBack, cfg.EventPort, cfg.Address)
}

// host is a, or nil where there is none.
func host(a netip.Addr) *netip.Addr {
	if !a.IsValid() {
		return nil
	}
	return &a
}
