package ddns_test

// The flow of a record in the usual cases, on exact instants.

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/watch"
)

func TestUnchangedIsNeverSent(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.start()
		h.wantPhase(ddns.PhaseVerified)
		h.wait(24 * time.Hour)
		h.wantWrites()
		h.wantVerdict(fact.VerdictPass)
		if n := len(h.looks); n < 11 || n > 12 {
			t.Errorf("%d looks in a day, want one each 2 h or so", n)
		}
	})
}

func TestWriteThenVerifyAtGrowingIntervals(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.spread = 40 * time.Second
		h.start()
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseWritten)
		h.wantVerdict(fact.VerdictWarn)
		h.wait(2 * time.Minute)
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseVerified)
		h.wantVerdict(fact.VerdictPass)
		r := h.record()
		if r.VerifiedAt.IsZero() || r.Published.Addr != addrA || r.LastError != "" || !r.NextAttemptAt.After(time.Now()) {
			t.Errorf("status is %+v", r)
		}
		for i := 1; i < len(h.looks)-1; i++ {
			want := 2 * time.Second << (i - 1)
			if gap := h.looks[i] - h.looks[i-1]; gap < want*9/10 || gap > want*11/10 {
				t.Errorf("look %d came after %v, want about %v (%v)", i, gap, want, h.looks)
			}
		}
	})
}

func TestAChangeOfAddressWakesTheManager(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.start()
		h.wait(time.Hour)
		h.address.Store(known(addrB))
		h.wait(5 * time.Second)
		h.wantWrites(addrB)
		h.wantPhase(ddns.PhaseVerified)
	})
}

func TestUnknownAndNoneChangeNothing(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrB)
		h.address.Store(fact.UnknownAddr("test", time.Now()))
		h.start()
		h.wantPhase(ddns.PhaseObserved)
		h.wantVerdict(fact.VerdictUnknown)
		h.wait(24 * time.Hour)
		h.address.Store(fact.NoAddr("test", time.Now()))
		h.wait(24 * time.Hour)
		h.wantVerdict(fact.VerdictUnknown)
		h.address.Store(known(netip.MustParseAddr("2001:db8::1")))
		h.wait(24 * time.Hour)
		h.wantWrites()
		if r := h.record(); r.Published.Addr != addrB {
			t.Errorf("published is %v, want what the servers say", r.Published)
		}
	})
}

func TestTheSameAddressSeenAgainWakesNobody(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.start()
		for range 30 {
			h.wait(10 * time.Second)
			h.address.Store(known(addrA)) // another At, the same value
		}
		if len(h.looks) != 1 {
			t.Errorf("%d looks in five minutes, want 1", len(h.looks))
		}
	})
}

func TestKickLooksButWritesNoMoreThanIsDue(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.spread = time.Hour
		h.start()
		for range 60 {
			h.manager.Kick()
			h.wait(time.Second)
		}
		h.wantWrites(addrA)
		if len(h.looks) < 60 {
			t.Errorf("%d looks after 60 kicks", len(h.looks))
		}
	})
}

func TestAFlappingAddressIsWrittenAtMostEvery30sAndTheLastWins(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.start()
		for i := range 101 {
			h.address.Store(known([]netip.Addr{addrB, addrA}[i%2]))
			h.wait(700 * time.Millisecond)
		}
		h.wait(5 * time.Minute)
		for i := 1; i < len(h.writes); i++ {
			if gap := h.writes[i].At - h.writes[i-1].At; gap < 30*time.Second {
				t.Errorf("two writes within %v: %v", gap, h.writes)
			}
		}
		h.wantPhase(ddns.PhaseVerified)
		if r := h.record(); r.Published.Addr != addrB {
			t.Errorf("published is %v, want the last address %v", r.Published, addrB)
		}
	})
}

// The servers still show A while a write of B is on its way. Wanting A again
// must not be content with that.
func TestAWriteOnItsWayIsOvertaken(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.spread = time.Minute
		h.start()
		h.wait(time.Minute)
		h.address.Store(known(addrB))
		h.wait(time.Second)
		h.address.Store(known(addrA))
		h.wait(40 * time.Second)
		h.wantWrites(addrB, addrA)
		h.wait(10 * time.Minute)
		h.wantPhase(ddns.PhaseVerified)
		h.wantWrites(addrB, addrA)
	})
}

func TestARecordEditedByHandIsPutBack(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.start()
		h.wait(time.Minute)
		h.show(name, addrB)
		h.wait(3 * time.Hour)
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseVerified)
	})
}

func TestAValueThatNeverShowsIsRepeatedAtLongAndGrowingWaits(t *testing.T) {
	for _, silent := range []bool{false, true} {
		bubble(t, func(t *testing.T, h *home) {
			h.silent = silent
			h.set = func(_ string, addr netip.Addr) (netip.Addr, error) { return addr, nil }
			h.start()
			h.wait(9 * time.Minute)
			h.wantWrites(addrA)
			want := ddns.PhaseWritten
			if silent {
				want = ddns.PhaseUnconfirmed
			}
			h.wantPhase(want)
			h.wait(7 * 24 * time.Hour)
			if silent { // it was taken, and nobody says that it is something else
				h.wantWrites(addrA)
				h.wantVerdict(fact.VerdictWarn)
				return
			}
			for i := 1; i < len(h.writes); i++ {
				gap, want := h.writes[i].At-h.writes[i-1].At, min(10*time.Minute<<min(i-1, 6), 6*time.Hour)
				if gap < want || gap > want+time.Minute {
					t.Fatalf("write %d came after %v, want %v", i, gap, want)
				}
			}
			if len(h.writes) < 10 {
				t.Errorf("%d writes in a week", len(h.writes))
			}
			h.wantVerdict(fact.VerdictFail)
		})
	}
}

func TestSilenceAfterVerifiedWritesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.start()
		h.setSilent(true)
		h.wait(48 * time.Hour)
		h.wantWrites()
		h.wantPhase(ddns.PhaseUnconfirmed)
		if l := h.wantVerdict(fact.VerdictWarn); l.Action == "" {
			t.Errorf("link %+v says not what to do", l)
		}
		if h.record().Published.Addr != addrA {
			t.Error("what the servers said last is forgotten")
		}
	})
}

func TestOneFailingRecordHoldsUpNoOther(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.set = func(domain string, addr netip.Addr) (netip.Addr, error) {
			if domain == "hung.duckdns.org" {
				time.Sleep(20 * time.Second)
				return netip.Addr{}, context.DeadlineExceeded
			}
			h.show(domain, addr)
			return addr, nil
		}
		h.start()
		h.wait(5 * time.Second)
		s := h.manager.Status().Load()
		if s.Records[0].Phase == ddns.PhaseVerified || s.Records[1].Phase != ddns.PhaseVerified {
			t.Errorf("status is %+v", s.Records)
		}
	}, "hung.duckdns.org", name)
}

func TestProxiedIsSaidAndNotRewritten(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.Records[0].Provider = "cloudflare"
		proxy := []netip.Addr{netip.MustParseAddr("104.18.2.3"), netip.MustParseAddr("172.67.1.1")}
		h.show(name, proxy...)
		h.set = func(_ string, addr netip.Addr) (netip.Addr, error) { return addr, nil }
		h.start()
		h.wait(48 * time.Hour)
		h.wantWrites(addrA)
		l := h.wantVerdict(fact.VerdictFail)
		if !contains(l.Summary, "proxied", "8883") || !contains(l.Action, "proxy off") || !contains(h.record().LastError, "proxied") {
			t.Errorf("link is %+v, error is %q", l, h.record().LastError)
		}
		h.show(name, addrA)
		h.wait(150 * time.Minute)
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseVerified)
	})
}

func TestAnExtraRecordIsSaid(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA, addrB)
		h.set = func(_ string, addr netip.Addr) (netip.Addr, error) { return addr, nil }
		h.start()
		h.wait(11 * time.Minute)
		h.wantPhase(ddns.PhaseWritten)
		if r := h.record(); !contains(r.LastError, "2 A records") || r.Published.Addr != addrB {
			t.Errorf("status is %+v", r)
		}
		if l := h.wantVerdict(fact.VerdictFail); !contains(l.Action, "Delete") {
			t.Errorf("link is %+v", l)
		}
	})
}

func TestServersThatDisagreeAreNotVerifiedAndNotRewritten(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.start()
		h.wantPhase(ddns.PhaseVerified)
		h.setLagging(addrB)
		h.wait(48 * time.Hour)
		h.wantPhase(ddns.PhaseWritten)
		h.wantWrites()
		h.setLagging(netip.Addr{})
		h.wait(150 * time.Minute)
		h.wantPhase(ddns.PhaseVerified)
	})
}

func TestAnAnswerOfALocalNetworkIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, netip.MustParseAddr("192.168.1.10"))
		h.set = func(_ string, addr netip.Addr) (netip.Addr, error) { return addr, nil }
		h.start()
		h.wait(30 * time.Second)
		h.wantWrites(addrA)
		if l := h.wantVerdict(fact.VerdictWarn); !contains(h.record().LastError, "local network") || !contains(l.Action, "port 53") {
			t.Errorf("status is %+v, link %+v", h.record(), l)
		}
	})
}

func TestNoRecordsConfigured(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.Records = nil
		h.start()
		if l := h.wantVerdict(fact.VerdictUnknown); l.Summary != "No DDNS is configured; the public record is yours to keep." || l.Action != "" {
			t.Errorf("link is %+v", l)
		}
	})
}

func TestNewRefusesMistakes(t *testing.T) {
	address := watch.New(fact.Observation{}, func(a, b fact.Observation) bool { return a == b })
	good := duckRecord()
	for what, change := range map[string]func(*ddns.Config){
		"no dial":          func(c *ddns.Config) { c.Dial = nil },
		"no resolvers":     func(c *ddns.Config) { c.Resolvers = nil },
		"no token":         func(c *ddns.Config) { c.Records[0].Token = secret.Value{} },
		"unknown provider": func(c *ddns.Config) { c.Records[0].Provider = "route66" },
		"not duckdns.org":  func(c *ddns.Config) { c.Records[0].Domain = "a.example.org" },
		"twice":            func(c *ddns.Config) { c.Records = append(c.Records, c.Records[0]) },
		"not in the zone": func(c *ddns.Config) {
			c.Records[0] = record("cloudflare", "myexample.org", token)
			c.Records[0].Zone = "example.org"
		},
		"no zone": func(c *ddns.Config) {
			c.Records[0] = record("cloudflare", "co.uk", token)
		},
	} {
		cfg := ddns.Config{Records: []ddns.RecordConfig{good}, Dial: noDial, Resolvers: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")}}
		if _, err := ddns.New(cfg, ddns.Addresses{V4: address}); err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		if _, err := ddns.New(cfg, ddns.Addresses{V4: address}); err == nil {
			t.Errorf("%s: New has no complaint", what)
		}
	}
}

var (
	errDown = errors.New("the line is down")
)
