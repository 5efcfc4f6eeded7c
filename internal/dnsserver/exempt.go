package dnsserver

// Addresses that stand for many devices, and what status says of them.

import (
	"fmt"
	"net/netip"
	"slices"
)

// exempt reports whether addr is not one device, but this host itself, or a
// gateway with many behind it: a limit on it would be one on the whole house.
func (s *Server) exempt(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() {
		return s.loopbackExempt
	}
	return s.isOurs(addr) || s.rules.Load().isGateway(addr)
}

// isGateway reports whether addr is a gateway of this host: the home's router,
// or the bridge of a container's network.
func (r *rules) isGateway(addr netip.Addr) bool {
	if list := r.gateways.Load(); list != nil && slices.Contains(*list, addr) {
		return true
	}
	return dockerNets.Contains(addr) && r.acl.isFirst(addr)
}

// refreshGateways asks again which gateways there are.
func (r *rules) refreshGateways() {
	if r.cfg.Gateways == nil {
		return
	}
	var list []netip.Addr
	for _, a := range r.cfg.Gateways() {
		list = append(list, a.Unmap().WithZone(""))
	}
	r.gateways.Store(&list)
}

// dockerNets is where Docker and Podman put their bridges; the bridge has the
// first address of its network.
var dockerNets = netip.MustParsePrefix("172.16.0.0/12")

// manyQuestions is from how many on a single client is worth a word: who has
// just set one device up for a trial need not read it.
const manyQuestions = 100

// everybody returns a line where all questions of the last hour came from one
// gateway, so that the devices behind it cannot be told apart.
func everybody(recent []ClientSeen, ours, gateway func(netip.Addr) bool) string {
	var only ClientSeen
	for _, c := range recent {
		if ours(c.Address) {
			continue
		}
		if only.Address.IsValid() {
			return ""
		}
		only = c
	}
	switch {
	case !only.Address.IsValid() || only.Queries < manyQuestions || !gateway(only.Address):
		return ""
	case dockerNets.Contains(only.Address):
		return fmt.Sprintf("all questions come from %s, Docker's bridge: host networking is needed to tell devices apart", only.Address)
	}
	return fmt.Sprintf("all questions come from %s, the gateway: it asks for the devices, which can be told apart only if its DHCP hands out this server's address", only.Address)
}
