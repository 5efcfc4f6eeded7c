package secret_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/secret"
	"pgregory.net/rapid"
)

const token = "a7c4d0ad-114e-40ef-ba1d-d217904a50f2"

func TestNoWayOfPrintingShowsIt(t *testing.T) {
	type holder struct {
		Token secret.Value
		inner *secret.Value
	}
	v := secret.New(token)
	h := holder{v, &v}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v, "p", &v, "h", h)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v, "p", &v, "h", h)
	asJSON, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(asJSON)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		shown += fmt.Sprintf(verb+verb, v, h)
	}
	if strings.Contains(shown, token) || strings.Contains(shown, fmt.Sprintf("%x", token)) {
		t.Errorf("the token shows: %s", shown)
	}
}

func TestScrubFindsEveryForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.StringMatching(`[!-~]{8,40}`).Draw(t, "secret")
		v := secret.New(raw)
		inJSON, err := json.Marshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("query %s, path %s, raw %s, quoted %q, JSON %s, base64 %s",
			url.QueryEscape(raw), url.PathEscape(raw), raw, raw, inJSON,
			base64.StdEncoding.EncodeToString([]byte(raw)))
		want := fmt.Sprintf("query %[1]s, path %[1]s, raw %[1]s, quoted \"%[1]s\", JSON \"%[1]s\", base64 %[1]s", secret.Redacted)
		if got := secret.Scrub(text, v); got != want {
			t.Errorf("Scrub(%q) = %q", text, got)
		}
	})
}

func TestScrubErrorKeepsSentinelsAndDropsTheOriginal(t *testing.T) {
	inner := &url.Error{Op: "Get", URL: "https://x/?token=" + token, Err: context.DeadlineExceeded}
	err := secret.ScrubError(fmt.Errorf("updating: %w", inner), []error{context.DeadlineExceeded}, secret.New(token))
	if strings.Contains(err.Error(), token) {
		t.Errorf("the token shows: %v", err)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is no longer a deadline", err)
	}
	var leaked *url.Error
	if errors.As(err, &leaked) {
		t.Error("the original error, with its URL, can be unwrapped")
	}
}

func TestScrubErrorLeavesAHarmlessErrorAlone(t *testing.T) {
	plain := errors.New("no route to host")
	if got := secret.ScrubError(plain, nil, secret.New(token), secret.Value{}); got != plain {
		t.Errorf("got %v, want the error itself", got)
	}
}

func TestNewCutsWhiteSpace(t *testing.T) {
	if got := secret.New(" " + token + "\r\n").Reveal(); got != token {
		t.Errorf("Reveal() = %q", got)
	}
}
