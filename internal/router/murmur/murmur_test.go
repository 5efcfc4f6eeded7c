package murmur_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/murmur"
)

// A flood is a few lines and a count, and hides no other text.
func TestAFloodIsAFewLinesAndACount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := murmur.New(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
		for range 59_000 {
			l.Debug("refused", "from", "192.168.77.66")
			time.Sleep(time.Millisecond)
		}
		l.Debug("something else")
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != murmur.Loud+1 || !strings.Contains(lines[0], "from=192.168.77.66") || !strings.Contains(lines[murmur.Loud], "something else") {
			t.Errorf("%d lines: %q", len(lines), lines)
		}
		time.Sleep(murmur.Window)
		out.Reset()
		l.Debug("refused", "from", "192.168.77.67")
		if got := out.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "and_more_before=58995") || !strings.Contains(got, "192.168.77.67") {
			t.Errorf("after the minute: %q", got)
		}
	})
}

func TestLinesOfSeveralGoroutinesAreCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := murmur.New(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
		var tasks sync.WaitGroup
		for range 8 {
			tasks.Go(func() {
				for range 100 {
					l.Debug("refused")
				}
			})
		}
		tasks.Wait()
		if got := strings.Count(out.String(), "\n"); got != murmur.Loud {
			t.Errorf("%d lines", got)
		}
	})
}
