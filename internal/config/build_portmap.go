package config

// [portmap]: in which protocols the router is asked, for how long, and the relay.

import (
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

// manual is the method of those who forward the ports by hand.
const manual = "manual"

var defaultMethods = []string{string(fact.MethodIGD), string(fact.MethodPCP), string(fact.MethodNATPMP)}

// portmap reads [portmap] and makes a forward of each service. It comes after
// the services, the records and [lan].
func (b *builder) portmap(raw rawPortmap, c *Config) {
	c.Portmap.Enabled, c.Portmap.Methods = b.methods(raw)
	if t := raw.LeaseSeconds; t.ok && t.v == 0 {
		b.fail(t.at, "0 would be a lease without end, which stays on the router when edgeguard is gone; write 120 to 604800 (seconds)")
	} else {
		c.Portmap.Lease = time.Duration(b.number(t, defaultLease, 120, 604800, "seconds")) * time.Second
	}
	b.relay(raw, c)
	for _, r := range raw.Forward {
		forward, pinhole := b.portForward(r, raw, c)
		if pinhole != nil {
			c.told.pinholes = append(c.told.pinholes, *pinhole)
		} else {
			c.told.forwards = append(c.told.forwards, forward)
		}
	}
	c.told.lets = c.Portmap.Enabled && b.flag(raw.IPv6, true)
}

// methods reads methods, and enabled, which is an older word for one of them.
func (b *builder) methods(raw rawPortmap) (enabled bool, methods []fact.Method) {
	words := slices.Concat(defaultMethods, []string{manual})
	byHand, seen := false, map[string]origin{}
	for _, t := range b.list(raw.Methods, defaultMethods) {
		if t.ok && strings.HasPrefix(strings.ToLower(t.v), "upnp") {
			b.fail(t.at, `%s is called "igd" here, after the Internet Gateway Device that it is spoken with; write "igd"`, show(t.v))
			continue
		}
		switch word := b.word(t, "", words, nil); {
		case !slices.Contains(words, word): // reported
		case seen[word] != origin{}:
			b.fail(t.at, "%q is in this list already, %s; write each once, in the order in which they are to be tried", word, seen[word])
		case word == manual:
			byHand, seen[word] = true, t.at
		default:
			seen[word] = t.at
			methods = append(methods, fact.Method(word))
		}
	}
	off, on := raw.Enabled.ok && !raw.Enabled.v, raw.Enabled.ok && raw.Enabled.v
	switch {
	case byHand && len(methods) > 0:
		b.fail(raw.Methods.at, `"manual" means that nothing is asked of the router, so it stands alone; take it out, or write methods = ["manual"]`)
	case byHand && on:
		b.fail(raw.Enabled.at, `enabled = true contradicts methods = ["manual"], %s; take one of the two out`, raw.Methods.at)
	case off && raw.Methods.given && raw.Methods.ok && !byHand && len(methods) > 0:
		b.fail(raw.Enabled.at, `enabled = false means methods = ["manual"], and methods says something else, %s; take one of the two out`, raw.Methods.at)
	}
	if byHand || off {
		return false, nil
	}
	return true, methods
}

// relay reads what [portmap] says of the relay.
func (b *builder) relay(raw rawPortmap, c *Config) {
	off, auto, on := string(portmap.RelayOff), string(portmap.RelayAuto), string(portmap.RelayOn)
	c.Portmap.Relay = portmap.RelayMode(b.word(raw.Relay, off, []string{off, auto, on}, nil))
	c.Relay = Relay{
		MaxConnections: int(b.number(raw.RelayMaxConnections, defaultRelayMost, 1, 4096, "connections at a time")),
		MaxPerSource:   int(b.number(raw.RelayMaxPerSource, defaultRelaySource, 1, 4096, "connections of one address")),
		Idle:           time.Duration(b.number(raw.RelayIdleSeconds, defaultRelayIdle, 60, 604800, "seconds")) * time.Second,
		ProxyProtocol:  b.flag(raw.RelayProxyProtocol, false),
	}
	switch mode := c.Portmap.Relay; {
	case mode == portmap.RelayOn && !c.Portmap.Enabled:
		b.fail(raw.Relay.at, `nothing is asked of the router, so nothing leads to the relay and it does not run; take this out, or let edgeguard forward the ports (methods)`)
	case mode == portmap.RelayOff && c.Relay.ProxyProtocol:
		b.warn(raw.RelayProxyProtocol.at, `relay is off, so nobody sends the header; a service that waits for it would answer nobody. Write relay = "on", or take this out`)
	case mode == portmap.RelayAuto && c.Relay.ProxyProtocol:
		b.warn(raw.RelayProxyProtocol.at, `with relay = "auto" the router forwards to the service itself where it can, and sends no header; write relay = "on" where the service waits for it`)
	case mode == portmap.RelayAuto && !c.Portmap.Enabled:
		b.warn(raw.Relay.at, `nothing is asked of the router, so it refuses nothing and the relay never starts; take this out, or let edgeguard forward the ports (methods)`)
	}
}

// relayPorts warns of forwards for which the relay, which listens on the external
// port, would find edgeguard itself there.
func (b *builder) relayPorts(c *Config) {
	if c.Portmap.Relay == portmap.RelayOff {
		return
	}
	for _, t := range c.targets {
		addr := t.address.Addr()
		if t.protocol != fact.TCP || !addr.Is4() || addr == c.LANAddress || addr.IsLoopback() {
			continue
		}
		for _, s := range c.servers() {
			if s.protocol != fact.UDP && s.listen.Port != 0 && s.listen.Port == t.external && !s.listen.Addr.IsLoopback() {
				b.warn(t.externalAt, "the relay of this would listen on port %d of this host, where edgeguard itself listens (%s); write another external_port", t.external, s.listen)
				break
			}
		}
	}
}

// serviceForwards makes a port forward of each service that can have one: an
// IPv6 address is not forwarded to, but let through. Waiting are those whose
// address is not known yet.
func serviceForwards(c *Config) (list, waiting []portmap.Forward) {
	for _, s := range c.Services {
		f := portmap.Forward{Service: s.Name, Protocol: fact.TCP, ExternalPort: s.ExternalPort}
		switch {
		case s.Remote:
		case s.Address.Addr().Is4():
			f.Internal = c.internal(s.Address)
			list = append(list, f)
		case !s.Address.IsValid():
			waiting = append(waiting, f)
		}
	}
	return list, waiting
}
