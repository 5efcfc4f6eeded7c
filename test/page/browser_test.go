package page

// The browser, its tabs, and what they say while they show the page.

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for anything: machines stall.
const patience = 3 * time.Minute

// browser is the one that all tests share; nil until chromium has started it.
var browser context.Context

func TestMain(m *testing.M) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		os.Exit(m.Run())
	}
	// Not in a sandbox, which the tests may not make as root; it sees nothing but
	// our own page.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.WSURLReadTimeout(patience))
	allocator, endAll := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "starting Chromium:", err)
		os.Exit(1)
	}
	browser = ctx
	code := m.Run()
	end()
	endAll()
	os.Exit(code)
}

// tab is one tab, and what was heard of it.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu        sync.Mutex
	home      string   // guarded by mu; the only origin that may be asked
	quiet     bool     // guarded by mu; whether failed requests are no fault
	bad       []string // guarded by mu; errors, violations, requests to others
	unchanged int      // guarded by mu; answers without a body, as nothing changed
}

// open opens a tab on the page of h, as a phone of the given width, or wider.
// Before it goes there it does what first says.
func open(t *testing.T, h *home, width int64, first ...action) *tab {
	t.Helper()
	if browser == nil {
		if os.Getenv("EDGEGUARD_LAB") == "require" {
			t.Fatal("EDGEGUARD_LAB=require, but there is no chromium (package chromium)")
		}
		t.Skip("there is no chromium here (package chromium)")
	}
	ctx, endTab := chromedp.NewContext(browser)
	b := &tab{t: t, ctx: ctx, home: h.url()}
	t.Cleanup(func() {
		endTab()
		for _, bad := range b.faults() {
			t.Error(bad)
		}
	})
	if err := chromedp.Listen(ctx, b.heard); err != nil {
		t.Fatal(err)
	}
	if width < 600 {
		b.run(chromedp.EmulateViewport(width, 800, chromedp.EmulateMobile, chromedp.EmulatePortrait))
	} else {
		b.run(chromedp.EmulateViewport(width, 800))
	}
	b.run(first...)
	b.run(chromedp.Navigate(h.url() + "/"))
	return b
}

// action is something that is done to a tab.
type action = chromedp.Action[chromedp.Void]

// heard notes what must not be.
func (b *tab) heard(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.bad = append(b.bad, "an exception: "+fmt.Sprintf("%s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		b.bad = append(b.bad, fmt.Sprintf("the console says: %s %v", e.Type, e.Args))
	case *log.EventEntryAdded:
		if !(b.quiet && e.Entry.Source == log.EntrySourceNetwork) {
			b.bad = append(b.bad, fmt.Sprintf("the browser says: %s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, b.home+"/") {
			b.bad = append(b.bad, "a request to another place: "+e.Request.URL)
		}
	case *network.EventResponseReceived:
		if e.Response.Status == 304 {
			b.unchanged++
		}
	}
}

// faults are what was heard that must not be.
func (b *tab) faults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.bad...)
}

// forgive says that failed requests are no fault from now on.
func (b *tab) forgive() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.quiet = true
}

// unchangedAnswers is how often nothing had changed.
func (b *tab) unchangedAnswers() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unchanged
}

// run does actions; the test ends where one fails.
func (b *tab) run(actions ...action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("driving the browser: %v", err)
	}
}

// text is what an expression of JavaScript gives, as text.
func (b *tab) text(expression string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		b.t.Fatalf("asking the browser for %s: %v", expression, err)
	}
	return got
}

// want fails the test where an expression is not as wanted.
func (b *tab) want(expression, want string) {
	b.t.Helper()
	if got := b.text(expression); got != want {
		b.t.Errorf("%s is %q, want %q", expression, got, want)
	}
}

// await waits until an expression of JavaScript is true.
func (b *tab) await(what, expression string) {
	b.t.Helper()
	err := chromedp.Do(b.ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(100*time.Millisecond), chromedp.WithPollingTimeout(patience)))
	if err != nil {
		b.t.Fatalf("waiting until %s: %v; the page says: %s", what, err, b.text("document.body.innerText.slice(0, 800)"))
	}
}

// picture leaves a picture of the page among the artefacts, of the whole of it
// unless it is very long.
func (b *tab) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("EDGEGUARD_ARTEFACTS")
	if dir == "" {
		return
	}
	var size struct{ Width, Height float64 }
	if err := json.Unmarshal([]byte(b.text(`JSON.stringify({ Width: innerWidth, Height: document.documentElement.scrollHeight })`)), &size); err != nil {
		b.t.Fatal(err)
	}
	clip := &page.Viewport{Width: size.Width, Height: min(size.Height, 6000), Scale: 1}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Clip: clip, CaptureBeyondViewport: new(true)})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "page-"+name+".png"), shot.Data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// media emulates a browser that prefers something.
func media(name, value string) action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: name, Value: value}}})
		return err
	})
}

// withoutScript switches scripts off.
func withoutScript() action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
}
