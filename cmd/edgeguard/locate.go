package main

// Services that are found: what the locator is given, and what becomes of
// another address.

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/lan"
	"github.com/edgeguard/edgeguard/internal/locate"
	"github.com/edgeguard/edgeguard/internal/locate/mdns"
)

// seeker is how devices of the LAN are found for one locator.
type seeker struct {
	*locate.Seeker
	arp *lan.ARP
}

// macTTL is for how long the word on a MAC address stands: its device is looked
// at and listened to meanwhile.
const macTTL = time.Minute

// locate makes the locator of c, or takes over that of old, and puts the
// addresses that are known into c's config.
func (d *daemon) locate(c, old *concerns) error {
	services := followedOf(c)
	if old.locator != nil && old.cfg.StateDir == c.cfg.StateDir && reflect.DeepEqual(old.locator.Services(), services) {
		c.locator, c.seeker = old.locator, old.seeker
	} else {
		d.makeLocator(c, services)
		c.locator.Inherit(old.locator)
	}
	c.cfg = c.cfg.Located(c.locator.Addresses())
	return refuseExposed(c.cfg, d.ownAddress())
}

func followedOf(c *concerns) (list []locate.Service) {
	for _, s := range c.cfg.Services {
		if s.Followed() {
			list = append(list, locate.Service{Name: s.Name, Host: s.Host, MAC: s.MAC, Port: s.Port, Remote: s.Remote})
		}
	}
	return list
}

func (d *daemon) makeLocator(c *concerns, services []locate.Service) {
	own := &seeker{arp: &lan.ARP{}}
	own.Seeker = locate.NewSeeker(locate.SeekerConfig{
		Ask: own.arp.Ask, Prod: prod, Table: neighbours, Prefixes: lan.OwnPrefixes, LAN: d.homeNetworks, Own: ownAddresses,
		Moved: func(mac string) {
			if c.locator != nil {
				c.locator.KickBy(mac)
			}
		},
	})
	c.seeker = own
	c.locator = locate.New(locate.Config{
		Services: services, StateFile: filepath.Join(c.cfg.StateDir, "located.json"),
		Find: func(ctx context.Context, s locate.Service) (locate.Answer, error) { return d.find(ctx, own, s) },
		Alive: func(ctx context.Context, s locate.Service, addr netip.Addr) locate.Liveness {
			return own.Alive(ctx, s.MAC, addr)
		},
		ReadOnly: d.guest, Unfit: d.unfit, Vouch: d.vouch, Log: component(d.log, "locate"),
	})
}

// find asks where a device is.
func (d *daemon) find(ctx context.Context, own *seeker, s locate.Service) (locate.Answer, error) {
	switch {
	case s.MAC != "":
		if addrs := addressesOfOurs(s.MAC); len(addrs) > 0 {
			return locate.Answer{Addrs: addrs, TTL: macTTL}, nil
		}
		addrs, err := own.Find(ctx, s.MAC)
		return locate.Answer{Addrs: addrs, TTL: macTTL}, err
	case strings.HasSuffix(s.Host, ".local"):
		a, err := mdns.Ask(ctx, s.Host)
		return locate.Answer(a), err
	}
	return d.lookUp(ctx, s.Host, s.Remote)
}

// addressesOfOurs are the IPv4 addresses of our interface with a MAC address: we
// do not answer our own ARP.
func addressesOfOurs(mac string) (list []netip.Addr) {
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if i.HardwareAddr.String() != mac {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
				list = append(list, p.Addr())
			}
		}
	}
	return list
}

// unfit says why an address cannot be that of a service; empty where it can.
func (d *daemon) unfit(s locate.Service, addr netip.Addr) string {
	near := slices.ContainsFunc(lan.OwnPrefixes(), func(p netip.Prefix) bool { return p.Contains(addr) })
	switch {
	case !addr.IsValid() || addr.IsUnspecified() || addr.IsLoopback() || addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "is no address of a device"
	case s.Remote:
		return ""
	case !addr.Is4():
		return "is not an IPv4 address"
	case !near && !addr.IsPrivate():
		return "is not in the home; write remote = true in its [[service]] if that is so"
	case slices.Contains(d.gateways(), addr):
		return "is the router"
	}
	return ""
}

// vouch looks at who answers as a service at an address.
func (d *daemon) vouch(ctx context.Context, s locate.Service, at netip.AddrPort) locate.Vouched {
	c := d.now.Load()
	for _, h := range c.cfg.Hairpin.Services {
		if h.Name == s.Name {
			d.mu.Lock()
			learned := d.learned[s.Name].names.Names
			d.mu.Unlock()
			h.Address = at
			return locate.Vouched(hairpin.Vouch(ctx, h, learned))
		}
	}
	return locate.Vouched{Why: "the service is no longer in the config"}
}

