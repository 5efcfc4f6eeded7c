package main

// The keeper of the forwards, the relays that it opens, and what wakes it.

import (
	"context"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/portmap/relay"
)

func (d *daemon) makePortmap(c, old *concerns) error {
	same := reflect.DeepEqual(old.cfg.Portmap, c.cfg.Portmap) && old.cfg.Relay == c.cfg.Relay
	if old.portmap != nil && same {
		c.portmap = old.portmap
		return nil
	}
	cfg := c.cfg.Portmap
	cfg.GatewayAddr, cfg.Log = d.gateway, component(d.log, "portmap")
	cfg.Reached = func(service string) portmap.Reach { return d.reached(service) }
	cfg.OpenRelay = func(listen, target netip.AddrPort) (portmap.Relay, error) { return d.openRelay(c, listen, target) }
	c.portmap = portmap.New(cfg, d.router)
	return nil
}

// reached is what calling a service by the public address has brought, under
// the config in force: the keeper outlives the prober that looks.
func (d *daemon) reached(service string) portmap.Reach {
	c := d.now.Load()
	if c == nil {
		return portmap.Reach{} // it is being made
	}
	return reachOf(c.hairpin.Status().Load(), service)
}

func reachOf(s hairpin.Status, service string) portmap.Reach {
	tried := slices.ContainsFunc(s.Services, func(of hairpin.ServiceStatus) bool { return of.OutsideEvidence != "" })
	if !tried { // the reason stands for the whole router
		return portmap.Reach{Words: strings.Join(s.Evidence, "; ")}
	}
	for _, of := range s.Services {
		if of.Name != service || of.OutsideEvidence == "" {
			continue
		}
		r := portmap.Reach{State: portmap.ReachUnknown, Words: of.OutsideEvidence}
		switch of.Outside {
		case hairpin.LoopbackYes:
			r.State = portmap.Reached
		case hairpin.LoopbackNo:
			r.State = portmap.NotReached
		}
		return r
	}
	return portmap.Reach{}
}

// openRelay listens for a relay under c.
func (d *daemon) openRelay(c *concerns, listen, target netip.AddrPort) (portmap.Relay, error) {
	cfg := relay.Config{
		Listen: listen, Target: target, MaxConnections: c.cfg.Relay.MaxConnections, MaxPerSource: c.cfg.Relay.MaxPerSource, Idle: c.cfg.Relay.Idle,
		ProxyProtocol: c.cfg.Relay.ProxyProtocol, Log: component(d.log, "relay"),
	}
	if c.cfg.LANAddress.IsValid() {
		cfg.Own = []netip.Addr{c.cfg.LANAddress}
	}
	r, err := relay.Listen(cfg)
	if err != nil {
		return nil, err // no relay in an interface, which would not be nil
	}
	return &keptRelay{Relay: r, target: target, list: &d.relays}, nil
}

// keptRelay is a relay as the keeper wants it, listed while it runs.
type keptRelay struct {
	*relay.Relay
	target netip.AddrPort
	list   *relayList
}

// Run implements portmap.Relay.
func (r *keptRelay) Run(ctx context.Context) error {
	r.list.add(r)
	defer r.list.remove(r)
	return r.Relay.Run(ctx)
}

// Status implements portmap.Relay; the keeper fills in the addresses.
func (r *keptRelay) Status() portmap.RelayStatus {
	n := r.Counters()
	return portmap.RelayStatus{
		LastError: n.LastError,
		Open:      n.Open, Total: n.Total, Refused: n.Refused, Failed: n.Failed, BytesIn: n.BytesIn, BytesOut: n.BytesOut,
	}
}

// relayList lists the relays that run. The zero value is ready.
type relayList struct {
	mu   sync.Mutex
	list []*keptRelay // guarded by mu
}

func (l *relayList) add(r *keptRelay) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, r)
}

func (l *relayList) remove(r *keptRelay) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.DeleteFunc(l.list, func(other *keptRelay) bool { return other == r })
}

// counted is s with what the relays have carried by now: the keeper counts only
// when it looks at a forward, which a person who watches would take for a relay
// that carries nothing.
func (l *relayList) counted(s portmap.Status) portmap.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Forwards = slices.Clone(s.Forwards)
	for i, f := range s.Forwards {
		for _, r := range l.list {
			if f.Relay != nil && f.Relay.Target == r.target && f.Relay.Listen.Port() == r.Addr().Port() {
				now := r.Status()
				now.Listen, now.Target = f.Relay.Listen, f.Relay.Target
				s.Forwards[i].Relay = &now
			}
		}
	}
	return s
}

// hintWords are what the keeper says of each kind of hint of the router's.
var hintWords = map[string]string{
	"gena":   "an event of the router's",
	"natpmp": "an announcement of the router's (NAT-PMP)",
	"pcp":    "an announcement of the router's (PCP)",
	"ssdp":   "the router's coming or going (SSDP)",
}
