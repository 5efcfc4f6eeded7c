package ddns_test

// What a provider's refusals lead to.

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
)

func noDial(context.Context, string, string) (net.Conn, error) { return nil, errDown }

func contains(text string, words ...string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// refuse makes every write end in err.
func refuse(err error) func(string, netip.Addr) (netip.Addr, error) {
	return func(string, netip.Addr) (netip.Addr, error) { return netip.Addr{}, err }
}

func TestFailuresBackOffFrom30sToAnHour(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.set = refuse(&provider.Fault{Kind: provider.Failed, Text: "no route"})
		h.start()
		h.wantPhase(ddns.PhasePending)
		h.wantVerdict(fact.VerdictWarn)
		h.wait(24 * time.Hour)
		for i := 1; i < len(h.writes); i++ {
			most := min(time.Minute<<min(i-1, 20), time.Hour)
			if gap := h.writes[i].At - h.writes[i-1].At; gap < most/2 || gap > most {
				t.Fatalf("write %d came after %v, want at most %v", i, gap, most)
			}
		}
		if n := len(h.writes); n < 24 || n > 70 {
			t.Errorf("%d writes in a day", n)
		}
		h.wantVerdict(fact.VerdictFail)
		// A new address is tried without waiting out the old failures.
		before := len(h.writes)
		h.answer(nil)
		h.address.Store(known(addrB))
		h.wait(31 * time.Second)
		if len(h.writes) != before+1 {
			t.Errorf("%d writes since the address changed", len(h.writes)-before)
		}
		h.wait(time.Minute)
		h.wantPhase(ddns.PhaseVerified)
	})
}

func TestAnUnclearWriteIsVerifiedBeforeItIsRepeated(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.set = func(domain string, addr netip.Addr) (netip.Addr, error) {
			h.show(domain, addr) // it did arrive
			return netip.Addr{}, context.DeadlineExceeded
		}
		h.start()
		h.wantPhase(ddns.PhaseUnconfirmed)
		if l := h.wantVerdict(fact.VerdictWarn); !contains(l.Summary, "Could not confirm") {
			t.Errorf("summary is %q", l.Summary)
		}
		h.wait(time.Hour)
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseVerified)
	})
}

func TestAFinalRefusalStopsAndOutlivesARestart(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = t.TempDir() + "/ddns.json"
		h.set = refuse(&provider.Fault{Kind: provider.Final, Text: "bad token", Action: "Make a new one."})
		h.start()
		h.wantPhase(ddns.PhaseStopped)
		h.wait(24 * time.Hour)
		h.address.Store(known(addrB))
		h.wait(24 * time.Hour)
		h.wantWrites(addrA)
		h.stop()
		h.start()
		h.wait(time.Hour)
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseStopped)
		if l := h.wantVerdict(fact.VerdictFail); !contains(l.Summary, "bad token") || !contains(l.Action, "Make a new one.", "config") {
			t.Errorf("link is %+v", l)
		}
		h.stop()
		h.answer(nil)
		h.cfg.Records[0].Token = newToken()
		h.start()
		h.wait(time.Hour)
		h.wantWrites(addrA, addrB)
		h.wantPhase(ddns.PhaseVerified)
	})
}

func TestThreeDoubtfulRefusalsInARowStop(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = t.TempDir() + "/ddns.json"
		h.set = refuse(&provider.Fault{Kind: provider.Doubtful, Text: "KO"})
		h.start()
		h.wait(9 * time.Minute)
		h.wantWrites(addrA)
		h.stop()
		h.start() // the count and the wait are remembered
		h.wait(45 * time.Second)
		h.wantWrites(addrA)
		h.wait(3 * time.Minute) // 10 min and its lot are over
		h.wantWrites(addrA, addrA)
		h.wantPhase(ddns.PhasePending)
		h.wait(57 * time.Minute)
		h.wantWrites(addrA, addrA)
		h.wait(13 * time.Minute) // so are an hour and its lot
		h.wantWrites(addrA, addrA, addrA)
		h.wantPhase(ddns.PhaseStopped)
		h.wait(48 * time.Hour)
		h.wantWrites(addrA, addrA, addrA)
	})
}

func TestRetryAfterIsObeyedEvenByANewAddress(t *testing.T) {
	for _, told := range []time.Duration{0, 2 * time.Hour} {
		bubble(t, func(t *testing.T, h *home) {
			h.cfg.StateFile = t.TempDir() + "/ddns.json"
			h.set = refuse(&provider.Fault{Kind: provider.Limited, Wait: told, Text: "too many"})
			wait := told
			if told == 0 {
				wait = 5 * time.Minute
			}
			h.start()
			h.wait(wait / 2)
			h.address.Store(known(addrB))
			h.stop()
			h.start()
			h.wait(wait/2 - time.Second)
			h.wantWrites(addrA)
			h.wait(time.Second + min(wait/4, 10*time.Minute)) // by lot
			h.wantWrites(addrA, addrB)
		})
	}
}

