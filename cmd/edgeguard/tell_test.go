package main

// Notifications and the push, wired: the command's test message, what the
// notifier is fed with, and a router's push at the running daemon.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/notify"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/wan"
)

func TestNotifyCommandSendsATestToEverybody(t *testing.T) {
	var mu sync.Mutex
	var got []string // guarded by mu
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		got = append(got, string(body))
		mu.Unlock()
		if r.URL.Path == "/refuses-0123456789" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `{"error":"%s is not known"}`, r.URL.Path)
		}
	}))
	defer receiver.Close()
	for _, test := range []struct {
		paths          []string
		code, messages int
		stdout, stderr string
	}{
		{[]string{"/takes-0123456789"}, 0, 1, "notify[0]: delivered to webhook at 127.0.0.1\n", ""},
		{[]string{"/takes-0123456789", "/refuses-0123456789"}, 1, 2, "notify[0]: delivered", "notify[1]: not delivered: webhook at 127.0.0.1 answered with HTTP status 403: [redacted] is not known\n1 of 2"},
		{nil, 1, 0, "", "there is no [[notify]] in the config"},
	} {
		got = nil
		text := strings.ReplaceAll(quietConfig, "%NAME%", "one.example.org")
		for _, path := range test.paths {
			text += "\n[[notify]]\nurl = \"" + receiver.URL + path + "\"\n"
		}
		file := filepath.Join(t.TempDir(), "edgeguard.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr strings.Builder
		code := run(t.Context(), []string{"--config", file, "notify"}, &stdout, &stderr)
		if code != test.code || len(got) != test.messages || !strings.HasPrefix(stdout.String(), test.stdout) || !strings.HasPrefix(stderr.String(), test.stderr) {
			t.Errorf("%v: exit code %d, %d messages, %q, %q", test.paths, code, len(got), &stdout, &stderr)
		}
		for _, body := range got {
			if !strings.Contains(body, `"event":"test"`) {
				t.Errorf("sent %s", body)
			}
		}
		if strings.Contains(stdout.String()+stderr.String(), "0123456789") {
			t.Errorf("a secret is in %q, %q", &stdout, &stderr)
		}
	}
}

func TestPushAtTheRunningDaemon(t *testing.T) {
	asked := make(chan struct{}, 100)
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		_, _ = io.WriteString(w, "203.0.113.7\n")
	}))
	defer echo.Close()
	const password = "p4ssword of the router"
	text := strings.ReplaceAll(quietConfig, "%NAME%", "one.example.org")
	text = strings.Replace(text, "http://127.0.0.1:9/", echo.URL, 1) + "\n[push]\nuser = \"router\"\npassword = \"" + password + "\"\n"
	file := filepath.Join(t.TempDir(), "edgeguard.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opt := &options{config: file}
	flags := listenFlags{dns: port(t), status: port(t)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	logged := new(strings.Builder)
	go func() {
		ended <- runDaemon(ctx, opt, func() (*config.Config, error) { return loadConfig(opt, flags) }, logged)
	}()
	push := func(password string) (string, error) {
		r, err := http.NewRequest("GET", "http://"+flags.status+"/nic/update?myip=203.0.113.8", nil)
		if err != nil {
			return "", err
		}
		r.SetBasicAuth("router", password)
		resp, err := (&http.Client{Timeout: patience}).Do(r)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	until(t, func() error { _, err := push("wrong"); return err })
	<-asked // the first look of its own
	if body, err := push(password); err != nil || body != "good 203.0.113.8\n" {
		t.Errorf("%q, %v", body, err)
	}
	select { // and the one that was pushed, long before the next of its own
	case <-asked:
	case <-time.After(patience):
		t.Error("nobody looked after the push")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if strings.Contains(logged.String(), "p4ssword") {
		t.Errorf("the password is in the log: %s", logged)
	}
}

func TestNewsOfASnapshot(t *testing.T) {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	addr := netip.MustParseAddr("203.0.113.7")
	said := status.NewBuilder(func() []secret.Value { return nil }).Build(status.Inputs{
		WAN: wan.Status{IPv4: fact.KnownAddr(addr, "igd", at)},
		DDNS: ddns.Status{
			Link: fact.Link{Verdict: fact.VerdictFail, Summary: "It failed.", Action: "Mend it."},
			Records: []ddns.RecordStatus{
				{Name: "a.example.org", Type: "A", Published: fact.KnownAddr(addr, "", at), Phase: ddns.PhaseVerified},
				{Name: "b.example.org", Type: "A", Published: fact.UnknownAddr("", at), Phase: ddns.PhasePending},
			},
		},
	}, at)
	in := newsOf(said)
	if in.IPv4.State != fact.Known || in.IPv4.Addr != addr || in.IPv6.State != fact.Unknown {
		t.Errorf("addresses %v, %v", in.IPv4, in.IPv6)
	}
	if len(in.Links) != len(status.LinkIDs()) || in.Links[0].ID != "wan" || in.Links[0].Verdict != fact.VerdictUnknown ||
		in.Links[1] != (notify.Link{ID: "ddns", Verdict: fact.VerdictFail, Summary: "It failed.", Action: "Mend it.", Since: at}) {
		t.Errorf("links %+v", in.Links)
	}
	if want := []notify.Record{{Name: "a.example.org", Type: "A", Address: addr, Verified: true}, {Name: "b.example.org", Type: "A"}}; !reflect.DeepEqual(in.Records, want) {
		t.Errorf("records %+v", in.Records)
	}
}

// Whatever the config keeps secret is on the list that logs and pages are
// cleaned with.
func TestSecretListHoldsEverySecret(t *testing.T) {
	cfg := &config.Config{Push: config.Push{User: "u", Password: secret.New("secret-of-push")}}
	rec := ddns.RecordConfig{}
	rec.Token, rec.Key = secret.New("secret-of-token"), secret.New("secret-of-key")
	cfg.DDNS.Records = []ddns.RecordConfig{rec, {}}
	cfg.Notify.Targets = []notify.Target{{URL: secret.New("gotify://push.example.org/secret-of-gotify")}}
	list := new(secretList)
	list.add(cfg)
	list.add(&config.Config{}) // what was replaced is a secret still
	text := "secret-of-push secret-of-token secret-of-key secret-of-gotify gotify://push.example.org/secret-of-gotify"
	if clean := secret.Scrub(text, list.all()...); strings.Contains(clean, "secret-of") {
		t.Errorf("left: %s", clean)
	}
	for _, v := range list.all() {
		if v.IsZero() {
			t.Error("an empty secret is on the list")
		}
	}
}
