package main

// What is remembered of the chain and of the DNS server, and the log's lines on
// links that became otherwise.

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/status/history"
)

// newHistory remembers in the folder state_dir of cfg.
func newHistory(cfg *config.Config, log *slog.Logger) *history.History {
	return history.New(history.Config{
		Path: filepath.Join(cfg.StateDir, "history.json"), Links: status.LinkIDs(), Log: component(log, "history"),
	})
}

// seen takes in what watchChain saw.
func (d *daemon) seen(s *status.Snapshot) {
	d.said.tell(s.Chain)
	d.history.SawAddress(s.GeneratedAt, history.IPv4, stateNamed(s.WAN.IPv4State), orZero(s.WAN.IPv4))
	d.history.SawAddress(s.GeneratedAt, history.IPv6, stateNamed(s.WAN.IPv6State), orZero(s.WAN.IPv6))
	for _, link := range s.Chain {
		d.history.SawLink(link.Since, link.ID, link.Status, link.Summary)
	}
}

// stateNamed is the state of that name in a snapshot; another name is unknown.
func stateNamed(name string) fact.State {
	for _, state := range []fact.State{fact.None, fact.Known} {
		if state.String() == name {
			return state
		}
	}
	return fact.Unknown
}

// orZero is what addr points to; the zero Addr where it is nil.
func orZero(addr *netip.Addr) netip.Addr {
	if addr == nil {
		return netip.Addr{}
	}
	return *addr
}

// countDNS takes the DNS server's figures, interval by interval.
func (d *daemon) countDNS(ctx context.Context) error {
	ticker := time.NewTicker(history.Step)
	defer ticker.Stop()
	for {
		f := d.dns.Figures()
		d.history.CountDNS(time.Now(), history.Counters(f))
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// chainLog says each change of a link's verdict once, with the words that all
// others read. One goroutine uses it.
type chainLog struct {
	log      *slog.Logger
	verdicts map[string]fact.Verdict // by link; unknown at the start
}

func newChainLog(log *slog.Logger) *chainLog {
	return &chainLog{log: component(log, "chain"), verdicts: map[string]fact.Verdict{}}
}

func (l *chainLog) tell(chain []status.Link) {
	for _, link := range chain {
		before := l.verdicts[link.ID]
		if before == link.Status {
			continue
		}
		l.verdicts[link.ID] = link.Status
		level := slog.LevelInfo
		if link.Status == fact.VerdictWarn || link.Status == fact.VerdictFail {
			level = slog.LevelWarn
		}
		attrs := []any{"link", link.ID, "status", link.Status.String(), "before", before.String()}
		if link.Action != nil {
			attrs = append(attrs, "action", *link.Action)
		}
		l.log.Log(context.Background(), level, link.Summary, attrs...)
	}
}
