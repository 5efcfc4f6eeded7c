package main

// What doctor looks at, and how it stays a guest: every concern looks once,
// with nothing bound, nothing written, and no forward or mapping made. The other
// files examine_*.go look at single links.

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/lan"
	"github.com/edgeguard/edgeguard/internal/lan/handed"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/wan"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// The longest that each check takes. They run one after the other, and all of
// them together end with doctor's own time.
const (
	wanTime     = 25 * time.Second // a router that does not answer is waited for
	ddnsTime    = 20 * time.Second
	forwardTime = 20 * time.Second
	serviceTime = 15 * time.Second
	dnsTime     = 15 * time.Second
	clientsTime = 30 * time.Second // those of the LAN are asked from the begin on
	// wanSettles is how long an address on which nobody agrees is given.
	wanSettles = 5 * time.Second
)

// examiner looks at the chain once. Its daemon is one of which nothing runs but
// what only asks.
type examiner struct {
	d     *daemon
	c     *concerns
	own   netip.Addr // our address in the LAN; zero while unknown
	at    string     // where a running daemon shows its status
	in    status.Inputs
	spare []string // sources of the address that are not asked
	cut   []string // links that there was no time for

	handed func() handed.Status // waits for what the LAN hands out
}

// newExaminer makes the parts. Own is our address in the LAN, or zero.
func newExaminer(opt *options, cfg *config.Config, own netip.Addr) (*examiner, error) {
	log, secrets := slog.New(slog.DiscardHandler), &secretList{}
	secrets.add(cfg)
	d := &daemon{
		log: log, secrets: secrets, guest: true, own: own, moves: newMoves(), stirred: make(chan struct{}, 1),
		zone: watch.New[*zone.Zone](nil, (*zone.Zone).Equal), builder: status.NewBuilder(secrets.all),
	}
	d.learned = (&nameMemory{path: filepath.Join(cfg.StateDir, "names.json"), log: log}).load()
	d.router = router.New(router.Config{Gateway: d.gateway, Gateway6: lan.GatewayIPv6, Host: cfg.LANAddress, Log: log})
	x := &examiner{d: d, own: own, at: statusAddress(opt, "")}
	root := d.ownRoot(cfg, nil)
	guest := *cfg.WithAuthority(root)
	guest.WANSources = slices.DeleteFunc(slices.Clone(cfg.WANSources), func(s wan.SourceSpec) bool {
		if s.Type == "pcp" {
			x.spare = append(x.spare, s.String()+" was not asked: it tells the address only by making a mapping")
		}
		return s.Type == "pcp"
	})
	x.c = &concerns{cfg: &guest, root: root}
	nothing := &concerns{cfg: &config.Config{}}
	locate := func(c, old *concerns) error {
		err := d.locate(c, old)
		c.services = addressesOf(c.cfg.Services)
		return err
	}
	for _, set := range []func(c, old *concerns) error{locate, d.makeUpstream, d.makeWAN, d.makeHairpin} {
		if err := set(x.c, nothing); err != nil {
			return nil, err
		}
	}
	d.now.Store(x.c)
	x.in = status.Inputs{Version: version, Config: status.ConfigStatus{File: configFile(opt), LoadedAt: time.Now()}}
	if x.in.Config.File == "" {
		x.in.Config.File = "environment"
	}
	return x, nil
}

// check is one look, which may tell of several links.
type check struct {
	links []string
	doing string
	most  time.Duration
	look  func(ctx context.Context)
}

func (x *examiner) checks() []check {
	return []check{
		{[]string{"wan"}, "asking the router and the internet for the public address", wanTime, x.lookWAN},
		{[]string{"ddns"}, "asking the authoritative servers for the records", ddnsTime, x.lookDDNS},
		{[]string{"forward"}, "reading the router's table of forwards, and asking the checker outside where there is one", forwardTime, x.lookForward},
		{[]string{"broker", "certificate", "hairpin"}, "calling the services, at home and by the public address", serviceTime, x.lookServices},
		{[]string{"dns"}, "asking the DNS server as a device in the house does", dnsTime, x.lookDNS},
		{[]string{"clients"}, "asking the running daemon who asks it, and the LAN which DNS server it tells devices of", clientsTime, x.lookClients},
	}
}

