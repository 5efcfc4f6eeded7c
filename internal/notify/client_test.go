package notify

// What an answer means, and that no failure tells a secret.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
)

func TestWhatAnAnswerMeans(t *testing.T) {
	in3 := time.Now().Add(3 * time.Hour).UTC().Format(http.TimeFormat)
	for name, test := range map[string]struct {
		url    string
		status int
		header string // Retry-After
		body   string
		want   outcome
		wait   time.Duration
		text   string
	}{
		"200":                 {"https://hooks.example.org/x", 200, "", "whatever", delivered, 0, ""},
		"204":                 {"https://hooks.example.org/x", 204, "", "", delivered, 0, ""},
		"400 with words":      {"discord://abcdefgh@1", 400, "", `{"message":"Invalid Form Body","code":50035}`, refused, 0, "discord.com answered with HTTP status 400: Invalid Form Body"},
		"401":                 {"gotify://push.example.org/AbCdEfGhIj", 401, "", `{"error":"Unauthorized","errorCode":401,"errorDescription":"you need a token"}`, refused, 0, "gotify at push.example.org answered with HTTP status 401: Unauthorized; you need a token"},
		"404 in HTML":         {"https://hooks.example.org/x", 404, "", "<html>", refused, 0, "webhook at hooks.example.org answered with HTTP status 404"},
		"errors as a list":    {"pushover://a:apitoken@userkey", 400, "", `{"status":0,"errors":["user key is invalid","x"]}`, refused, 0, "user key is invalid; x"},
		"502":                 {"https://hooks.example.org/x", 502, "", "<html>", failed, 0, "status 502"},
		"408":                 {"https://hooks.example.org/x", 408, "", "", failed, 0, "status 408"},
		"429 in seconds":      {"https://hooks.example.org/x", 429, "90", "", limited, 90 * time.Second, "status 429"},
		"429 with a date":     {"https://hooks.example.org/x", 429, in3, "", limited, 3 * time.Hour, "status 429"},
		"429 in Discord":      {"discord://abcdefgh@1", 429, "", `{"message":"You are being rate limited.","retry_after":1.5}`, limited, 1500 * time.Millisecond, "rate limited"},
		"429 in Telegram":     {"telegram://1:abcdefgh@telegram?chats=1", 429, "", `{"ok":false,"description":"Too Many Requests","parameters":{"retry_after":35}}`, limited, 35 * time.Second, "Too Many"},
		"429 for ever":        {"https://hooks.example.org/x", 429, "99999999999", "", limited, 24 * time.Hour, ""},
		"429 of nothing":      {"https://hooks.example.org/x", 429, "NaN", "", limited, 5 * time.Minute, ""},
		"429 of the past":     {"https://hooks.example.org/x", 429, "-5", "", limited, 5 * time.Minute, ""},
		"Slack says no":       {"slack://xoxb:1-2-abcdef@C1", 200, "", `{"ok":false,"error":"channel_not_found"}`, refused, 0, "slack.com answered with HTTP status 200: channel_not_found"},
		"Slack is busy":       {"slack://xoxb:1-2-abcdef@C1", 200, "7", `{"ok":false,"error":"ratelimited"}`, limited, 7 * time.Second, "ratelimited"},
		"Telegram says HTML":  {"telegram://1:abcdefgh@telegram?chats=1", 200, "", "<html>log in</html>", refused, 0, "status 200"},
		"control characters":  {"https://hooks.example.org/x", 400, "", `{"error":"a\u001b[31mb\u202ec"}`, refused, 0, "a[31mbc"},
		"very much":           {"https://hooks.example.org/x", 400, "", strings.Repeat("x", 1<<20), refused, 0, "status 400"},
		"very much and right": {"https://hooks.example.org/x", 200, "", strings.Repeat("x", 1<<20), delivered, 0, ""},
		"long words":          {"https://hooks.example.org/x", 400, "", `{"error":"` + strings.Repeat("x", 5000) + `"}`, refused, 0, "…"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.answer = func(out http.ResponseWriter, _ *http.Request) {
				if test.header != "" {
					out.Header().Set("Retry-After", test.header)
				}
				out.WriteHeader(test.status)
				_, _ = io.WriteString(out, test.body)
			}
			a := w.send(t, test.url, told())
			if off := (a.wait - test.wait).Abs(); a.outcome != test.want || off > time.Minute || test.wait < time.Hour && off != 0 || !strings.Contains(a.text, test.text) {
				t.Errorf("%+v", a)
			}
			if len(a.text) > 2*maxForeign || strings.ContainsAny(a.text, "\x1b\n") {
				t.Errorf("text %q", a.text)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	w := newWorld(t)
	w.answer = func(out http.ResponseWriter, r *http.Request) {
		http.Redirect(out, r, "/elsewhere", http.StatusTemporaryRedirect)
	}
	a := w.send(t, "https://hooks.example.org/abcdef", told())
	if a.outcome != refused || !strings.Contains(a.text, "wants to send us elsewhere") || len(w.requests) != 1 {
		t.Errorf("%+v after %d requests", a, len(w.requests))
	}
}

// echoing are URLs whose every secret is called hidden…, and what of them a
// server sees.
var echoing = []string{
	"https://hiddenuser:hiddenpass@hooks.example.org/hiddenpath/hiddentoo?key=hiddenquery",
	"ntfy://hiddenuser:hiddenpass@ntfy.sh/hiddentopic", "ntfy://ntfy.sh/hiddentopic?token=hiddentoken",
	"gotify://push.example.org/hiddentoken", "discord://hiddentoken@12345678", "slack://hook:hiddenA-hiddenB-hiddenC@webhook",
	"slack://xoxb:hiddentoken@C12345678", "telegram://12345678:hiddentoken@telegram?chats=@x", "pushover://shoutrrr:hiddentoken@hiddenuser",
	"generic://hooks.example.org/hiddenpath?@Authorization=Bearer+hiddentoken", "generic+https://hooks.example.org/x?key=hiddenkey",
}

// Whatever goes wrong, and however much of our request the other side sends
// back, no secret is told.
func TestNoFailureTellsASecret(t *testing.T) {
	for _, target := range echoing {
		for name, make := range map[string]func(w *world) DialFunc{
			"an echo with 400": func(w *world) DialFunc {
				w.answer = echo(w, 400)
				return w.dial
			},
			"an echo with 200": func(w *world) DialFunc {
				w.answer = echo(w, 200)
				return w.dial
			},
			"a redirect": func(w *world) DialFunc {
				w.answer = func(out http.ResponseWriter, r *http.Request) {
					http.Redirect(out, r, r.URL.String(), http.StatusFound)
				}
				return w.dial
			},
			"a dial error that quotes all": func(*world) DialFunc {
				return func(context.Context, string, string) (net.Conn, error) {
					return nil, &url.Error{Op: "Post", URL: target, Err: errors.New("cannot reach " + target)}
				}
			},
			"a certificate of somebody else": func(w *world) DialFunc {
				w.roots = nil
				return w.dial
			},
			"a connection cut at once": func(*world) DialFunc {
				return func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					theirs.Close()
					return ours, nil
				}
			},
		} {
			t.Run(name+" "+target[:8], func(t *testing.T) {
				w := newWorld(t)
				cfg := w.config(target)
				cfg.Dial = make(w)
				cfg.RootCAs = w.roots
				results, err := SendTest(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				said := fmt.Sprint(results[0].Err, results[0].Service, results[0].Target)
				if strings.Contains(strings.ToLower(said), "hidden") {
					t.Errorf("%s: %s", target, said)
				}
			})
		}
	}
}

// echo answers with all that was asked, in every field that is read.
func echo(w *world, status int) http.HandlerFunc {
	return func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		last := w.requests[len(w.requests)-1]
		w.mu.Unlock()
		auth := r.Header.Get("Authorization")
		user, password, _ := r.BasicAuth()
		var topic string
		if i := strings.Index(last.body, "hidden"); i >= 0 {
			topic = last.body[i:]
		}
		all := fmt.Sprintf("%s %s %s %s %s %s %s", last.url, auth, user, password, r.Header.Get("X-Gotify-Key"), r.URL.Path, topic)
		out.WriteHeader(status)
		_, _ = out.Write(asJSON(map[string]any{"ok": false, "description": all, "message": r.URL.String(), "error": auth, "errors": []string{topic}}))
	}
}

func TestAServiceThatHangsIsGivenUp(t *testing.T) {
	w := newWorld(t)
	free := make(chan struct{})
	w.answer = func(http.ResponseWriter, *http.Request) { <-free }
	t.Cleanup(func() { close(free) }) // before the servers are closed
	cfg := w.config("https://hooks.example.org/abcdef")
	cfg.Timeout = 50 * time.Millisecond
	results, err := SendTest(t.Context(), cfg)
	if err != nil || results[0].Err == nil || results[0].Err.Error() != "webhook at hooks.example.org: it did not answer in time" {
		t.Errorf("%v, %v", results, err)
	}
}

func TestSecretsListsAllPartsButWords(t *testing.T) {
	for _, target := range echoing {
		target = strings.ReplaceAll(target, "hidden", "Hidden1")
		text := secret.Scrub(target, Secrets(secret.New(target))[1:]...)
		if strings.Contains(text, "Hidden") {
			t.Errorf("%s is left as %s", target, text)
		}
	}
	const sentence = "a webhook of edgeguard at home failed"
	for _, target := range []string{"http://192.168.1.5/api/webhook/0123456789", "ntfy://ntfy.sh/edgeguard"} {
		if text := secret.Scrub(sentence, Secrets(secret.New(target))...); text != sentence {
			t.Errorf("%s: %s", target, text)
		}
	}
	if list := Secrets(secret.New("no url")); len(list) != 1 {
		t.Errorf("%v", list)
	}
}
