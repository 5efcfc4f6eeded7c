package dnsserver

// What the server goes by, swapped whole when the config changes.

import (
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/cache"
	"github.com/edgeguard/edgeguard/internal/dnsserver/limit"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// rules are everything that a config decides about answers. They are immutable;
// a question is answered by the rules it met first.
type rules struct {
	cfg      Config // with its defaults
	acl      *acl
	upstream *source
	specials *suffixes[policy]
	forwards *forwards // nil where there is none
	exempt   *suffixes[bool]
	paces    limit.Paces
	gateways atomic.Pointer[[]netip.Addr] // nil where nobody says
}

// newRules checks cfg. The error says what is missing.
func newRules(cfg Config) (*rules, error) {
	if len(cfg.Listen) == 0 {
		return nil, errors.New("the DNS server has no address to listen on: set listen in [dns]")
	}
	if cfg.Upstream == nil {
		return nil, errors.New("the DNS server has no upstream servers, so no name outside the house could be resolved: set upstreams in [dns]")
	}
	for _, addr := range slices.Concat(cfg.Listen, cfg.TLSListen) {
		if !addr.IsValid() {
			return nil, errors.New("an address to listen on is empty")
		}
	}
	cfg = withDefaults(cfg)
	forwards, err := newForwards(cfg.Forwards, cfg.Workers)
	if err != nil {
		return nil, err
	}
	exempt, err := newRebindExempt(cfg.RebindAllow)
	if err != nil {
		return nil, err
	}
	r := &rules{
		cfg: cfg, acl: newACL(cfg.Allow, cfg.OwnPrefixes), upstream: &source{Upstream: cfg.Upstream},
		specials: newSpecials(cfg), forwards: forwards, exempt: exempt, paces: limit.PacesOf(cfg.RateLimit),
	}
	r.refreshGateways()
	return r, nil
}

// Reconfigure makes the server go by cfg from the next question on. Questions
// under way are answered by the old rules, and the cache is kept, as far as it
// fits a new bound. Addresses that cfg does not listen on any more are closed
// and new ones bound, the others are left alone; a new one that is taken or
// forbidden is a *BindError, and one that this host does not have yet is waited
// for. The number of workers stays as it was at New; a cfg that differs in it
// is an error. An error changes nothing.
func (s *Server) Reconfigure(cfg Config) error {
	r, err := newRules(cfg)
	if err != nil {
		return err
	}
	old := s.rules.Load().cfg
	if old.Workers != r.cfg.Workers {
		return errors.New("the number of workers changes with a restart only")
	}
	if err := s.refuseLoops(r, slices.Concat(r.cfg.Listen, r.cfg.TLSListen)); err != nil {
		return err
	}
	s.marks.give(r.forwards)
	if err := s.rebind(r); err != nil {
		return err
	}
	s.cache.KeepStale(r.cfg.StaleMax)
	s.cache.Resize(r.cfg.CacheBytes)
	return nil
}

// withDefaults returns a copy of cfg with its defaults filled in.
func withDefaults(cfg Config) Config {
	cfg.Listen, cfg.TLSListen = plain(cfg.Listen), plain(cfg.TLSListen)
	if cfg.RateLimit == 0 {
		cfg.RateLimit = DefaultRateLimit
	}
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = defaultCacheBytes
	}
	if cfg.StaleMax == 0 {
		cfg.StaleMax = cache.DefaultKeepStale
	}
	if cfg.CacheMaxTTL == 0 {
		cfg.CacheMaxTTL = wire.MaxTTL * time.Second
	}
	if cfg.Workers <= 0 {
		cfg.Workers = defaultWorkers
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// plain returns the addresses out of their 4-in-6 form.
func plain(list []netip.AddrPort) []netip.AddrPort {
	var out []netip.AddrPort
	for _, addr := range list {
		out = append(out, netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()))
	}
	return out
}
