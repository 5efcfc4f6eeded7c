//go:build linux

package lab_test

// What must not happen when things go wrong: a secret that shows, a start
// without words.

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/test/lab"
)

// troubles are ways in which a provider fails, each careless with the token.
var troubles = []struct {
	name string
	how  http.HandlerFunc
}{
	{"server error that echoes the request", ddnstest.Echo(http.StatusBadGateway)},
	{"forbidden that echoes the request", ddnstest.Echo(http.StatusForbidden)},
	{"redirect to another host", ddnstest.Redirect("https://www.example.com/elsewhere")},
	{"garbage", ddnstest.Answer(http.StatusOK, "\x00<html>what?")},
	{"timeout", ddnstest.Hang},
}

func TestNoTokenShows(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, provider := range []struct{ name, domain, token string }{
		{"duckdns", lab.DuckDNSName, lab.DuckDNSToken},
		{"cloudflare", lab.CloudflareName, lab.CloudflareToken},
	} {
		for _, trouble := range troubles {
			t.Run(provider.name+"/"+strings.ReplaceAll(trouble.name, " ", "-"), func(t *testing.T) {
				t.Parallel()
				h := newHome(t, provider.domain)
				h.inet.DuckDNS.Misbehave(trouble.how)
				h.inet.Cloudflare.Misbehave(trouble.how)
				d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: provider.name})
				lab.Eventually(t, 2*lab.Patience, func() error { return failsOnce(d) })
				if len(h.inet.DuckDNS.Requests())+len(h.inet.Cloudflare.Requests()) == 0 {
					t.Fatal("the provider was never asked: this test proves nothing")
				}
				noToken(t, h, d, provider.token)
			})
		}
	}
}

// failsOnce wants the status to tell of a write that failed.
func failsOnce(d *lab.Daemon) error {
	s, err := d.Status()
	if err != nil {
		return err
	}
	var told struct {
		DDNS []struct {
			Phase     string  `json:"phase"`
			LastError *string `json:"last_error"`
		} `json:"ddns"`
	}
	if err := json.Unmarshal(s.Raw, &told); err != nil {
		return err
	}
	if len(told.DDNS) != 1 || told.DDNS[0].LastError == nil {
		return fmt.Errorf("no write has failed yet: %s", s.Raw)
	}
	if link := s.Link("ddns"); link.Status != "warn" && link.Status != "fail" {
		return fmt.Errorf("the ddns link is %q (%s) though a write failed", link.Status, link.Summary)
	}
	return nil
}

// noToken looks for the token in all that leaves the process.
func noToken(t *testing.T, h *house, d *lab.Daemon, token string) {
	t.Helper()
	surfaces := map[string]string{}
	for _, path := range []string{"/", "/api/v1/status", "/metrics", "/healthz"} {
		body, err := d.Get(path)
		if err != nil {
			t.Error(err)
		}
		surfaces[path] = string(body)
	}
	_, surfaces["edgeguard status"] = h.Edgeguard(t, h.NAS, "status", "--config", d.ConfigFile)
	d.Stop(t)
	surfaces["the log"] = d.Log()
	for where, text := range surfaces {
		for _, form := range []string{token, url.QueryEscape(token), base64.StdEncoding.EncodeToString([]byte(token))} {
			if strings.Contains(text, form) {
				t.Errorf("the token shows in %s: …%s…", where, around(text, form))
			}
		}
	}
	if len(surfaces["the log"]) == 0 || len(surfaces["/api/v1/status"]) == 0 {
		t.Error("there was nothing to search: this test proves nothing")
	}
}

func around(text, form string) string {
	i := strings.Index(text, form)
	return text[max(0, i-80):min(len(text), i+len(form)+20)]
}

func TestPort53TakenNamesTheHolder(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.NAS.Start(t, "dnsmasq", "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts",
		"--bind-interfaces", "--listen-address", lab.NASAddr.String(), "--user=root", "--pid-file")
	d := startUntilTaken(t, h)
	log := d.Log()
	for _, want := range []string{"53", "dnsmasq", "Synology", "QNAP", "Package Center", "Container Station"} {
		if !strings.Contains(log, want) {
			t.Errorf("the message does not speak of %q:\n%s", want, log)
		}
	}
}

// startUntilTaken starts the daemon until it finds the port taken: dnsmasq
// needs a moment to bind.
func startUntilTaken(t *testing.T, h *lab.Home) *lab.Daemon {
	t.Helper()
	lab.Eventually(t, lab.Patience, func() error {
		if out, _ := h.NAS.Try(lab.Patience, "ss", "-Hlun", "sport", "=", ":53"); !strings.Contains(out, ":53") {
			return errors.New("dnsmasq does not listen yet")
		}
		return nil
	})
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{})
	if code := d.Wait(t, lab.Patience); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	return d
}
