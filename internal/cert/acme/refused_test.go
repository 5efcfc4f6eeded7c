package acme

// What goes wrong, how it is said, and that it is remembered.

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestALimitIsHeldAcrossRestarts(t *testing.T) {
	f := newFront(t, usual(t))
	i := mustNew(t, f.config(t))
	r := newRequest(t, "limit.example.net")
	f.disturb(func(w http.ResponseWriter, req *http.Request) bool {
		if !post(req, "order-plz") {
			return false
		}
		w.Header().Set("Retry-After", "7200")
		problem(w, http.StatusTooManyRequests, "rateLimited", "too many certificates for abcdefghijklmnopqrstuvwxyz012345")
		return true
	}, nil)
	begun := time.Now()
	_, err := i.Obtain(t.Context(), r)
	fault := wantFault(t, err, "limit on requests is reached: too many certificates for […]", "when the CA allows it")
	if wait := fault.NotBefore.Sub(begun); wait < 2*time.Hour || wait > 2*time.Hour+5*time.Minute {
		t.Errorf("it waits %v", wait)
	}
	f.disturb(nil, nil)
	asked := f.asked()
	_, err = mustNew(t, i.cfg).Obtain(t.Context(), r)
	again := wantFault(t, err, "limit on requests", "")
	if !again.NotBefore.Equal(fault.NotBefore) || f.asked() != asked {
		t.Errorf("after a restart it waits until %v, having asked %d times", again.NotBefore, f.asked()-asked)
	}
	// Other names are another matter.
	mustObtain(t, f, i, newRequest(t, "limit2.example.net"))
}

func TestAProofThatFails(t *testing.T) {
	f := newFront(t, usual(t))
	cfg := f.config(t)
	z := f.zone()
	// The zone here shows what was written, and pebble's DNS another value.
	lies := &liar{zone: z}
	cfg.Records, cfg.Names = lies, lies
	i := mustNew(t, cfg)
	r := newRequest(t, "failing.example.net")
	_, err := i.Obtain(t.Context(), r)
	fault := wantFault(t, err, "proving failing.example.net", "TXT record")
	if wait := time.Until(fault.NotBefore); wait <= 0 || wait > ladder[0] {
		t.Errorf("it waits %v", wait)
	}
	f.noTXT(t, "_acme-challenge.failing.example.net")
	for n := 2; n <= maxFailed; n++ {
		passWaits(t, i, r)
		_, err = i.Obtain(t.Context(), r)
		if next := wantFault(t, err, "proving", ""); time.Until(next.NotBefore) <= ladder[n-2] {
			t.Errorf("after %d failures it waits %v", n, time.Until(next.NotBefore))
		}
	}
	passWaits(t, i, r)
	_, err = i.Obtain(t.Context(), r)
	wantFault(t, err, "3 times within the hour", "")
	if got := f.ordered(r.Names...); got != maxFailed {
		t.Errorf("it was ordered %d times", got)
	}
}

// liar writes another value than it is told, and shows the right one.
type liar struct {
	*zone
	told []string
}

func (l *liar) Add(ctx context.Context, name, value string) error {
	l.told = append(l.told, value)
	return l.zone.Add(ctx, name, strings.Repeat("A", len(value)))
}

func (l *liar) Remove(ctx context.Context, name, value string) error {
	return l.zone.Remove(ctx, name, strings.Repeat("A", len(value)))
}

func (l *liar) TXT(context.Context, string) ([]View, error) {
	return []View{{Server: "liar", Values: l.told}}, nil
}

func TestRefusalsAreSaidInWords(t *testing.T) {
	f := newFront(t, usual(t))
	for kind, want := range words {
		if kind == "badNonce" || kind == "accountDoesNotExist" || kind == "alreadyReplaced" {
			continue // what is done about these is elsewhere
		}
		f.disturb(func(w http.ResponseWriter, req *http.Request) bool {
			if !post(req, "order-plz") {
				return false
			}
			problem(w, http.StatusForbidden, kind, "foreign \x1b[31m words")
			return true
		}, nil)
		_, err := mustNew(t, f.config(t)).Obtain(t.Context(), newRequest(t, "words.example.net"))
		fault := wantFault(t, err, want.text+" (ordering the certificate): foreign [31m words.", want.action)
		if !fault.NotBefore.After(time.Now()) {
			t.Errorf("%s: it may be tried again at once", kind)
		}
	}
}

