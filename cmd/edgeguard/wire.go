package main

// The composition root: the frame that stands for the process's whole life
// (listeners, cache, zone, status), and in it the concerns that a config makes.

import (
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin/checker"
	"github.com/edgeguard/edgeguard/internal/lan"
	"github.com/edgeguard/edgeguard/internal/lan/handed"
	"github.com/edgeguard/edgeguard/internal/notify"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/status/history"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// daemon is a whole edgeguard.
type daemon struct {
	log     *slog.Logger
	started time.Time
	secrets *secretList
	guest   bool // only looks: nothing is written, and the router maps nothing

	// The frame.
	statusListen netip.AddrPort
	zone         *watch.Value[*zone.Zone]
	builder      *status.Builder
	router       *router.Router
	dns          *dnsserver.Server
	handed       *handed.Watcher
	http         *status.Server
	news         *watch.Value[notify.Input] // what people may be told
	history      *history.History
	said         *chainLog
	relays       relayList
	certPorts    *certPorts
	moves        *moves
	stirred      chan struct{} // one slot; see stir

	// now are the concerns of the config in force; never nil after newDaemon.
	now atomic.Pointer[concerns]

	mu      sync.Mutex
	own     netip.Addr              // guarded by mu; our address in the LAN; zero while unknown
	learned map[string]learnedNames // guarded by mu; by service
	memory  *nameMemory             // guarded by mu
	config  status.ConfigStatus     // guarded by mu
}

// learnedNames are the names that a service's certificate gave it, for as long
// as the service is where it was.
type learnedNames struct {
	addresses serviceAddresses
	names     fact.ServiceNames
}

// newDaemon makes every part; nothing runs and nothing is bound yet. Own is our
// address in the LAN, which must be known where cfg listens on it.
func newDaemon(cfg *config.Config, own netip.Addr, log *slog.Logger, secrets *secretList) (*daemon, error) {
	d := &daemon{
		log:          log,
		started:      time.Now(),
		secrets:      secrets,
		own:          own,
		statusListen: cfg.Status.Listen.Resolve(own),
		news:         newNews(),
		history:      newHistory(cfg, log),
		said:         newChainLog(log),
		moves:        newMoves(),
		stirred:      make(chan struct{}, 1),
		zone:         watch.New[*zone.Zone](nil, (*zone.Zone).Equal),
		builder:      status.NewBuilder(secrets.all),
		memory:       &nameMemory{path: filepath.Join(cfg.StateDir, "names.json"), log: component(log, "names")},
	}
	d.router = router.New(router.Config{
		Gateway: d.gateway, Gateway6: lan.GatewayIPv6, EventPort: cfg.RouterEventPort, Host: cfg.LANAddress,
		Moved: d.moves.router, Log: component(log, "router"),
	})
	d.certPorts = newCertPorts(d) // which needs the router
	d.handed = handed.New(handed.Config{Place: d.place, Through: d.throughRouter, Misled: d.misled, Moved: d.moves.handed, Log: component(log, "lan")})
	d.learned = d.memory.load()
	first, err := d.makeConcerns(cfg, nil)
	if err != nil {
		return nil, err
	}
	d.now.Store(first)
	if err := d.rebuildZone(); err != nil {
		return nil, err
	}
	if d.dns, err = dnsserver.New(d.dnsConfig(first), d.zone); err != nil {
		return nil, fmt.Errorf("setting up the DNS server: %w", err)
	}
	d.http = status.NewServer(status.ServerConfig{
		Listen: d.statusListen, Snapshot: d.snapshot, Why: d.why, Secrets: secrets.all,
		OwnPrefixes: lan.OwnPrefixes, Names: d.names, PushAccess: d.pushAccess, Push: d.pushed,
		Snippets: d.snippets, Authorities: d.authorities, CRL: d.crl, Log: component(log, "status"),
	})
	return d, nil
}

// dnsConfig is what the DNS server goes by under c.
func (d *daemon) dnsConfig(c *concerns) dnsserver.Config {
	cfg := c.cfg.DNS
	own := d.ownAddress()
	cfg.Listen, cfg.TLSListen = resolveAll(c.cfg.DNSListen, own), resolveAll(c.cfg.DNSTLSListen, own)
	cfg.Upstream = c.upstream
	for i, f := range c.cfg.Forwards {
		for _, zone := range f.Zones {
			cfg.Forwards = append(cfg.Forwards, dnsserver.Forward{Zone: zone, Upstream: c.forwards[i]})
		}
	}
	cfg.Gateways, cfg.OwnPrefixes, cfg.Log = d.gateways, lan.OwnPrefixes, component(d.log, "dnsserver")
	cfg.Moved, cfg.Changed = d.moves.dns, d.stir
	return cfg
}

// ownAddress is our address in the LAN; the zero Addr while it is unknown.
func (d *daemon) ownAddress() netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.own
}

// listening lists where the DNS server listens under the config in force.
func (d *daemon) listening() []netip.AddrPort {
	c := d.now.Load()
	if c == nil {
		return nil
	}
	return resolveAll(c.cfg.DNSListen, d.ownAddress())
}