// Homes that are refused in the same second do not come back in the same
// second, and none before its time.
func TestHomesRefusedTogetherComeBackApart(t *testing.T) {
	const homes = 40
	for name, c := range map[string]struct {
		fault      provider.Fault
		least, lot time.Duration
		seconds    int // in which some home comes back, at the fewest
	}{
		"failed":          {provider.Fault{Kind: provider.Failed}, 30 * time.Second, 30 * time.Second, 15},
		"unclear":         {provider.Fault{Kind: provider.Unclear}, 30 * time.Second, 30 * time.Second, 15},
		"429":             {provider.Fault{Kind: provider.Limited}, 5 * time.Minute, 75 * time.Second, 20},
		"429 for an hour": {provider.Fault{Kind: provider.Limited, Wait: time.Hour}, time.Hour, 10 * time.Minute, 30},
		"429 for a day":   {provider.Fault{Kind: provider.Limited, Wait: 24 * time.Hour}, 24 * time.Hour, 10 * time.Minute, 30},
		"429 for 1 min":   {provider.Fault{Kind: provider.Limited, Wait: time.Minute}, time.Minute, 15 * time.Second, 8},
		"503 for 5 s":     {provider.Fault{Kind: provider.Failed, Wait: 5 * time.Second}, 30 * time.Second, 30 * time.Second, 15},
		"doubtful":        {provider.Fault{Kind: provider.Doubtful}, 10 * time.Minute, 150 * time.Second, 20},
	} {
		t.Run(name, func(t *testing.T) {
			back := map[time.Duration]int{}
			for range homes {
				bubble(t, func(t *testing.T, h *home) {
					f := c.fault
					f.Text = "refused"
					h.set = refuse(&f)
					h.cfg.Rand = nil
					h.start()
					h.wait(c.least + c.lot)
					if len(h.writes) != 2 {
						t.Fatalf("%d writes within %v", len(h.writes), c.least+c.lot)
					}
					gap := h.writes[1].At - h.writes[0].At
					if gap < c.least {
						t.Errorf("the second write came after %v, before %v", gap, c.least)
					}
					back[gap.Truncate(time.Second)]++
				})
			}
			if len(back) < c.seconds {
				t.Errorf("%d homes came back in %d different seconds: %v", homes, len(back), back)
			}
		})
	}
}

func TestAnEchoOfAnotherAddressIsNoSuccess(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.set = func(string, netip.Addr) (netip.Addr, error) { return addrB, nil }
		h.start()
		h.wantPhase(ddns.PhasePending)
		if got := h.record().LastError; !contains(got, addrB.String()) {
			t.Errorf("error is %q", got)
		}
	})
}

func TestShutdownDuringAWriteIsPrompt(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = t.TempDir() + "/ddns.json"
		h.set = func(string, netip.Addr) (netip.Addr, error) {
			time.Sleep(time.Second)
			return netip.Addr{}, context.Canceled
		}
		h.start() // returns while the write is under way
		h.stop()
		if d := time.Since(h.begin); d > time.Second {
			t.Errorf("the end took %v", d)
		}
		// Nobody knows whether it arrived, and the servers are silent.
		h.setSilent(true)
		h.answer(nil)
		h.start()
		h.wait(9 * time.Minute)
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseUnconfirmed)
	})
}

// Where the servers answer, and say something else, there is no need to wait as
// long as for a provider that said yes.
func TestAWriteBrokenOffIsRepeatedWhereTheServersSayOtherwise(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = t.TempDir() + "/ddns.json"
		h.show(h.cfg.Records[0].Domain, addrB)
		h.set = func(string, netip.Addr) (netip.Addr, error) {
			time.Sleep(time.Second)
			return netip.Addr{}, context.Canceled
		}
		h.start()
		h.stop() // while the write is under way
		h.answer(nil)
		h.start()
		h.wait(20 * time.Second)
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseUnconfirmed)
		if l := h.wantVerdict(fact.VerdictWarn); !contains(l.Summary, "is not known, and the authoritative servers still say "+addrB.String()) {
			t.Errorf("summary is %q", l.Summary)
		}
		h.wait(2 * time.Minute)
		h.wantWrites(addrA, addrA)
		h.wantPhase(ddns.PhaseVerified)
	})
}

func TestAFailedWriteSaysWhatItMeansAndWhatToDo(t *testing.T) {
	for kind, words := range map[provider.FaultKind]string{provider.Failed: "does not lead here: no luck", provider.Unclear: "may not lead here: no luck"} {
		bubble(t, func(t *testing.T, h *home) {
			h.show(h.cfg.Records[0].Domain, addrB)
			h.set = refuse(&provider.Fault{Kind: kind, Text: "no luck"})
			h.start()
			if l := h.wantVerdict(fact.VerdictWarn); !contains(l.Summary, words) || !contains(l.Action, "tried again by itself") {
				t.Errorf("link is %+v", l)
			}
		})
	}
}
