package checker

// One look, which asks once.

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/watch"
)

func TestLookAsksOnce(t *testing.T) {
	equal := func(a, b fact.Observation) bool { return a == b }
	known, unknown := fact.KnownAddr(wanAddr, "test", time.Now()), fact.Observation{}
	for name, c := range map[string]struct {
		wan     fact.Observation
		code    int
		cancel  bool
		verdict Verdict
		detail  string
		asked   int32
	}{
		"open":                   {known, 200, false, Open, "", 1},
		"closed, as it said":     {known, 503, false, Unknown, "one such answer alone proves nothing", 1},
		"out of order":           {known, 500, false, Unknown, "status 500", 1},
		"no address":             {unknown, 200, false, Unknown, "the public address is not known", 0},
		"no time is left for it": {known, 200, true, Unknown, "there was no time to ask it", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			cfg := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.WriteHeader(c.code)
			})
			cfg.Ports = []Port{mqtt}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.cancel {
				cancel()
			}
			s := New(cfg, watch.New(c.wan, equal)).Look(ctx)
			if got := s.Checks[0]; got.Verdict != c.verdict || !strings.Contains(got.Detail, c.detail) || asked.Load() != c.asked {
				t.Errorf("%+v after %d questions", got, asked.Load())
			}
		})
	}
}
