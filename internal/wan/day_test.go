package wan_test

// What a day costs the echo services.

import (
	"fmt"
	"math"
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
		{"undisturbed", []*voice{router(same), outside("a", same), outside("b", same)}, 12, 11, true},
		{"undisturbed, one service", []*voice{router(same), outside("a", same)}, 12, 11, false},
		{"no router", []*voice{outside("a", same), outside("b", same)}, 24, 22, false},
		{"dead router", []*voice{router(says("-")), outside("a", same), outside("b", same)}, 24, 22, false},
		{"hanging router, three services", []*voice{router(says("hang")), outside("a", same), outside("b", same), outside("c", same)}, 24, 22, false},
		{"double NAT", []*voice{router(says("192.168.1.2")), outside("a", same), outside("b", same)}, 12, 11, false},
		{"dead router, one service", []*voice{router(says("-")), outside("a", same)}, 33, 24, false},
		{"dead router, two URLs of one host", []*voice{router(says("-")), outside("a/1", same), outside("a/2", same)}, 33, 24, false},
		{"disagreement", []*voice{router(same), outside("a", other), outside("b", other), outside("c", other)}, 2 * 33, 2 * 24, false},
		{"everything dead", []*voice{router(says("-")), outside("a", says("-")), outside("b", says("hang"))}, 2 * 33, 2 * 24, false},
		{"router not connected", []*voice{router(says("none")), outside("a", same), outside("b", same)}, 33, 24, false},
		{"router says another address at every poll", []*voice{router(flap()), outside("a", same)}, 1500, 100, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := wan.Config{PollRouter: time.Minute} // spares the test a lot of polls
			if tt.everyPoll {
				cfg.PollRouter = 0
			}
			homeWith(t, cfg, func(t *testing.T, _ *wan.Watcher) {
				after(24*time.Hour - time.Nanosecond)
				total, per, least, most := 0, map[string]int{}, math.MaxInt, 0
				for _, v := range tt.voices {
					if v.kind == wan.Outside {
						total += len(v.asked())
						per[v.name] = len(v.asked())
						least, most = min(least, per[v.name]), max(most, per[v.name])
					}
				}
				if total > tt.atMost || total < tt.atLeast {
					t.Errorf("%d questions (%v), want %d to %d", total, per, tt.atLeast, tt.atMost)
				}
				if most-least > 1 {
					t.Errorf("the services do not share the questions: %v", per)
				}
			}, tt.voices...)
		})
	}
}
