package router_test

// The rules on what is believed, each with an answer that breaks it.

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

// bystander is a server on loopback, 127.0.0.1, that nobody may talk to.
func bystander(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		t.Errorf("%s %s was sent to a bystander", req.Method, req.URL)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestRoutersThatAreRefused(t *testing.T) {
	other := bystander(t)
	authority := strings.TrimPrefix(other, "http://")
	for name, odd := range map[string]func(*igdtest.Behaviour){
		"a reply from another address": func(b *igdtest.Behaviour) { b.ReplyFrom = netip.MustParseAddr("127.0.0.9") },
		"LOCATION on another host":     func(b *igdtest.Behaviour) { b.Location = func(string) string { return other + "/rootDesc.xml" } },
		"LOCATION with credentials": func(b *igdtest.Behaviour) {
			b.Location = func(string) string { return "http://127.0.0.2@" + authority }
		},
		"LOCATION in https":             func(b *igdtest.Behaviour) { b.Location = func(s string) string { return "https" + s[4:] } },
		"LOCATION by name":              func(b *igdtest.Behaviour) { b.Location = func(string) string { return "http://localhost:1/" } },
		"LOCATION on port 0":            func(b *igdtest.Behaviour) { b.Location = func(string) string { return "http://127.0.0.2:0/" } },
		"an endless description":        func(b *igdtest.Behaviour) { b.Description = igdtest.Endless },
		"a slow description":            func(b *igdtest.Behaviour) { b.Description = igdtest.Slow },
		"a deep description":            func(b *igdtest.Behaviour) { b.Description = igdtest.Deep },
		"a gzipped description":         func(b *igdtest.Behaviour) { b.Description = igdtest.Gzipped },
		"a redirected description":      func(b *igdtest.Behaviour) { b.Description = igdtest.RedirectTo(other) },
		"a description that is missing": func(b *igdtest.Behaviour) { b.Description = http.NotFound },
		"controlURL on another host":    func(b *igdtest.Behaviour) { b.ControlURL = other + "/ctl/0" },
		"controlURL without a scheme":   func(b *igdtest.Behaviour) { b.ControlURL = "//" + authority + "/ctl/0" },
		"controlURL in https":           func(b *igdtest.Behaviour) { b.ControlURL = "https://127.0.0.2/ctl/0" },
		"controlURL by name":            func(b *igdtest.Behaviour) { b.ControlURL = "http://localhost/ctl/0" },
		"eventSubURL on another host":   func(b *igdtest.Behaviour) { b.EventSubURL = other },
		"SCPDURL on another host":       func(b *igdtest.Behaviour) { b.SCPDURL = other },
		"URLBase on another host":       func(b *igdtest.Behaviour) { b.URLBase = other },
		"no connection service":         func(b *igdtest.Behaviour) { b.Services = []igdtest.Service{{Type: "urn:x"}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			fake.Behave(odd)
			r := newRouter(fake, func(c *router.Config) { c.Timeout = 300 * time.Millisecond })
			err := r.Add(t.Context(), wanted)
			if !errors.Is(err, fact.ErrNoRouter) || !strings.Contains(err.Error(), "refused") {
				t.Errorf("got %v, want a refusal in words", err)
			}
			if calls := fake.Calls(); len(calls) != 0 {
				t.Errorf("it was called: %v", calls)
			}
		})
	}
}

func TestAnotherPortOfTheSameHostIsFine(t *testing.T) {
	fake := igdtest.Start(t)
	control := igdtest.Start(t) // same address, other port
	fake.Behave(func(b *igdtest.Behaviour) {
		b.ControlURL = strings.Replace(control.Location(), "/rootDesc.xml", "/ctl/0", 1)
	})
	if err := newRouter(fake).Add(t.Context(), wanted); err != nil || len(control.Table()) != 1 {
		t.Errorf("got %v, table %v", err, control.Table())
	}
}

func TestAnswersToCallsAreBounded(t *testing.T) {
	other := bystander(t)
	for name, answer := range map[string]http.HandlerFunc{
		"endless":  igdtest.Endless,
		"slow":     igdtest.Slow,
		"deep":     igdtest.Deep,
		"gzipped":  igdtest.Gzipped,
		"redirect": igdtest.RedirectTo(other),
		"garbage":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("\x00\xff<not xml")) },
		"empty":    func(http.ResponseWriter, *http.Request) {},
		"large":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(envelopeOf(64<<10 + 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			fake.Behave(func(b *igdtest.Behaviour) { b.Control = igdtest.Always(answer) })
			r := newRouter(fake, func(c *router.Config) { c.Timeout = 300 * time.Millisecond })
			got, err := r.ExternalAddress(t.Context())
			if err == nil || got.State != fact.Unknown {
				t.Errorf("got %v, %v", got, err)
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("the error has %d octets of the router's", len(err.Error()))
			}
			if _, err := r.Get(t.Context(), fact.TCP, 8883); err == nil || errors.Is(err, fact.ErrNoMapping) {
				t.Errorf("Get: %v: no answer is not an empty table", err)
			}
		})
	}
}

