package upstream_test

// The plain fall-back, and that there is none otherwise.

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

func TestPlausibleClock(t *testing.T) {
	floor := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if upstream.PlausibleClock(time.Unix(0, 0), floor) || !upstream.PlausibleClock(floor, floor) || !upstream.PlausibleClock(time.Unix(0, 0), time.Time{}) {
		t.Error("a clock before the floor, and only such, is implausible")
	}
}

// record is a log that may be read while it is written.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) count(words string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.text.String(), words)
}

// A certificate that is valid from tomorrow on is what a clock that is behind
// sees.
func TestPlainFallbackOnlyWhileTheClockIsImplausible(t *testing.T) {
	tomorrow := time.Now().AddDate(0, 0, 1)
	ca, stranger := newAuthority(t), newAuthority(t)
	plain := serve(t, answering("1.2.3.4"))
	handler := answering("1.2.3.5")
	for name, c := range map[string]struct {
		addr      string
		plausible bool
		want      string // the answer, or nothing
	}{
		"clock behind":                            {serveTLS(t, ca.server(t, tomorrow, "127.0.0.1"), handler).Addr().String(), false, "1.2.3.4"},
		"clock plausible":                         {serveTLS(t, ca.server(t, tomorrow, "127.0.0.1"), handler).Addr().String(), true, ""},
		"clock behind, certificate good":          {serveTLS(t, ca.server(t, yesterday(), "127.0.0.1"), handler).Addr().String(), false, "1.2.3.5"},
		"clock behind, another's name":            {serveTLS(t, ca.server(t, yesterday(), "192.0.2.1"), handler).Addr().String(), false, ""},
		"clock behind, signed by a stranger":      {serveTLS(t, stranger.server(t, yesterday(), "127.0.0.1"), handler).Addr().String(), false, ""},
		"clock behind, nothing listens encrypted": {refusing(t).String(), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log record
			var inPlain atomic.Int32
			var right atomic.Bool
			right.Store(c.plausible)
			p := opened(t, upstream.Config{
				Specs: []upstream.Spec{spec(t, "tls://"+c.addr)}, RootCAs: ca.roots, ClockPlausible: right.Load,
				Log: slog.New(slog.NewTextHandler(&log, nil)),
				Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					if strings.HasSuffix(address, ":53") {
						inPlain.Add(1)
						address = plain.String()
					}
					return new(net.Dialer).DialContext(ctx, network, address)
				},
			})
			fell, said := c.want == "1.2.3.4", 0
			if fell {
				said = 1 // once, however many questions
			}
			for range 3 {
				m, err := p.ExchangeMsg(t.Context(), new(dns.Msg).SetQuestion("a.example.", dns.TypeA))
				if c.want == "" {
					if err == nil {
						t.Fatalf("answered %v", m)
					}
				} else if err != nil {
					t.Fatal(err)
				} else {
					wantAddr(t, m, c.want)
				}
			}
			if (inPlain.Load() > 0) != fell || p.Status()[0].PlainFallback != fell || log.count("it is asked unencrypted until") != said {
				t.Errorf("%d times in plain, status %+v, log %q", inPlain.Load(), p.Status()[0], &log.text)
			}
			if !fell {
				return
			}
			right.Store(true) // the clock was set; the certificate is wrong still, and that counts now
			before := inPlain.Load()
			if m, err := p.ExchangeMsg(t.Context(), new(dns.Msg).SetQuestion("a.example.", dns.TypeA)); err == nil {
				t.Errorf("with a good clock it answers %v", m)
			}
			if inPlain.Load() != before || p.Status()[0].PlainFallback {
				t.Error("it is asked in plain with a good clock")
			}
		})
	}
}

func TestPlainFallbackOfAnHTTPSServer(t *testing.T) {
	ca := newAuthority(t)
	plain := serve(t, answering("1.2.3.4"))
	l := serveTLS(t, ca.server(t, time.Now().AddDate(0, 0, 1), "127.0.0.1"), answering("1.2.3.5"))
	p := opened(t, upstream.Config{
		Specs: []upstream.Spec{spec(t, "https://"+l.Addr().String()+"/dns-query")}, RootCAs: ca.roots, ClockPlausible: func() bool { return false },
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasSuffix(address, ":53") {
				address = plain.String()
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	})
	wantAddr(t, exchange(t, p, nil), "1.2.3.4")
	if !p.Status()[0].PlainFallback {
		t.Error("the status does not say so")
	}
}
