package acme

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func mkdir(path string) error { return os.MkdirAll(path, 0o700) }

func TestWaitsGrowAndEnd(t *testing.T) {
	m, err := loadMemory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for n, want := range append(ladder, maxWait) {
		f := &Fault{Text: "no"}
		m.of("set", now).fail(f, now, ladder, true)
		if got := f.NotBefore.Sub(now); got != want {
			t.Errorf("after %d failures it waits %v", n+1, got)
		}
		if f := m.of("set", now.Add(want-time.Second)).refusal(now.Add(want - time.Second)); f == nil || f.Text != "no" {
			t.Errorf("it is tried before its time: %v", f)
		}
		now = now.Add(want)
		if f := m.of("set", now).refusal(now); f != nil {
			t.Errorf("it is not tried at its time: %v", f)
		}
	}
	if err := m.save(); err != nil {
		t.Fatal(err)
	}
	m.of("set", now).succeed(now)
	if r := m.of("set", now); r.Row != 0 || !r.Rehearsed || !r.Until.IsZero() {
		t.Errorf("after a success it remembers %+v", r)
	}
}

// A wait is never longer than it was, whichever way the clock jumps.
func TestAClockThatJumpsLocksNothing(t *testing.T) {
	year := 365 * 24 * time.Hour
	for _, asked := range []bool{false, true} {
		for _, jump := range []time.Duration{-10 * year, -48 * time.Hour, -time.Minute, time.Minute, 10 * year} {
			m := &memory{Sets: map[string]*record{}}
			now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
			f, most := &Fault{}, maxWait
			if asked {
				f.NotBefore, most = now.Add(maxRetry), maxRetry
			}
			r := m.of("set", now)
			r.Row = len(ladder)
			r.fail(f, now, ladder, true)
			now = now.Add(jump)
			if f := m.of("set", now).refusal(now); f != nil && f.NotBefore.Sub(now) > most {
				t.Errorf("after a jump of %v it waits %v", jump, f.NotBefore.Sub(now))
			}
			now = now.Add(most)
			if f := m.of("set", now).refusal(now); f != nil {
				t.Errorf("after a jump of %v and %v it still waits for %v", jump, most, f.NotBefore.Sub(now))
			}
			if b := m.of("set", now).brake(now); b != nil {
				t.Errorf("after a jump of %v the brake is on: %v", jump, b)
			}
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := &memory{Sets: map[string]*record{}}
	now := time.Now()
	for n := range 3 * maxSets {
		at := now.Add(time.Duration(n) * time.Second)
		m.of(strings.Repeat("x", n), at).fail(&Fault{}, at, short, false)
	}
	if len(m.Sets) != maxSets || m.Sets[strings.Repeat("x", 3*maxSets-1)] == nil {
		t.Errorf("%d sets are kept", len(m.Sets))
	}
	r := m.of("placed", now)
	for range maxPlaced {
		r.Placed = append(r.Placed, now)
	}
	if f := r.brake(now); f == nil || f.NotBefore.Sub(now) != placeWindow {
		t.Errorf("the brake is %v", f)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": -1, "120": 2 * time.Minute, "0": 0, "99999999": maxRetry, "4294967295": maxRetry, "99999999999999": -1, "-1": -1, "soon": -1,
		now.Add(time.Hour).Format(http.TimeFormat):     time.Hour,
		now.Add(-time.Hour).Format(http.TimeFormat):    -1,
		now.AddDate(100, 0, 0).Format(http.TimeFormat): maxRetry,
	} {
		got := retryAfter(text, now)
		if want < 0 && !got.IsZero() || want >= 0 && got.Sub(now) != want {
			t.Errorf("%q gives %v", text, got)
		}
	}
}

func TestWindowsThatMakeNoSense(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 0, 90)
	for text, ok := range map[string]bool{
		`{"suggestedWindow":{"start":"2026-12-30T00:00:00Z","end":"2027-01-01T00:00:00Z"},"explanationURL":"https://ca.example.net/why"}`: true,
		`{"suggestedWindow":{"start":"2026-10-31T00:00:00Z","end":"2026-10-31T01:00:00Z"}}`:                                               true, // revoked: at once
		`{"suggestedWindow":{"start":"2027-01-02T00:00:00Z","end":"2027-01-01T00:00:00Z"}}`:                                               false,
		`{"suggestedWindow":{"start":"2027-01-01T00:00:00Z","end":"2027-01-01T00:00:00Z"}}`:                                               false,
		`{"suggestedWindow":{"start":"2026-12-30T00:00:00Z","end":"2027-03-01T00:00:00Z"}}`:                                               false,
		`{"suggestedWindow":{"start":"2020-12-30T00:00:00Z","end":"2021-03-01T00:00:00Z"}}`:                                               false,
		`{"suggestedWindow":{"start":"2026-12-30T00:00:00Z"}}`:                                                                            false,
		`{}`: false, `[]`: false, ``: false,
	} {
		if w, err := parseWindow([]byte(text), from, to); (err == nil) != ok {
			t.Errorf("%s gives %+v, %v", text, w, err)
		}
	}
	now := time.Now()
	for at, want := range map[time.Time]time.Duration{{}: askUsual, now: askLeast, now.Add(time.Hour): time.Hour, now.AddDate(1, 0, 0): askMost} {
		if got := askAgain(at, now).Sub(now); got != want {
			t.Errorf("%v gives %v", at, got)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add(`Invalid response from http://a.example/.well-known/acme-challenge/LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0: 404`)
	f.Add("\x1b[31m\u202e\xff" + strings.Repeat("A", 4000))
	f.Fuzz(func(t *testing.T, text string) {
		got := clean(text, maxForeign)
		if len(got) > maxForeign || !utf8.ValidString(got) {
			t.Fatalf("%q", got)
		}
		run := 0
		for _, r := range got {
			if run++; !isBase64(r) {
				run = 0
			}
			if run >= secretLength || r < ' ' {
				t.Fatalf("%q", got)
			}
		}
		if again := clean(got, maxForeign); again != got {
			t.Fatalf("it is not steady: %q becomes %q", got, again)
		}
	})
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"sets":{"a":{"failed":["2026-01-01T00:00:00Z"],"row":3,"at":"2026-01-01T00:00:00Z","until":"2026-01-01T00:00:00Z"}}}`))
	f.Add([]byte(`{"url":"https://a/b","names":["a"],"chain":["AA=="]}`))
	f.Add([]byte(`[{"name":"a","value":"b"}]`))
	f.Add([]byte(`{"key":"AAAA","url":"https://a/b"}`))
	f.Add([]byte(`{"newNonce":"https://a","newAccount":"https://a","newOrder":"https://a","meta":{"profiles":{"a":"b"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		if sets, err := parseMemory(text); err == nil {
			m := &memory{Sets: sets}
			if m.Sets == nil {
				m.Sets = map[string]*record{}
			}
			for set := range sets {
				r := m.of(set, now)
				if f := r.refusal(now); f != nil && f.NotBefore.Sub(now) > maxRetry {
					t.Fatalf("it waits until %v", f.NotBefore)
				}
				r.brake(now)
				r.fail(&Fault{}, now, ladder, true)
			}
		}
		if n, err := parseNote(text); err == nil {
			_ = n.isFor(n.Names, n.Key)
		}
		if a, err := parseAccount(text); err == nil && a.signer == nil {
			t.Fatal("an account without a key")
		}
		_, _ = parseTXT(text)
		_, _ = parseDirectory(text)
		_, _ = parseWindow(text, now, now.AddDate(0, 3, 0))
		_, _ = parseChain(text)
		_ = nextPage([]string{string(text)})
		_ = retryAfter(string(text), now)
		_ = caaForbids(strings.Split(string(text), "\n"), true, []string{"a"}, "b", DNS01)
	})
}
