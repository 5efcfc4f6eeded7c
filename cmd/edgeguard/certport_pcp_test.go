package main

// Port 80 for the CA, by PCP and NAT-PMP; and what is written down of it.

import (
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/pcptest"
)

// By PCP and NAT-PMP a mapping is known by what it was asked for with.
func TestPort80ByPCPAndNATPMP(t *testing.T) {
	// The port of these protocols is a fixed one (RFC 6887, section 19).
	gateway := netip.MustParseAddr("127.80.53.51")
	fake := pcptest.StartAt(t, netip.AddrPortFrom(gateway, 5351))
	for _, method := range []fact.Method{fact.MethodPCP, fact.MethodNATPMP} {
		t.Run(string(method), func(t *testing.T) {
			h := newPortHome(t, gateway, []netip.AddrPort{netip.AddrPortFrom(gateway, 9)}, method)
			for _, crash := range []bool{false, true} {
				end := h.open(t, h.process())
				if got := fake.Table(); len(got) != 1 || got[0].External != 80 || got[0].Internal.Port() != certLocalPort || got[0].Protocol != 6 {
					t.Fatalf("the router has %+v", got)
				}
				var err error
				if h.wantNote(t, true); crash {
					err = h.process().dropStale(t.Context())
				} else {
					err = end(t.Context())
				}
				if err != nil || len(fake.Table()) != 0 {
					t.Errorf("after a crash %v: %v, the router has %+v", crash, err, fake.Table())
				}
				h.wantNote(t, false)
			}
			fake.Behave(func(b *pcptest.Behaviour) { b.Port = func(uint16) uint16 { return 8080 } })
			_, err := h.process().Open(t.Context(), certLocalPort, certLease)
			if err == nil || !strings.Contains(err.Error(), "port 8080 in place of port 80") || len(fake.Table()) != 0 {
				t.Errorf("Open = %v, the router has %+v", err, fake.Table())
			}
			fake.Behave(func(b *pcptest.Behaviour) { b.Port = nil })
			h.wantNote(t, false)
			// What cannot be taken away ends by its lease, and is not asked for again.
			end := h.open(t, h.process())
			fake.Behave(func(b *pcptest.Behaviour) { b.RefuseDeletion, b.KeepsMappings = 2, true })
			if err := end(t.Context()); err == nil {
				t.Error("the router keeps it, and there is no error")
			}
			p := h.process()
			n, err := p.noted()
			if err != nil || n == nil {
				t.Fatal(n, err)
			}
			if err := p.dropStale(t.Context()); err == nil {
				t.Error("the router keeps it, and there is no error")
			}
			n.Until = time.Now().Add(-time.Second)
			raw, err := json.Marshal(n)
			if err == nil {
				err = os.WriteFile(p.file(), raw, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := p.dropStale(t.Context()); err != nil {
				t.Error(err)
			}
			h.wantNote(t, false)
			fake.Behave(func(b *pcptest.Behaviour) { b.RefuseDeletion, b.KeepsMappings = 0, false })
			fake.Restart()
		})
	}
}

// Whatever the file says, what it leads to is port 80 of ours, or nothing.
func FuzzPortNote(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"version":1,"method":"igd","internal":"192.168.1.2:54321","until":"2026-11-22T00:00:00Z"}`,
		`{"version":1,"method":"pcp","internal":"192.168.1.2:54321","nonce":"000102030405060708090a0b"}`,
		`{"version":1,"method":"natpmp","internal":"[::1]:1","nonce":"00"}`, `{"version":1,"method":"igd"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := parsePortNote(raw)
		if err != nil {
			return
		}
		m, err := n.made()
		if err != nil || m.external != 80 || m.method == fact.MethodIGD && (m.mapping.ExternalPort != 80 || !m.mapping.Internal.Addr().Is4()) ||
			m.method != fact.MethodIGD && (m.request.ExternalPort != 80 || !m.request.Internal.Addr().Is4()) {
			t.Errorf("%s leads to %+v, %v", raw, m, err)
		}
	})
}
