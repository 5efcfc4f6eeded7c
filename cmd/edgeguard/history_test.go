package main

// What is remembered of the chain, the lines of the log on it, and the figures
// of the DNS server, as the daemon wires them.

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/status/history"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// logged are the lines that chainLog wrote of one link.
func logged(t *testing.T, text, link string) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if l["component"] == "chain" && l["link"] == link {
			lines = append(lines, l)
		}
	}
	return lines
}

func TestEachChangeOfALinkIsLoggedOnce(t *testing.T) {
	watchedChain(t, func(w *watched) {
		var log strings.Builder
		w.said.log = component(slog.New(slog.NewJSONHandler(&log, nil)), "chain")
		say := func(link fact.Link) {
			time.Sleep(5 * time.Second)
			w.now.Load().hairpin.Status().Store(hairpin.Status{Broker: link})
			synctest.Wait()
		}
		say(fact.Link{Verdict: fact.VerdictFail, Summary: "It is gone.", Action: "Start it."})
		say(fact.Link{Verdict: fact.VerdictFail, Summary: "It is gone, in other words.", Action: "Start it."})
		say(fact.Link{Verdict: fact.VerdictPass, Summary: "It answers."})
		time.Sleep(10 * time.Minute)
		say(fact.Link{Verdict: fact.VerdictWarn, Summary: "It is slow."})
		say(fact.Link{Summary: "Nobody knows."})
		var got []string
		for _, l := range logged(t, log.String(), "broker") {
			got = append(got, fmt.Sprint(l["level"], " ", l["msg"], " ", l["status"], " ", l["before"], " ", l["action"]))
		}
		want := []string{
			"WARN It is gone. fail unknown Start it.", "INFO It answers. pass fail <nil>",
			"WARN It is slow. warn pass <nil>", "INFO Nobody knows. unknown warn <nil>",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("logged\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		// The same words are remembered, the latest first.
		var remembered []string
		for _, c := range w.snapshot().History.Links {
			if c.ID == "broker" {
				remembered = append(remembered, c.Summary)
			}
		}
		if fmt.Sprint(remembered) != "[Nobody knows. It is slow. It answers. It is gone.]" {
			t.Errorf("remembered %q", remembered)
		}
	})
}

func TestAddressesAreRemembered(t *testing.T) {
	watchedChain(t, func(w *watched) {
		var want []netip.Addr
		for _, text := range []string{"11.22.33.44", "11.22.33.55"} {
			addr := netip.MustParseAddr(text)
			want = append([]netip.Addr{addr}, want...)
			for _, o := range []fact.Observation{fact.KnownAddr(addr, "igd", time.Now()), fact.UnknownAddr("igd", time.Now())} {
				w.now.Load().wan.Status().Store(wan.Status{IPv4: o, Link: fact.Link{Summary: "so"}})
				time.Sleep(5 * time.Second)
			}
		}
		var got []netip.Addr
		for _, a := range w.snapshot().History.WAN {
			if a.Family != "ipv4" {
				t.Errorf("remembered %+v", a)
			}
			got = append(got, *a.Address)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("remembered %v, want %v", got, want)
		}
	})
}

func TestDNSFiguresAreTakenEveryInterval(t *testing.T) {
	watchedChain(t, func(w *watched) {
		ctx, cancel := context.WithCancel(w.t.Context())
		ended := make(chan error)
		go func() { ended <- w.countDNS(ctx) }()
		time.Sleep(3*history.Step + time.Second)
		s := w.snapshot().History.DNS
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if len(s.Queries) != 3 || len(s.Hits) != 3 || len(s.UpstreamSeconds) != 3 || s.StepSeconds != 30 {
			t.Errorf("figures %+v", s)
		}
	})
}

// A restart is no change, and what the first run remembered is shown by the next.
func TestARestartIsNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := loaded(t, "")
		cfg.StateDir = t.TempDir()
		chain := func(v fact.Verdict) *status.Snapshot {
			s := &status.Snapshot{GeneratedAt: time.Now(), WAN: status.WAN{IPv4State: "unknown", IPv6State: "unknown"}}
			for _, id := range status.LinkIDs() {
				s.Chain = append(s.Chain, status.Link{ID: id, Status: v, Summary: "It is " + v.String() + ".", Since: time.Now()})
			}
			return s
		}
		for run, want := range []int{len(status.LinkIDs()), len(status.LinkIDs()), 2 * len(status.LinkIDs())} {
			d := &daemon{history: newHistory(cfg, quietLog(t)), said: newChainLog(quietLog(t))}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- d.history.Run(ctx) }()
			d.seen(chain(fact.VerdictUnknown))
			time.Sleep(10 * time.Second)
			d.seen(chain([]fact.Verdict{fact.VerdictPass, fact.VerdictPass, fact.VerdictFail}[run]))
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if n := len(d.history.View().Links); n != want {
				t.Errorf("run %d: %d changes are remembered, want %d", run, n, want)
			}
		}
	})
}
