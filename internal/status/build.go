package status

// The builder: the concerns' statuses in, a snapshot out. It remembers nothing
// but since when each link has had its verdict.

import (
	"reflect"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/hairpin/checker"
	"github.com/edgeguard/edgeguard/internal/lan/handed"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/status/history"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// Inputs are the concerns' latest statuses. A zero Status means that the
// concern has not said anything yet.
type Inputs struct {
	// Version is edgeguard's own, Started when the process began; a zero
	// Started is unknown.
	Version string
	Started time.Time
	// Config is the config in force, LAN what it says of the LAN.
	Config ConfigStatus
	LAN    LANConfig

	WAN     wan.Status
	DDNS    ddns.Status
	Router  router.Status
	Portmap portmap.Status
	// Pinholes are those in the router's IPv6 firewall.
	Pinholes pinhole.Status
	Hairpin  hairpin.Status
	// Outside is what the checker on the Internet said; zero where none is.
	Outside checker.Status
	DNS     dnsserver.Status
	// Certificate is the one that edgeguard keeps; zero where it keeps none.
	Certificate cert.Status
	// History is what is remembered.
	History history.View
	// Handed is what the LAN hands out; DNS says who asks us.
	Handed handed.Status
}

// ConfigStatus is what is known of the config in force.
type ConfigStatus struct {
	// File is the file it came from, or "environment"; empty while unknown.
	File string
	// LoadedAt is when it came into force; zero while unknown.
	LoadedAt time.Time
	// Err is why a newer one could not be taken over, in words; empty when
	// there is none, or it was.
	Err string
}

// Builder builds snapshots. It is safe for concurrent use. Since when a link
// has been so is as exact as Build is frequent: call it whenever an input
// changes, not only when somebody asks.
type Builder struct {
	secrets func() []secret.Value

	mu     sync.Mutex
	last   time.Time           // guarded by mu; the latest now seen
	states map[string]verdicts // guarded by mu; by link id
}

// verdicts is a link's verdict and since when it holds.
type verdicts struct {
	verdict fact.Verdict
	since   time.Time
}

// NewBuilder returns a Builder whose snapshots never hold any of what secrets
// lists, the secrets of the config; it is called for each snapshot.
func NewBuilder(secrets func() []secret.Value) *Builder {
	return &Builder{secrets: secrets, states: map[string]verdicts{}}
}

// Build returns the snapshot of in at now.
func (b *Builder) Build(in Inputs, now time.Time) *Snapshot {
	m := maker{scrub: newScrubber(b.secrets())}
	s := &Snapshot{
		Version:     m.text(in.Version),
		StartedAt:   instant(in.Started),
		GeneratedAt: seconds(now),
		Config:      m.config(in.Config),
		Chain:       b.chain(m, in, now),
		WAN:         m.wan(in.WAN, in.Router),
		DDNS:        m.records(in.DDNS),
		Router:      m.router(in),
		Forwards:    m.forwards(in.Portmap, in.Pinholes),
		Services:    m.services(in.Hairpin),
		Certificate: m.kept(in.Certificate),
		Hairpin:     m.hairpin(in.Hairpin),
		Outside:     m.outside(in.Outside),
		DNS:         m.dns(in.DNS),
		History:     m.history(in.History),
		LAN:         m.lan(in),
	}
	s.Status = fact.VerdictPass
	for _, link := range s.Chain {
		s.Status = fact.Worse(s.Status, link.Status)
	}
	return s
}

// The ids of the links.
const (
	linkWAN         = "wan"
	linkDDNS        = "ddns"
	linkForward     = "forward"
	linkBroker      = "broker"
	linkCertificate = "certificate"
	linkHairpin     = "hairpin"
	linkDNS         = "dns"
	linkClients     = "clients"
)

// LinkIDs returns the ids of the chain's links, from the street to the sofa.
func LinkIDs() []string {
	return []string{linkWAN, linkDDNS, linkForward, linkBroker, linkCertificate, linkHairpin, linkDNS, linkClients}
}

// chain lists the links in order.
func (b *Builder) chain(m maker, in Inputs, now time.Time) []Link {
	said := map[string]fact.Link{
		linkWAN:         in.WAN.Link,
		linkDDNS:        in.DDNS.Link,
		linkForward:     withRouter(withOutside(in.Pinholes.Into(in.Portmap.Link), in), in.Router, in.LAN),
		linkBroker:      in.Hairpin.Broker,
		linkCertificate: withKeeper(in.Hairpin.Certificate, in.Certificate),
		linkHairpin:     in.Hairpin.Hairpin,
		linkDNS:         in.DNS.DNS,
		linkClients:     withHanded(in),
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	// Two callers may come in the wrong order; the one that looked earlier
	// must not turn a verdict back.
	stale := now.Before(b.last)
	if !stale {
		b.last = now
	}
	var chain []Link
	for _, id := range LinkIDs() {
		link := said[id]
		held, known := b.states[id]
		if !known || held.verdict != link.Verdict {
			held = verdicts{link.Verdict, now}
			if !stale {
				b.states[id] = held
			}
		}
		chain = append(chain, m.link(id, link, held.since))
	}
	return chain
}

// spoken reports whether a concern has said anything yet: a Status that it
// has published carries at least a link.
func spoken(status any) bool { return !reflect.ValueOf(status).IsZero() }
