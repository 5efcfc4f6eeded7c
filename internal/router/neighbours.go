package router

// Who else in the LAN answers as a router, and whether we are in that LAN.

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/router/ssdp"
)

const (
	maxNeighbours = 8
	// maxMissed is how many whole searches in a row a neighbour may be missing
	// from and is still told: datagrams get lost.
	maxMissed = 3
	// surveyDelay is how long Run waits before it first looks for neighbours,
	// and surveyWindow how long it listens: devices may wait for a second.
	surveyDelay  = 10 * time.Second
	surveyWindow = 1500 * time.Millisecond
)

// surveyTargets are what a router answers to, whatever its version.
var surveyTargets = []string{
	"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
	"urn:dslforum-org:device:InternetGatewayDevice:1",
}

// neighbours are the other hosts that answered searches as routers. The zero
// neighbours are none.
type neighbours struct {
	gateway netip.Addr // whose neighbours they are
	bridged bool       // whether the gateway is in no network of ours
	list    []neighbour
}

type neighbour struct {
	Other
	missed int // whole searches in a row
}

// around notes where searches are made.
func (n *neighbours) around(gateway netip.Addr, bridged bool) {
	if n.gateway != gateway {
		n.list = nil // another network
	}
	n.gateway, n.bridged = gateway, bridged
}

// note takes what a search found. What is known already stays as it is, so
// that nobody makes the status change with each search.
func (n *neighbours) note(seen []ssdp.Other, whole bool) {
	for i := range n.list {
		n.list[i].missed++
		if !whole {
			n.list[i].missed--
		}
	}
	for _, o := range seen {
		i := slices.IndexFunc(n.list, func(k neighbour) bool { return k.Address == o.Address })
		switch {
		case i >= 0:
			n.list[i].missed = 0
			if n.list[i].Server == "" {
				n.list[i].Server = o.Server
			}
		case len(n.list) < maxNeighbours:
			n.list = append(n.list, neighbour{Other: Other{Address: o.Address, Server: o.Server}})
		}
	}
	n.list = slices.DeleteFunc(n.list, func(k neighbour) bool { return k.missed > maxMissed })
	slices.SortFunc(n.list, func(a, b neighbour) int { return a.Address.Compare(b.Address) })
}

// others returns them for Status; nil where there are none.
func (n *neighbours) others() []Other {
	var list []Other
	for _, k := range n.list {
		list = append(list, k.Other)
	}
	return list
}

// advice says of other routers what a person can do where ours is not found;
// empty where there are none.
func advice(others []Other) string {
	var names []string
	for _, o := range others[:min(len(others), 3)] {
		name := o.Address.String()
		if o.Server != "" {
			name += " (" + o.Server + ")"
		}
		names = append(names, name)
	}
	switch {
	case len(others) == 0:
		return ""
	case len(others) == 1:
		return fmt.Sprintf("%s answers as a router, but is not the default gateway; if it is the one, set router = %q under [lan]", names[0], others[0].Address)
	case len(others) > len(names):
		names = append(names, fmt.Sprintf("%d more", len(others)-len(names)))
	}
	last := len(names) - 1
	return fmt.Sprintf("%s and %s answer as routers, but are not the default gateway; if one of them is the one, set its address under [lan], as in router = %q",
		strings.Join(names[:last], ", "), names[last], others[0].Address)
}

// plan is a search at the gateway by every way that there is: by multicast on
// our interfaces, unless the gateway is in no network of theirs, and by
// unicast.
func (r *Router) plan(gateway, local netip.Addr) ssdp.Search {
	s := ssdp.Search{Gateway: gateway, Local: local, To: r.cfg.SSDP, Window: r.timing.window, Settle: r.timing.settle}
	links, own, bridged := r.networks(gateway)
	s.Networks = own
	r.mu.Lock()
	r.near.around(gateway, bridged)
	r.mu.Unlock()
	if s.To != nil {
		return s
	}
	s.To = []netip.AddrPort{netip.AddrPortFrom(gateway, ssdp.Port)}
	if bridged {
		return s
	}
	if s.On = ssdp.Suitable(links, local); len(s.On) == 0 {
		s.To = append(s.To, ssdp.Multicast)
	}
	return s
}

// networks returns our interfaces, their networks, and whether the gateway is in
// none of these; where they are not known, it is taken to be in one.
func (r *Router) networks(gateway netip.Addr) (links []ssdp.Link, own []netip.Prefix, bridged bool) {
	links, err := r.links()
	if err != nil {
		r.log.Debug("our own networks are not known", "err", err)
	}
	own = ssdp.Networks(links, r.cfg.AllowLoopback)
	bridged = err == nil && !slices.ContainsFunc(own, func(n netip.Prefix) bool { return n.Contains(gateway) })
	return links, own, bridged
}

// noteOthers takes what a search that was planned for a gateway found of other
// routers, and publishes it.
func (r *Router) noteOthers(gateway netip.Addr, result ssdp.Result) {
	r.mu.Lock()
	if r.near.gateway == gateway {
		r.near.note(result.Others, result.Whole)
	}
	r.mu.Unlock()
	r.report(func(s Status) Status { return s })
}

// newSurveys returns the loop that looks for neighbours in Run: the search for
// the router ends with its answer, before others may have given theirs.
func (r *Router) newSurveys() *loop.Loop {
	begun := false
	return loop.New(loop.Config{Name: "neighbours", MinBackoff: time.Minute, Step: func(ctx context.Context) (time.Duration, error) {
		if !begun {
			begun = true
			return r.timing.survey, nil
		}
		return r.timing.recheck, r.survey(ctx)
	}})
}

// survey looks for neighbours once. It needs no turn: the router is not
// spoken to.
func (r *Router) survey(ctx context.Context) error {
	at, err := r.here()
	if err != nil {
		return err
	}
	s := r.plan(at.gateway, at.local)
	if r.cfg.SSDP == nil {
		s.To = nil // the gateway itself is not asked
	}
	if s.To == nil && s.On == nil {
		return nil
	}
	s.OthersOnly, s.Targets, s.Window = true, surveyTargets, r.timing.surveyWindow
	result, err := s.Run(ctx)
	if err != nil {
		return err
	}
	r.noteOthers(at.gateway, result)
	return nil
}