// learn takes over the names of trusted certificates, and rebuilds the zone. A
// service of which nothing could be learned yet keeps what it had.
func (d *daemon) learn(names []fact.ServiceNames) {
	services := d.now.Load().services
	d.mu.Lock()
	changed := false
	for _, s := range services {
		for _, n := range names {
			before, known := d.learned[s.name]
			if n.Service != s.name || n.Names == nil || known && before.addresses.sameAs(s) && reflect.DeepEqual(before.names, n) {
				continue
			}
			d.learned[s.name] = learnedNames{s, n}
			changed = true
		}
	}
	if changed {
		d.memory.save(d.learned)
	}
	d.mu.Unlock()
	if err := d.rebuildZone(); err != nil {
		d.log.Error("the names of the certificates could not be taken over; the old ones are kept", "err", err)
	}
}

// rebuildZone publishes the zone of the configured names and those learned.
func (d *daemon) rebuildZone() error {
	c := d.now.Load()
	d.mu.Lock()
	var learned []fact.ServiceNames
	for _, s := range c.services {
		if l, ok := d.learned[s.name]; ok && l.addresses.sameAs(s) {
			learned = append(learned, l.names)
		}
	}
	d.mu.Unlock()
	list, conflicts := overrides(c.services, learned)
	list = withoutRemote(list, c.cfg.RemoteNames())
	for _, conflict := range conflicts {
		d.log.Warn("two services claim one name; the LAN is answered with the first one's address",
			"name", conflict.Name, "kept", conflict.Kept, "refused", conflict.Refused)
	}
	local, err := zone.Build(zone.Config{
		Overrides: list, Records: c.cfg.Records, TTL: c.cfg.DNSTTL, NoPTR: !c.cfg.DNSPTR,
	})
	if err != nil {
		return fmt.Errorf("building the zone of local names: %w", err)
	}
	if d.zone.Store(local) {
		d.log.Info("local names", "names", namesOf(local))
		d.stir()
	}
	return nil
}

// snapshot builds the status as it is now.
func (d *daemon) snapshot() *status.Snapshot { return d.builder.Build(d.inputs(), time.Now()) }

// inputs is what the status is built of.
func (d *daemon) inputs() status.Inputs {
	c := d.now.Load()
	d.mu.Lock()
	config := d.config
	d.mu.Unlock()
	router := d.router.Status().Load()
	in := status.Inputs{
		Version: version,
		Started: d.started,
		Config:  config,
		LAN:     lanConfig(c.cfg, &router),
		WAN:     c.wanStatus(),
		DDNS:    c.ddns.Status().Load(),
		Router:  router,
		Portmap: d.relays.counted(c.portmap.Status().Load()), Pinholes: c.pinholes.Status().Load(),
		Hairpin: c.hairpin.Status().Load(), Outside: c.outside(),
		DNS: d.dns.Status(), Certificate: c.cert.Status().Load(),
		History: d.history.View(),
		Handed:  d.handed.Status().Load(),
	}
	tellLocated(&in, c)
	return in
}

// names lists the names that mean this home, for the page's host check.
func (d *daemon) names() []string { return namesOf(d.zone.Load()) }

func namesOf(local *zone.Zone) []string {
	var names []string
	for _, o := range local.Overrides() {
		names = append(names, o.Name)
	}
	return names
}

func component(log *slog.Logger, name string) *slog.Logger { return log.With("component", name) }

// secretList holds every secret that any config so far has held: one that was
// replaced is still a secret.
type secretList struct {
	mu   sync.Mutex
	list []secret.Value // guarded by mu; replaced, never changed
}

// add adds the secrets of cfg.
func (s *secretList) add(cfg *config.Config) {
	all := []secret.Value{cfg.Push.Password}
	for _, r := range cfg.DDNS.Records {
		all = append(all, r.Secrets()...)
	}
	for _, s := range cfg.Services {
		all = append(all, s.Password)
	}
	all = append(all, cfg.Certificate.ACME.EABKey)
	for _, a := range cfg.CertificateAccounts {
		all = append(all, a.Secrets()...)
	}
	if !cfg.Outside.URL.IsZero() {
		all = append(all, checker.Secrets(cfg.Outside.URL)...)
	}
	for _, t := range cfg.Notify.Targets {
		all = append(all, notify.Secrets(t.URL)...)
	}
	s.addValues(all...)
}

// addValues adds secrets that are in no config.
func (s *secretList) addValues(all ...secret.Value) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := append([]secret.Value(nil), s.list...)
	for _, v := range all {
		if !v.IsZero() && !holds(list, v) {
			list = append(list, v)
		}
	}
	s.list = list
}

// all lists them; the list must not be changed.
func (s *secretList) all() []secret.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

func holds(list []secret.Value, v secret.Value) bool {
	for _, other := range list {
		if other.Reveal() == v.Reveal() {
			return true
		}
	}
	return false
}
