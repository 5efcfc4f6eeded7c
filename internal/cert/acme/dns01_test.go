package acme

// Waiting for the TXT record, and taking it away.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a public DNS whose servers change as time goes by.
type scripted struct {
	zone
	begun time.Time
	looks int
	at    func(time.Duration) []View
}

func (s *scripted) TXT(context.Context, string) ([]View, error) {
	s.looks++
	return s.at(time.Since(s.begun)), nil
}

var errSilent = errors.New("no answer")

func TestTheCAIsToldWhenAllServersShowTheRecord(t *testing.T) {
	shows := func(server string, values ...string) View { return View{Server: server, Values: values} }
	silent := func(server string) View { return View{Server: server, Err: errSilent} }
	for name, c := range map[string]struct {
		at     func(time.Duration) []View
		exact  bool
		least  time.Duration // when it is enough
		most   time.Duration
		failed string // or what is said
	}{
		"at once": {at: func(time.Duration) []View { return []View{shows("a", "new"), shows("b", "other", "new")} }},
		"ten minutes": {at: func(d time.Duration) []View {
			if d < 10*time.Minute {
				return []View{shows("a", "new"), shows("b")}
			}
			return []View{shows("a", "new"), shows("b", "new")}
		}, least: 10 * time.Minute, most: 10*time.Minute + mostLook},
		"a minority is silent": {at: func(time.Duration) []View { return []View{shows("a", "new"), shows("b", "new"), silent("c")} }, least: grace, most: grace + mostLook},
		"half are silent":      {at: func(time.Duration) []View { return []View{shows("a", "new"), silent("b")} }, failed: "No answer came from b."},
		"all are silent":       {at: func(time.Duration) []View { return []View{silent("a")} }, failed: "No answer came from a."},
		"nobody":               {at: func(time.Duration) []View { return nil }, failed: "not every server shows it"},
		"an old value stays":   {at: func(time.Duration) []View { return []View{shows("a", "new"), shows("b", "old"), shows("c", "new")} }, failed: "Something else is shown by b."},
		"the old beside the new, where there is one": {at: func(d time.Duration) []View {
			if d < time.Minute {
				return []View{shows("a", "old", "new")}
			}
			return []View{shows("a", "new")}
		}, exact: true, least: time.Minute, most: time.Minute + mostLook},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				names := &scripted{begun: time.Now(), at: c.at}
				err := waitShown(t.Context(), names, "_acme-challenge.example.net", []string{"new"}, c.exact, time.Now().Add(30*time.Minute))
				took := time.Since(names.begun)
				if c.failed != "" {
					f := (*failure)(nil)
					if !errors.As(err, &f) || !strings.Contains(f.Text, c.failed) || f.kind != here || took != 30*time.Minute {
						t.Errorf("after %v: %v", took, err)
					}
					return
				}
				if err != nil || took < c.least || took > c.most {
					t.Errorf("after %v: %v", took, err)
				}
				if names.looks > 2+int(took/(10*time.Second)) {
					t.Errorf("it looked %d times in %v", names.looks, took)
				}
			})
		})
	}
}

func TestWaitingForTheRecordEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		names := &scripted{begun: time.Now(), at: func(time.Duration) []View { return nil }}
		err := waitShown(ctx, names, "x", []string{"new"}, false, time.Now().Add(time.Hour))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(names.begun) != time.Minute {
			t.Errorf("after %v: %v", time.Since(names.begun), err)
		}
	})
}

// book is Records that keep a list, and fail where told.
type book struct {
	zone
	list []string
	fail bool
}

func (b *book) Add(_ context.Context, name, value string) error {
	b.list = append(b.list, name+" "+value)
	return nil
}

func (b *book) Remove(ctx context.Context, name, value string) error {
	if b.fail || ctx.Err() != nil {
		return errors.New("the provider is down")
	}
	b.list = slices.DeleteFunc(b.list, func(s string) bool { return s == name+" "+value })
	return nil
}

func TestRecordsAreTakenAwayAfterACrash(t *testing.T) {
	b := &book{}
	cfg := Config{Directory: "https://ca.example.net/dir", Folder: t.TempDir(), Records: b, Names: b}
	dead := mustNew(t, cfg)
	for _, value := range []string{"left", "live"} {
		order := map[string]string{"live": "https://ca.example.net/order/1"}[value]
		if err := dead.add(t.Context(), txt{"_acme-challenge.example.net", value, order}); err != nil {
			t.Fatal(err)
		}
	}
	if err := mkdir(dead.folder(cfg.Directory)); err != nil {
		t.Fatal(err)
	}
	if err := saveNote(dead.folder(cfg.Directory), &note{URL: "https://ca.example.net/order/1", Names: []string{"example.net"}}); err != nil {
		t.Fatal(err)
	}
	b.fail = true
	next := mustNew(t, cfg)
	next.Sweep(t.Context())
	if len(b.list) != 2 {
		t.Fatalf("there are %v", b.list)
	}
	b.fail = false
	next = mustNew(t, cfg)
	next.Sweep(t.Context())
	if !slices.Equal(b.list, []string{"_acme-challenge.example.net live"}) {
		t.Errorf("there are %v", b.list)
	}
	// A context that has ended is no reason to leave them.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	next.sweep(ctx, nil)
	if len(b.list) != 0 || len(mustNew(t, cfg).written) != 0 {
		t.Errorf("there are %v, and %v are noted", b.list, next.written)
	}
}
