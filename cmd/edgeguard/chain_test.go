package main

// The chain is looked at when something of it has changed, and rarely while
// nothing has.

import (
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/notify"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// watched is a daemon of which nothing runs but the watch of its chain.
type watched struct {
	*daemon
	t     *testing.T
	looks atomic.Int32
}

func watchedChain(t *testing.T, happens func(w *watched)) {
	synctest.Test(t, func(t *testing.T) {
		cfg := loaded(t, "")
		cfg.StateDir = t.TempDir()
		cfg.DDNS.StateFile, cfg.DNS.CacheFile = filepath.Join(cfg.StateDir, "ddns.json"), ""
		d, err := newDaemon(cfg, netip.MustParseAddr("192.168.1.2"), quietLog(t), &secretList{})
		if err != nil {
			t.Fatal(err)
		}
		w := &watched{daemon: d, t: t}
		d.builder = status.NewBuilder(func() []secret.Value {
			w.looks.Add(1)
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- d.watchChain(ctx) }()
		time.Sleep(chainRarely / 2)
		w.looked(2) // newDaemon has made a zone meanwhile
		happens(w)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// looked wants so many looks since it was called last.
func (w *watched) looked(want int32) {
	w.t.Helper()
	synctest.Wait()
	if n := w.looks.Swap(0); n != want {
		w.t.Errorf("the chain was looked at %d times, want %d", n, want)
	}
}

// says wants people to be told that of a link, since then.
func (w *watched) says(id string, verdict fact.Verdict, since time.Time) {
	w.t.Helper()
	synctest.Wait()
	links := w.news.Load().Links
	at := slices.IndexFunc(links, func(l notify.Link) bool { return l.ID == id })
	if link := links[at]; link.Verdict != verdict || link.Since.Sub(since).Abs() > time.Second {
		w.t.Errorf("the link %s is %v since %v, want %v since %v", id, link.Verdict, link.Since, verdict, since)
	}
}

func TestChainIsLookedAtRarelyWhileNothingChanges(t *testing.T) {
	watchedChain(t, func(w *watched) {
		time.Sleep(10 * time.Minute)
		w.looked(20)
	})
}

func TestChainIsLookedAtWhenAnInputChanges(t *testing.T) {
	watchedChain(t, func(w *watched) {
		c := w.now.Load()
		c.hairpin.Status().Store(hairpin.Status{Broker: fact.Link{Verdict: fact.VerdictFail, Summary: "gone"}})
		w.says("broker", fact.VerdictFail, time.Now())
		// The next within the gap waits, and is right to within it.
		time.Sleep(chainGap / 4)
		c.hairpin.Status().Store(hairpin.Status{Broker: fact.Link{Verdict: fact.VerdictPass, Summary: "back"}})
		synctest.Wait()
		w.looked(1)
		time.Sleep(chainGap - chainGap/4)
		w.says("broker", fact.VerdictPass, time.Now())
		w.looked(1)
		time.Sleep(5 * time.Second)
		c.portmap.Status().Store(portmap.Status{Link: fact.Link{Verdict: fact.VerdictWarn, Summary: "odd"}})
		w.says("forward", fact.VerdictWarn, time.Now())
		time.Sleep(5 * time.Second)
		w.stir() // as the DNS server and its upstreams do
		w.looked(2)
	})
}

// The router is asked every few seconds and says the same.
func TestChainIsNotLookedAtWhenTheSameIsHeardAgain(t *testing.T) {
	watchedChain(t, func(w *watched) {
		addr := netip.MustParseAddr("11.22.33.44")
		said := func(verdict fact.Verdict) {
			o := fact.KnownAddr(addr, "igd", time.Now())
			w.now.Load().wan.Status().Store(wan.Status{
				IPv4: o, Sources: []wan.SourceStatus{{Name: "igd", Observation: o}}, Link: fact.Link{Verdict: verdict, Summary: "so"},
			})
		}
		said(fact.VerdictPass)
		w.says("wan", fact.VerdictPass, time.Now())
		w.looked(1)
		for range 7 {
			time.Sleep(4 * time.Second)
			said(fact.VerdictPass)
			w.looked(0)
		}
		said(fact.VerdictWarn)
		w.says("wan", fact.VerdictWarn, time.Now())
		w.looked(1)
	})
}
