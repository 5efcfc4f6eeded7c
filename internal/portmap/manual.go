package portmap

// Forwards that a person makes: the steps, and what is worth a warning.

import (
	"fmt"
	"strings"
)

// byHand is the outcome where the forward is to be made by hand: the config
// wants it so, which is where problem is empty, or the router speaks none of
// the methods.
func (k *Keeper) byHand(f *forward, problem string) outcome {
	out := outcome{state: StateManual, method: "manual", problem: problem, steps: k.steps(f), wait: k.cfg.ReadBack}
	begin := "Forward the port in the router, unless that is done:"
	if !k.manual() {
		begin = "Switch on UPnP in the router, or forward the port there by hand, unless that is done:"
		if k.unplaced() {
			begin = actionAddress + " Or: " + begin
		}
	}
	var text strings.Builder
	text.WriteString(begin)
	for i, step := range out.steps {
		fmt.Fprintf(&text, " (%d) %s", i+1, step)
	}
	out.action = text.String()
	if k.manual() {
		return out
	}
	if k.elsewhere(f) && k.cfg.OpenRelay != nil && k.relayMode(f) == RelayOff && f.Protocol == "TCP" {
		out.note = `routers that speak PCP or NAT-PMP alone forward only to the host that asks: relay = "auto" under [portmap] lets edgeguard pass the connections on`
	}
	return out
}

// actionByEye is what to do about a forward made by hand, going by what was seen
// of it from inside.
func (f *forward) actionByEye() string {
	switch f.status.Reach.State {
	case Reached:
		return ""
	case NotReached:
		return fmt.Sprintf("Try %s from outside, by a phone on mobile data: if it answers there, all is well. Else: %s", f.Service, f.todo)
	}
	return f.todo
}

// steps are what a person does to make the forward, the least important last:
// all that is said of a link is cut at 512 octets.
func (k *Keeper) steps(f *forward) []string {
	page := "the router's page (at the address that network settings call the gateway)"
	if addr := k.gatewayAddr(); addr.IsValid() {
		page = fmt.Sprintf("the router's page, http://%s/", addr)
	}
	host := f.Internal.Addr()
	return []string{
		"Open " + page + ", and log in.",
		"Find port forwarding (also called port sharing, virtual server or NAT).",
		fmt.Sprintf("Add: protocol %s, external port %d, to %s, internal port %d.", f.Protocol, f.ExternalPort, host, f.Internal.Port()),
		"Save it, and see that it is switched on.",
		fmt.Sprintf("In the DHCP settings, let %s keep this address for good.", host),
	}
}

// portWarning says what a different port outside means for clients at home;
// empty where it is the same.
func (f Forward) portWarning() string {
	if f.ExternalPort == f.Internal.Port() {
		return ""
	}
	return fmt.Sprintf("%s has port %d outside and port %d at home, and DNS cannot change a port: at home the name leads to %s itself, where only port %d answers. "+
		"Clients that are used in both places must be told both ports, or the service's port and its external_port be made the same",
		f.Service, f.ExternalPort, f.Internal.Port(), f.Internal.Addr(), f.Internal.Port())
}
