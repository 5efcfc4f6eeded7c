package main

// The concerns that a config makes. What another config leaves as it was is
// taken over with all it knows.

import (
	"crypto/x509"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/hairpin/checker"
	"github.com/edgeguard/edgeguard/internal/locate"
	"github.com/edgeguard/edgeguard/internal/notify"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// concerns are what runs under one config. It is immutable.
type concerns struct {
	cfg      *config.Config
	services []serviceAddresses
	upstream *upstream.Pool
	forwards []*upstream.Pool // one for each of cfg.Forwards
	wan      *wan.Watcher
	wan6     *wan.Watcher // nil where no record says an IPv6 address
	ddns     *ddns.Manager
	portmap  *portmap.Keeper
	pinholes *pinhole.Keeper
	hairpin  *hairpin.Prober
	locator  *locate.Locator
	seeker   *seeker
	checker  *checker.Checker // nil where none is configured
	notify   *notify.Notifier
	cert     *cert.Keeper
	issuer   *lateIssuer       // of cert; nil unless a public CA issues
	root     *x509.Certificate // of the own authority; nil where there is none
}

// makeConcerns makes the concerns of cfg, and takes from old, which may be nil,
// those that cfg does not change. Nothing new runs yet.
func (d *daemon) makeConcerns(cfg *config.Config, old *concerns) (*concerns, error) {
	if old == nil {
		old = &concerns{cfg: &config.Config{}}
	}
	c := &concerns{root: d.ownRoot(cfg, old.root)}
	c.cfg = cfg.WithAuthority(c.root)
	if err := d.locate(c, old); err != nil {
		return nil, err
	}
	c.services = addressesOf(c.cfg.Services)
	steps := []func(old *concerns) error{
		func(old *concerns) error { return d.makeUpstream(c, old) },
		func(old *concerns) error { return d.makeWAN(c, old) },
		func(old *concerns) error { return d.makeDDNS(c, old) },
		func(old *concerns) error { return d.makeHairpin(c, old) },
		func(old *concerns) error { return d.makeChecker(c, old) },
		func(old *concerns) error { return d.makePortmap(c, old) },
		func(old *concerns) error { return d.makePinholes(c, old) },
		func(old *concerns) error { return d.makeNotify(c, old) },
		func(old *concerns) error { return d.makeCert(c, old) },
	}
	for _, step := range steps {
		if err := step(old); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (d *daemon) makeUpstream(c, old *concerns) (err error) {
	c.upstream = old.upstream
	if old.upstream == nil || !reflect.DeepEqual(old.cfg.Upstream, c.cfg.Upstream) {
		if c.upstream, err = d.newPool(c.cfg.Upstream, ""); err != nil {
			return fmt.Errorf("setting up the upstream DNS servers: %w", err)
		}
	}
	for i, f := range c.cfg.Forwards {
		if i < len(old.forwards) && reflect.DeepEqual(old.cfg.Forwards[i], f) {
			c.forwards = append(c.forwards, old.forwards[i])
			continue
		}
		pool, err := d.newPool(f.Upstream, f.Zones[0])
		if err != nil {
			return fmt.Errorf("setting up the servers of %s: %w", f.Zones[0], err)
		}
		c.forwards = append(c.forwards, pool)
	}
	return nil
}

// newPool makes a pool of servers that know zone, or everything where zone is
// empty.
func (d *daemon) newPool(cfg upstream.Config, zone string) (*upstream.Pool, error) {
	cfg.Log, cfg.Own, cfg.ProbeName = component(d.log, "upstream"), d.servesDNS, zone
	cfg.Changed = d.stir
	cfg.ClockPlausible = func() bool { return upstream.PlausibleClock(time.Now(), clockFloor) }
	return upstream.New(cfg)
}

// clockFloor is before every moment at which this version can run: a clock that
// shows less has not been set yet.
var clockFloor = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

func (d *daemon) makeDDNS(c, old *concerns) (err error) {
	if old.ddns != nil && c.wan == old.wan && c.wan6 == old.wan6 && sameDDNS(old.cfg.DDNS, c.cfg.DDNS) {
		c.ddns = old.ddns
		return nil
	}
	cfg := c.cfg.DDNS
	cfg.Dial, cfg.Recurse, cfg.Encrypted, cfg.Log = d.dial, d.recurse, d.recursesEncrypted, component(d.log, "ddns")
	if c.ddns, err = ddns.New(cfg, addressesFor(c)); err != nil {
		return fmt.Errorf("setting up DDNS: %w", err)
	}
	return nil
}

func (d *daemon) makeHairpin(c, old *concerns) error {
	if old.hairpin != nil && c.wan == old.wan && slices.EqualFunc(old.cfg.Hairpin.Services, c.cfg.Hairpin.Services, sameService) {
		c.hairpin = old.hairpin
		return nil
	}
	cfg := c.cfg.Hairpin
	cfg.Gateway, cfg.ClockFloor, cfg.Log = d.gateway, clockFloor, component(d.log, "hairpin")
	if !d.guest {
		cfg.Mapper = nonceMapper{d, ownAddresses}
	}
	c.hairpin = hairpin.New(cfg, c.wan.Address())
	return nil
}

// sameDDNS reports whether two configs keep the same records in the same way.
func sameDDNS(a, b ddns.Config) bool {
	sameRecord := func(a, b ddns.RecordConfig) bool {
		secrets := a.Token.Reveal() == b.Token.Reveal() && a.Key.Reveal() == b.Key.Reveal()
		a.Token, a.Key, b.Token, b.Key = secret.Value{}, secret.Value{}, secret.Value{}, secret.Value{}
		return secrets && reflect.DeepEqual(a, b)
	}
	return slices.EqualFunc(a.Records, b.Records, sameRecord) && slices.Equal(a.Resolvers, b.Resolvers) && a.StateFile == b.StateFile
}

// sameService reports whether two services are looked at in the same way.
func sameService(a, b hairpin.Service) bool {
	if (a.Roots == nil) != (b.Roots == nil) || a.Roots != nil && !a.Roots.Equal(b.Roots) {
		return false
	}
	if a.Password.Reveal() != b.Password.Reveal() {
		return false
	}
	a.Roots, b.Roots, a.Password, b.Password = nil, nil, secret.Value{}, secret.Value{}
	return reflect.DeepEqual(a, b)
}

func addressesOf(services []config.Service) []serviceAddresses {
	var list []serviceAddresses
	for _, s := range services {
		if s.Remote || !s.Address.IsValid() {
			continue // not ours to answer, or not found yet
		}
		o := s.Override("", "")
		list = append(list, serviceAddresses{name: s.Name, v4: o.V4, v6: o.V6, names: slices.Concat(s.Names, s.Wildcards), wildcard: s.Wildcard})
	}
	return list
}
