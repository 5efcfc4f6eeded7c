package notify

// Hostile URLs, answers and state files.

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
)

// A URL is refused with words, or makes requests to http or https that hold
// together; its words hold none of it.
func FuzzURL(f *testing.F) {
	for _, s := range append(echoing, topic, "S", "S://S", "slack://S/S/S", "telegram://1:S@telegram?chats=S:1,S", "generic://h?$S=S&@S=S&_S=S", "https://[::1%25eth0]:1/S") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		marked := strings.ReplaceAll(text, "S", hidden)
		endpoints, err := parse(secret.New(marked))
		if err != nil {
			if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(hidden)) {
				t.Errorf("%q: the secret is in %v", text, err)
			}
			return
		}
		if len(endpoints) == 0 || len(endpoints) > maxChats {
			t.Fatalf("%q: %d endpoints", text, len(endpoints))
		}
		m := told()
		for _, e := range endpoints {
			u, err := url.Parse(e.url)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || e.where() == "" || len(e.secrets) == 0 {
				t.Errorf("%q: %+v, %v", text, e, err)
			}
			if _, err := http.NewRequest(http.MethodPost, e.url, nil); err != nil {
				t.Errorf("%q: %v", text, err)
			}
			if _, body := e.encode(m, m.Time); len(body) == 0 {
				t.Errorf("%q: no body", text)
			}
		}
	})
}

// Whatever is answered is told in few words without control characters or
// secrets, and asks us to wait a day at most.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "", []byte(`{"ok":true}`))
	f.Add(429, "3", []byte(`{"parameters":{"retry_after":1e300},"description":["a",{"b":[]}]}`))
	f.Add(400, "Wed, 21 Oct 2099 07:28:00 GMT", []byte(`{"message":"`+hidden+`\u001b","errors":[1,"x",null]}`))
	endpoints, err := parse(secret.New("telegram://1:" + hidden + "@telegram?chats=1"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, header string, body []byte) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {header}}}
		a := endpoints[0].judge(resp, body)
		if strings.Contains(a.text, hidden) || len(a.text) > 2*maxForeign || strings.ContainsAny(a.text, "\x00\x1b\n\r") {
			t.Errorf("text %q", a.text)
		}
		if a.wait < 0 || a.wait > maxRetryAfter || (a.outcome == limited) != (a.wait > 0) {
			t.Errorf("%+v", a)
		}
	})
}

// A state file is refused, or all of it can be taken over, told of and written
// again.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"targets":[{"fingerprint":"a","ipv4":"203.0.113.7","ipv6":"2001:db8::1","failed":[{"id":"wan","since":"2026-01-01T00:00:00Z","seconds":1e308,"told":true}],"sent":["2026-01-01T00:00:00Z"],"queues":[[{"facts":[{"event":"change","summary":"x","old":"::1","new":"fe80::1%eth0"}],"time":"9999-12-31T23:59:59Z"}]]}]}`))
	f.Add([]byte(`{"version":1,"targets":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		targets, err := parseState(raw)
		if err != nil {
			return
		}
		now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		for _, s := range targets {
			tr := newTracker(nil, 0)
			tr.restore(s, now)
			tr.observe(Input{}, now)
			tr.step(now)
			again := asJSON(stateFile{Version: stateVersion, Targets: []stateTarget{{Failed: tr.failed(), Sent: tr.sent, Queues: s.Queues}}})
			if _, err := parseState(again); err != nil {
				t.Errorf("%v: %s", err, again)
			}
			for _, queue := range s.Queues {
				for _, m := range queue {
					if strings.ContainsAny(m.title()+m.body(now), "\x1b\r\x00") {
						t.Errorf("%q", m.body(now))
					}
					asJSON(m.webhook(now))
				}
			}
		}
	})
}