// homeNetworks are those of our networks that the router is in, and all where
// it is not known.
func (d *daemon) homeNetworks() (list []netip.Prefix) {
	gateways, all := d.gateways(), lan.OwnPrefixes()
	for _, p := range all {
		if slices.ContainsFunc(gateways, p.Contains) {
			list = append(list, p)
		}
	}
	if list == nil {
		return all
	}
	return list
}

func neighbours() (list []locate.Sighting, err error) {
	table, err := lan.Neighbours()
	for _, n := range table {
		list = append(list, sighting(n))
	}
	return list, err
}

func sighting(n lan.Neighbour) locate.Sighting {
	return locate.Sighting{Addr: n.Addr, MAC: n.MAC, Sure: n.Confirmed}
}

// prod sends an empty datagram to the discard port (RFC 863), so that the kernel
// asks who is there.
func prod(addr netip.Addr) {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 9)))
	if err == nil {
		_, _ = conn.Write(nil)
		conn.Close()
	}
}

// seek hears of the devices of the LAN for as long as c's locator runs, where
// it follows any.
func (d *daemon) seek(ctx context.Context, c *concerns) error {
	home, multicast := false, false
	for _, s := range c.locator.Services() {
		home = home || !s.Remote
		multicast = multicast || strings.HasSuffix(s.Host, ".local")
	}
	if !home {
		return nil
	}
	var ears []func()
	hear := func(n lan.Neighbour) { c.seeker.Heard(sighting(n)) }
	ears = append(ears, func() {
		if err := c.seeker.arp.Run(ctx, hear); err != nil {
			d.log.Info("ARP cannot be heard, so a device that moves is found more slowly", "err", err, "action", "give edgeguard CAP_NET_RAW")
		}
	}, func() {
		if err := lan.NeighbourChanges(ctx, func(n lan.Neighbour) {
			if n.Confirmed {
				hear(n)
			}
		}); err != nil {
			d.log.Info("the kernel does not tell of neighbours", "err", err)
		}
	})
	if multicast {
		ears = append(ears, func() {
			_ = mdns.Listen(ctx, func(host string, addr netip.Addr) {
				c.locator.KickUnless(host, addr)
			})
		})
	}
	runAll(ears)
	return nil
}

// withoutRemote takes out the names of remote services, which certificates of
// others may hold too, and the wildcards that would answer them.
func withoutRemote(list []zone.Override, remote []string) []zone.Override {
	return slices.DeleteFunc(list, func(o zone.Override) bool {
		parent, wildcard := strings.CutPrefix(o.Name, "*.")
		return slices.ContainsFunc(remote, func(name string) bool {
			return name == o.Name || wildcard && strings.HasSuffix(name, "."+parent)
		})
	})
}

// carryNames lets services keep the names of their certificates at another
// address: who answers there has proved to be the same.
func (d *daemon) carryNames(old, next *concerns) {
	if old.locator != next.locator {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	changed := false
	for _, s := range next.locator.Services() {
		at := slices.IndexFunc(next.services, func(a serviceAddresses) bool { return a.name == s.Name })
		learned, known := d.learned[s.Name]
		if at >= 0 && known && !learned.addresses.sameAs(next.services[at]) {
			learned.addresses = next.services[at]
			d.learned[s.Name] = learned
			changed = true
		}
	}
	if changed {
		d.memory.save(d.learned)
	}
}

// followLocator has the config made anew when a service has another address.
func (d *daemon) followLocator(ctx context.Context, l *locate.Locator) error {
	return follow(ctx, l.Status(), func([]locate.Located) {
		poke(d.moves.located)
		d.stir()
	})
}

// relocate puts the addresses in force that the locator has found.
func (r *reloader) relocate() {
	c := r.daemon.now.Load()
	addresses := c.locator.Addresses()
	if slices.EqualFunc(c.cfg.Services, c.cfg.Located(addresses).Services, sameAddress) {
		return
	}
	if err := r.daemon.reconfigure(r.parts, c.cfg); err != nil {
		r.log.Error("a service has another address, which cannot be put in force; the old one stays", "err", err)
		return
	}
	r.log.Info("a service has another address, and is reached there now", "addresses", addresses)
}

// hintLocator tells the locator what was seen of the services.
func (d *daemon) hintLocator(ctx context.Context, p *hairpin.Prober) error {
	return follow(ctx, p.Status(), func(s hairpin.Status) {
		l := d.now.Load().locator
		for _, of := range s.Services {
			switch {
			case of.Host == "":
			case of.Reachable == fact.VerdictFail:
				l.Kick(of.Name)
			case of.Reachable == fact.VerdictPass && of.Certificate != nil:
				l.Seen(of.Name, of.Address.Addr(), of.Certificate.SPKISHA256)
			}
		}
	})
}