func TestAServerThatIsOutOfOrder(t *testing.T) {
	f := newFront(t, usual(t))
	var nonces atomic.Int32
	for name, c := range map[string]struct {
		before func(http.ResponseWriter, *http.Request) bool
		want   string
	}{
		"500": {func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}, "status 500"},
		"hang": {func(w http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }, "could not be reached"},
		"not ACME": {func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = w.Write([]byte("<html>hello"))
			return true
		}, "makes no sense"},
		"huge": {func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = w.Write(make([]byte, maxAnswer+1))
			return true
		}, "too large"},
		"malformed": {func(w http.ResponseWriter, r *http.Request) bool {
			if post(r, "order-plz") {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusCreated)
				_, _ = w.Write([]byte(`{"status":`))
			}
			return post(r, "order-plz")
		}, "makes no sense"},
		"nonces": {func(w http.ResponseWriter, r *http.Request) bool {
			if !post(r, "sign-me-up") || nonces.Add(1) > 3 {
				return false
			}
			problem(w, http.StatusBadRequest, "badNonce", "no")
			return true
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			i := mustNew(t, f.config(t))
			i.askTime = 300 * time.Millisecond
			if name != "hang" {
				i.askTime = time.Minute
			}
			i.plain.Timeout = i.askTime
			f.disturb(c.before, nil)
			_, err := i.Obtain(t.Context(), newRequest(t, "order"+strings.ReplaceAll(strings.ToLower(name), " ", "")+".example.net"))
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			fault := wantFault(t, err, c.want, "")
			if wait := time.Until(fault.NotBefore); wait <= 0 || wait > short[0] {
				t.Errorf("it waits %v", wait)
			}
		})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	cfg := f.config(t)
	cfg.Directory = "https://" + l.Addr().String() + "/dir"
	_, err = mustNew(t, cfg).Obtain(t.Context(), newRequest(t, "down.example.net"))
	wantFault(t, err, "could not be reached", "Internet")
}

func TestPreflight(t *testing.T) {
	f := newFront(t, usual(t))
	for name, c := range map[string]struct {
		names        []string
		change       func(*Config, *zone)
		text, action string
	}{
		"caa":        {[]string{"caa.example.net"}, func(_ *Config, z *zone) { z.caa = []string{`issue "other.example"`} }, "they allow other.example", "0 issue"},
		"caa wild":   {[]string{"*.caa.example.net"}, func(_ *Config, z *zone) { z.caa = []string{"issue pebble.example.net", "issuewild ;"} }, "they forbid every CA", ""},
		"method":     {[]string{"caa.example.net"}, func(_ *Config, z *zone) { z.caa = []string{"issue pebble.example.net; validationmethods=http-01"} }, "by dns-01", ""},
		"private":    {[]string{"nas.local"}, nil, ".local is for private networks", "own authority"},
		"address":    {[]string{"192.0.2.1"}, nil, "it is an address", ""},
		"not a name": {[]string{"under_score.example.net"}, nil, "not a host name", ""},
		"twice":      {[]string{"a.example.net", "a.example.net"}, nil, "twice", ""},
		"nobody":     {[]string{"a.example.net"}, func(c *Config, z *zone) { c.Records = nobody{z} }, "Nobody here can write", "certificate.acme.dns"},
		"ipv6": {[]string{"a.example.net"}, func(c *Config, z *zone) {
			c.Challenge, c.Ports, c.PublicAddresses = HTTP01, &ports{}, func() []string { return []string{"192.0.2.1"} }
			z.addresses = []string{"192.0.2.1", "2001:db8::1"}
		}, "IPv6 address 2001:db8::1, which is not this home's", "AAAA"},
		"ipv4": {[]string{"a.example.net"}, func(c *Config, z *zone) {
			c.Challenge, c.Ports, c.PublicAddresses = HTTP01, &ports{}, func() []string { return []string{"192.0.2.1"} }
			z.addresses = []string{"192.0.2.9"}
		}, "leads to 192.0.2.9", ""},
		"wildcard by http": {[]string{"*.a.example.net"}, func(c *Config, z *zone) { c.Challenge, c.Ports = HTTP01, &ports{} }, "dns-01 only", ""},
		"blocked":          {[]string{"blocked.example.net"}, nil, "does not issue for one of these names", "certificate.names"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, z := f.config(t), f.zone()
			cfg.Records, cfg.Names = z, z
			if c.change != nil {
				c.change(&cfg, z)
			}
			_, err := mustNew(t, cfg).Obtain(t.Context(), newRequest(t, c.names...))
			wantFault(t, err, c.text, c.action)
			if got := f.ordered(c.names...); got != 0 {
				t.Errorf("it was ordered %d times", got)
			}
		})
	}
}

// nobody can write no record.
type nobody struct{ *zone }

func (nobody) Single(string) (bool, error) { return false, errors.New("no provider has example.net") }