// envelopeOf is a good answer of n octets.
func envelopeOf(n int) []byte {
	const head = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle=""><s:Body><u:GetExternalIPAddressResponse xmlns:u="urn:x"><NewExternalIPAddress>11.22.33.44</NewExternalIPAddress></u:GetExternalIPAddressResponse></s:Body><!--`
	const tail = `--></s:Envelope>`
	return []byte(head + strings.Repeat("x", n-len(head)-len(tail)) + tail)
}

func TestAnAnswerWithinTheBoundIsTaken(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Control = igdtest.Always(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(envelopeOf(64 << 10)) })
	})
	if got, err := newRouter(fake).ExternalAddress(t.Context()); err != nil || got.String() != "11.22.33.44" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCompressedAnswersAreNotUnpacked(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	fake.Behave(func(b *igdtest.Behaviour) { b.Control = igdtest.Always(igdtest.Gzipped) })
	if _, err := r.ExternalAddress(t.Context()); err == nil || !strings.Contains(err.Error(), `content coding "gzip"`) {
		t.Errorf("a call: %v", err)
	}
	fake = igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) { b.Description = igdtest.Gzipped })
	if _, err := newRouter(fake).ExternalAddress(t.Context()); err == nil || !strings.Contains(err.Error(), `content coding "gzip"`) {
		t.Errorf("the description: %v", err)
	}
}

func TestLoopbackNeedsLeave(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake, func(c *router.Config) { c.AllowLoopback = false })
	if err := r.Add(t.Context(), wanted); !errors.Is(err, fact.ErrNoRouter) || len(fake.Calls()) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestForeignTextIsCleaned(t *testing.T) {
	fake := igdtest.Start(t)
	m := wanted
	m.Description = "a&#x9;b&#x202e;c &#x85; " + strings.Repeat("x", 200)
	fake.Put(m)
	got, err := newRouter(fake).Get(t.Context(), fact.TCP, 8883)
	if err != nil || got.Description != "a bc "+strings.Repeat("x", 56)+"…" {
		t.Errorf("got %q, %v", got.Description, err)
	}
}

func TestLeaseThatIsLeftOut(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Control = igdtest.Always(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle=""><s:Body><u:GetSpecificPortMappingEntryResponse xmlns:u="urn:x"><NewInternalPort>8883</NewInternalPort><NewInternalClient>192.168.1.10</NewInternalClient><NewEnabled>1</NewEnabled><NewPortMappingDescription>edgeguard mqtt</NewPortMappingDescription></u:GetSpecificPortMappingEntryResponse></s:Body></s:Envelope>`))
		}, "GetSpecificPortMappingEntry")
	})
	want := wanted
	want.Lease = 0
	if got, err := newRouter(fake).Get(t.Context(), fact.TCP, 8883); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}
