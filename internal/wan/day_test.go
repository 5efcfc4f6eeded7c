package wan_test

// What a day costs the echo services. The figures are those of docs/scale.md
// and of docs/configuration.md: 24 outside questions a day for the whole
// daemon, of which the DDNS re-checks take 12.

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/wan"
)

func TestDayOfQuestions(t *testing.T) {
	flap := func() func() string {
		n := 0
		return func() string { n++; return fmt.Sprintf("11.22.33.%d", 1+n%200) }
	}
	same, other := says("11.22.33.44"), says("11.22.33.55")
	tests := []struct {
		name      string
		voices    []*voice
		atMost    int
		atLeast   int
		everyPoll bool // with the default PollRouter
	}{
		{"undisturbed", []*voice{router(same), outside("a", same), outside("b", same)}, 4, 4, true},
		{"undisturbed, four services", []*voice{router(same), outside("a", same), outside("b", same), outside("c", same), outside("d", same)}, 4, 4, false},
		{"undisturbed, one service", []*voice{router(same), outside("a", same)}, 4, 4, false},
		{"no router", []*voice{outside("a", same), outside("b", same)}, 9, 7, false},
		{"dead router", []*voice{router(says("-")), outside("a", same), outside("b", same)}, 9, 7, false},
		{"hanging router, three services", []*voice{router(says("hang")), outside("a", same), outside("b", same), outside("c", same)}, 9, 7, false},
		{"one service dead", []*voice{router(same), outside("a", says("-")), outside("b", same), outside("c", same)}, 6, 4, true},
		{"one service hangs", []*voice{router(same), outside("a", says("hang")), outside("b", same), outside("c", same)}, 6, 4, false},
		{"no router, one service dead", []*voice{outside("a", says("-")), outside("b", same), outside("c", same)}, 12, 7, false},
		{"no router, one service hangs", []*voice{outside("a", says("hang")), outside("b", same), outside("c", same)}, 12, 7, false},
		{"double NAT", []*voice{router(says("192.168.1.2")), outside("a", same), outside("b", same)}, 4, 4, false},
		{"static", []*voice{{name: "static:11.22.33.44", kind: wan.Word, script: same}, outside("a", same), outside("b", same)}, 4, 4, false},
		// What follows is no undisturbed home: the first hour is spent on
		// finding out, and then there is one question an hour, or two.
		{"dead router, one service", []*voice{router(says("-")), outside("a", same)}, 13 + 24, 24, false},
		{"dead router, two URLs of one party", []*voice{router(says("-")), outside("a/1", same), outside("a/2", same)}, 13 + 24, 24, false},
		{"disagreement", []*voice{router(same), outside("a", other), outside("b", other), outside("c", other)}, 22 + 24, 24, false},
		{"outside dead", []*voice{router(same), outside("a", says("-")), outside("b", says("hang")), outside("c", says("-"))}, 30 + 24, 24, false},
		{"everything dead", []*voice{router(says("-")), outside("a", says("-")), outside("b", says("hang"))}, 20 + 24, 24, false},
		{"router not connected", []*voice{router(says("none")), outside("a", same), outside("b", same)}, 13 + 24, 24, false},
		{"router says another address at every poll", []*voice{router(flap()), outside("a", same), outside("b", same)}, 300, 100, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()                               // each is a bubble of its own
			cfg := wan.Config{PollRouter: time.Minute} // spares the test a lot of polls
			if tt.everyPoll {
				cfg.PollRouter = 0
			}
			homeWith(t, cfg, func(t *testing.T, _ *wan.Watcher) {
				after(24*time.Hour - time.Nanosecond)
				total, per, least, most, sick := 0, map[string]int{}, math.MaxInt, 0, false
				for _, v := range tt.voices {
					if v.kind == wan.Outside {
						total += len(v.asked())
						per[v.name] = len(v.asked())
						if word := v.script(); word == "-" || word == "hang" {
							sick = true
						}
						least, most = min(least, per[v.name]), max(most, per[v.name])
					}
				}
				t.Logf("%d questions: %v", total, per)
				if total > tt.atMost || total < tt.atLeast {
					t.Errorf("%d questions (%v), want %d to %d", total, per, tt.atLeast, tt.atMost)
				}
				if most-least > 1 && !sick {
					t.Errorf("the services do not share the questions: %v", per)
				}
			}, tt.voices...)
		})
	}
}

// A home with both families, and no router that answers: the worst there is
// while nothing is wrong.
func TestDayOfQuestionsOfBothFamilies(t *testing.T) {
	total := 0
	a, b := outside("a", says("11.22.33.44")), outside("b", says("11.22.33.44"))
	homeWith(t, wan.Config{}, func(*testing.T, *wan.Watcher) { after(24*time.Hour - time.Nanosecond) }, a, b)
	total += len(a.asked()) + len(b.asked())
	a, b = outside("a", says("2a02:8071::2")), outside("b", says("2a02:8071::2"))
	own6 := wan.NewIPv6Interface("interface:eth0", func() ([]netip.Addr, error) { return addrs("2a02:8071::1"), nil })
	runWith(t, wan.Config{Family: wan.IPv6}, func(*testing.T, *wan.Watcher) { after(24*time.Hour - time.Nanosecond) }, own6, a, b)
	total += len(a.asked()) + len(b.asked())
	if total < 10 || total > 12 {
		t.Errorf("%d questions a day for both families, want at most 12", total)
	}
}

// Homes that started in the same instant do not ask in the same instant, nor
// the same service first.
func TestHomesDoNotBeatInStep(t *testing.T) {
	first, second := map[string]int{}, map[time.Time]bool{}
	for range 40 {
		a, b := outside("a", says("11.22.33.44")), outside("b", says("11.22.33.44"))
		cfg := wan.Config{PollRouter: time.Hour, OwnPrefixes: func() []netip.Prefix { return own }}
		runSeeded(t, cfg, func(*testing.T, *wan.Watcher) {
			if len(a.asked()) > 0 {
				first["a"]++
			}
			after(8 * time.Hour)
			at := append(a.asked(), b.asked()...)
			for _, when := range at {
				second[when.Truncate(time.Minute)] = true
			}
		}, router(says("11.22.33.44")), a, b)
	}
	if first["a"] < 8 || first["a"] > 32 {
		t.Errorf("%d of 40 homes began with the first service", first["a"])
	}
	if len(second) < 20 {
		t.Errorf("the second questions of 40 homes fell into %d minutes", len(second))
	}
}