// walk does all checks, as far as ctx lets it, and tells of each link.
func (x *examiner) walk(ctx context.Context, sheet *sheet) error {
	run, end := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	defer group.Wait()
	defer end()
	for _, pool := range x.c.pools() {
		group.Go(func() { _ = pool.Run(run) })
	}
	group.Go(func() { _ = x.c.wan.Run(run) })
	if x.c.wan6 != nil {
		group.Go(func() { _ = x.c.wan6.Run(run) })
	}
	x.handed = x.askLAN(run, &group)
	for _, c := range x.checks() {
		if ctx.Err() == nil {
			sheet.begin(c.links[0], c.doing)
			limited, cancel := context.WithTimeout(ctx, c.most)
			c.look(limited)
			cancel()
		}
		for _, id := range c.links {
			if ctx.Err() != nil {
				x.cutOff(id, ctx.Err())
			}
		}
		snapshot := x.snapshot()
		for _, id := range c.links {
			sheet.end(snapshot, id)
		}
	}
	return sheet.close(x.snapshot())
}

// link is where the words of a link are in the inputs.
func (x *examiner) link(id string) *fact.Link {
	return map[string]*fact.Link{
		"wan": &x.in.WAN.Link, "ddns": &x.in.DDNS.Link, "forward": &x.in.Portmap.Link,
		"broker": &x.in.Hairpin.Broker, "certificate": &x.in.Hairpin.Certificate, "hairpin": &x.in.Hairpin.Hairpin,
		"dns": &x.in.DNS.DNS, "clients": &x.in.DNS.ClientsLink,
	}[id]
}

// cutOff says of a link that there was no time for it, unless it is known. What
// failed because we end says nothing.
func (x *examiner) cutOff(id string, cause error) {
	link := x.link(id)
	if link.Verdict == fact.VerdictPass {
		return
	}
	why, action := "doctor was interrupted", ""
	if cause == context.DeadlineExceeded {
		why, action = "the time was up", "Give doctor more time with --timeout."
	}
	x.cut = append(x.cut, id)
	*link = fact.Link{Summary: "It could not be looked at to the end: " + why + ".", Action: action}
}

// snapshot is what is known by now.
func (x *examiner) snapshot() *status.Snapshot {
	x.in.Router = x.d.router.Status().Load()
	x.in.LAN = lanConfig(x.c.cfg, &x.in.Router)
	in := x.in
	tellLocated(&in, x.c)
	return x.d.builder.Build(in, time.Now())
}

// lookWAN waits until the watchers have a verdict, or all whom they ask have had
// their say and a little more time changes nothing.
func (x *examiner) lookWAN(ctx context.Context) {
	var group sync.WaitGroup
	var found *concerns
	group.Go(func() { found = x.find(ctx) })
	for family := range 2 {
		x.awaitWAN(ctx, family)
	}
	group.Wait()
	x.c = found
	x.d.now.Store(found)
	x.in.WAN = x.c.wanStatus()
	x.in.WAN.Link.Evidence = slices.Concat(x.in.WAN.Link.Evidence, x.spare)
}

func (x *examiner) awaitWAN(ctx context.Context, family int) {
	var settled <-chan time.Time
	for {
		s, changed := x.c.wanOf(family)
		if changed == nil || s.Link.Verdict != fact.VerdictUnknown {
			return
		}
		silent := func(s wan.SourceStatus) bool { return s.Observation.State == fact.Unknown && s.Err == "" }
		if settled == nil && !slices.ContainsFunc(s.Sources, silent) {
			settled = time.After(wanSettles)
		}
		select {
		case <-changed:
		case <-settled:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (x *examiner) lookDDNS(ctx context.Context) {
	cfg := x.c.cfg.DDNS
	cfg.Recurse, cfg.Encrypted = x.d.recurse, x.d.recursesEncrypted
	s, err := ddns.Look(ctx, cfg, addressesFor(x.c))
	if err != nil {
		s.Link = fact.Link{Summary: fmt.Sprintf("The records could not be looked at: %v.", err)}
	}
	x.in.DDNS = s
}

// lookServices calls the services. A refusal at the public address says nothing
// of the router's loopback while nothing is forwarded.
func (x *examiner) lookServices(ctx context.Context) {
	x.in.Hairpin = x.c.hairpin.Look(ctx)
	kept := x.c.cfg.Certificate
	kept.ClockFloor, kept.Served = clockFloor, servedBy(x.c.hairpin, kept.Services)
	x.in.Certificate = cert.Look(kept, caFolder(x.c.cfg))
	if h := &x.in.Hairpin; x.in.Portmap.Link.Verdict == fact.VerdictFail && h.Loopback == hairpin.LoopbackNo {
		h.Loopback = hairpin.LoopbackUnknown
		h.Hairpin = fact.Link{Summary: "Whether the router loops back the public address cannot be known while it does not forward the port.", Evidence: h.Hairpin.Evidence}
	}
}
