package router_test

// Mappings by PCP and NAT-PMP, on a router that speaks them and may be odd.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
	"github.com/edgeguard/edgeguard/internal/router/pcptest"
)

// methods are the two ways to map.
var methods = []fact.Method{fact.MethodPCP, fact.MethodNATPMP}

// plain returns a router that speaks PCP and NAT-PMP and no UPnP, and one that
// talks to it, with so many tries. Nobody answers its searches.
func plain(t *testing.T, tries int, change ...func(*router.Config)) (*pcptest.Router, *router.Router) {
	t.Helper()
	fake := pcptest.Start(t, igdtest.Address)
	cfg := router.Config{
		Gateway: func() (netip.Addr, error) { return igdtest.Address, nil },
		SSDP:    []netip.AddrPort{netip.AddrPortFrom(igdtest.Address, 9)}, AllowLoopback: true,
	}
	for _, c := range change {
		c(&cfg)
	}
	r := router.New(cfg)
	r.ShortenWindow(30 * time.Millisecond)
	r.ControlPort(fake.Port(), tries)
	return fake, r
}

// mqtt is the request for the broker on this host.
func mqtt(method fact.Method) fact.Request {
	return fact.Request{
		Method: method, Protocol: fact.TCP, Internal: netip.MustParseAddrPort("127.0.0.1:8883"),
		ExternalPort: 8883, Lease: time.Hour, Nonce: [12]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
	}
}

// eachMethod runs a test with both.
func eachMethod(t *testing.T, test func(*testing.T, fact.Request)) {
	for _, method := range methods {
		t.Run(string(method), func(t *testing.T) { test(t, mqtt(method)) })
	}
}

func TestMapRenewUnmap(t *testing.T) {
	eachMethod(t, func(t *testing.T, q fact.Request) {
		fake, r := plain(t, 2)
		for range 2 { // the second renews
			got, err := r.Map(t.Context(), q)
			want := fact.Grant{External: netip.MustParseAddrPort("11.22.33.44:8883"), Lease: time.Hour, Epoch: got.Epoch}
			if q.Method == fact.MethodNATPMP {
				want.External = netip.AddrPortFrom(netip.Addr{}, 8883)
			}
			if err != nil || got != want || got.Epoch < 3600 {
				t.Fatalf("granted %+v, %v", got, err)
			}
			entry := pcptest.Mapping{Protocol: 6, Internal: q.Internal, External: 8883, Lifetime: 3600}
			if q.Method == fact.MethodPCP {
				entry.PCP, entry.Nonce = true, q.Nonce
			}
			if table := fake.Table(); len(table) != 1 || table[0] != entry {
				t.Errorf("table %+v, want %+v", table, entry)
			}
		}
		for range 2 { // the second finds none
			if err := r.Unmap(t.Context(), q); err != nil || len(fake.Table()) != 0 {
				t.Errorf("Unmap: %v, table %+v", err, fake.Table())
			}
		}
		udp := q
		udp.Protocol, udp.Internal = fact.UDP, netip.MustParseAddrPort("127.0.0.1:40000")
		if _, err := r.Map(t.Context(), udp); err != nil || fake.Table()[0].Protocol != 17 {
			t.Errorf("UDP: %v, %+v", err, fake.Table())
		}
	})
}

func TestMapTellsWhatWasGranted(t *testing.T) {
	eachMethod(t, func(t *testing.T, q fact.Request) {
		fake, r := plain(t, 2)
		// Another host has the port: the next one is granted, and given back.
		fake.Put(pcptest.Mapping{Protocol: 6, Internal: netip.MustParseAddrPort("127.0.0.7:8883"), External: 8883, Lifetime: 60})
		if got, err := r.Map(t.Context(), q); err != nil || got.External.Port() != 8884 {
			t.Errorf("a port that is taken: %+v, %v", got, err)
		}
		if err := r.Unmap(t.Context(), q); err != nil || len(fake.Table()) != 1 {
			t.Errorf("giving it back: %v, %+v", err, fake.Table())
		}
		for granted, want := range map[uint32]time.Duration{120: 2 * time.Minute, 7200: 2 * time.Hour, 1<<32 - 1: 24 * time.Hour} {
			fake.Behave(func(b *pcptest.Behaviour) { b.Lifetime = func(uint32) uint32 { return granted } })
			if got, err := r.Map(t.Context(), q); err != nil || got.Lease != want {
				t.Errorf("granted %d s: %+v, %v", granted, got, err)
			}
		}
		fake.Behave(func(b *pcptest.Behaviour) { b.Lifetime = func(uint32) uint32 { return 0 } })
		if got, err := r.Map(t.Context(), q); err == nil || errors.Is(err, fact.ErrNotSpoken) || got != (fact.Grant{}) || !strings.Contains(err.Error(), "which is no mapping") {
			t.Errorf("granted for no time: %+v, %v", got, err)
		}
		_ = r.Unmap(t.Context(), q)
		fake.Behave(func(b *pcptest.Behaviour) {
			b.Lifetime, b.Port = nil, func(uint16) uint16 { return 0 }
		})
		if got, err := r.Map(t.Context(), q); err == nil || got != (fact.Grant{}) {
			t.Errorf("granted port 0: %+v, %v", got, err)
		}
		fake.Behave(func(b *pcptest.Behaviour) { b.KeepsMappings = true })
		if err := r.Unmap(t.Context(), q); err == nil || !strings.Contains(err.Error(), "keeps it for another 1h") {
			t.Errorf("a mapping that the router keeps: %v", err)
		}
	})
}

func TestMapThroughLossAndNoise(t *testing.T) {
	for name, behave := range map[string]func(*pcptest.Behaviour){
		"requests get lost": func(b *pcptest.Behaviour) { b.Lose = 2 },
		"answers get lost":  func(b *pcptest.Behaviour) { b.LoseAnswers = 2 },
		"duplicates":        func(b *pcptest.Behaviour) { b.Copies = 3 },
		"strays before it": func(b *pcptest.Behaviour) {
			b.Strays = [][]byte{nil, []byte("garbage"), make([]byte, 1500), {0, 0x82, 0, 0, 0, 0, 0, 0, 0x22, 0xb4, 0x22, 0xb4, 0, 0, 1, 0}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachMethod(t, func(t *testing.T, q fact.Request) {
				fake, r := plain(t, 4)
				fake.Behave(behave)
				if got, err := r.Map(t.Context(), q); err != nil || got.External.Port() != 8883 {
					t.Fatalf("%+v, %v", got, err)
				}
				// What is sent again is the same message (RFC 6887, section 8.1.1).
				all := fake.Requests()
				for _, request := range all {
					if string(request) != string(all[0]) {
						t.Errorf("% x was sent after % x", request, all[0])
					}
				}
				if err := r.Unmap(t.Context(), q); err != nil || len(fake.Table()) != 0 {
					t.Errorf("Unmap: %v, %+v", err, fake.Table())
				}
			})
		})
	}
}

// What does not come from the router itself, and does not answer, is no answer.
func TestMapBelievesTheRouterOnly(t *testing.T) {
	for name, behave := range map[string]func(*pcptest.Behaviour){
		"another host answers": func(b *pcptest.Behaviour) { b.From = netip.MustParseAddr("127.0.0.5") },
		"13 strays a second":   func(b *pcptest.Behaviour) { b.StrayEvery = time.Second / 13 },
		"a flood of strays":    func(b *pcptest.Behaviour) { b.StrayEvery = time.Millisecond / 2 },
		"silence":              func(b *pcptest.Behaviour) { b.Silent = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachMethod(t, func(t *testing.T, q fact.Request) {
				fake, r := plain(t, 2)
				fake.Behave(behave)
				got, err := r.Map(t.Context(), q)
				if !errors.Is(err, fact.ErrNotSpoken) || got != (fact.Grant{}) {
					t.Errorf("%+v, %v", got, err)
				}
				if s := r.Status().Load(); s.Speaks != nil || r.Describe() != "" {
					t.Errorf("status %+v", s)
				}
				// It is not asked for ever.
				_, _ = r.Map(t.Context(), q)
				before := len(fake.Requests())
				if _, err := r.Map(t.Context(), q); !errors.Is(err, fact.ErrNotSpoken) || len(fake.Requests()) != before {
					t.Errorf("the third time: %v, %d requests", err, len(fake.Requests())-before)
				}
			})
		})
	}
}

func TestMapOnARouterThatSpeaksTheOtherProtocol(t *testing.T) {
	other := map[fact.Method]func(*pcptest.Behaviour){
		fact.MethodPCP:    func(b *pcptest.Behaviour) { b.NoPCP = true },
		fact.MethodNATPMP: func(b *pcptest.Behaviour) { b.NoNATPMP = true },
	}
	eachMethod(t, func(t *testing.T, q fact.Request) {
		fake, r := plain(t, 2)
		fake.Behave(other[q.Method])
		for range 2 { // the second time it is not even asked
			if _, err := r.Map(t.Context(), q); !errors.Is(err, fact.ErrNotSpoken) || !strings.Contains(err.Error(), "but ") {
				t.Errorf("got %v", err)
			}
		}
		if n := len(fake.Requests()); n != 1 {
			t.Errorf("asked %d times", n)
		}
		spoken := methods[1-slices.Index(methods, q.Method)]
		if _, err := r.Map(t.Context(), mqtt(spoken)); err != nil {
			t.Errorf("by %s: %v", spoken, err)
		}
		if s := r.Status().Load(); !slices.Equal(s.Speaks, []fact.Method{spoken}) || s.Found {
			t.Errorf("status %+v", s)
		}
	})
}

func TestRefusalsOfAMapping(t *testing.T) {
	most := map[fact.Method]byte{fact.MethodPCP: 13, fact.MethodNATPMP: 5}
	eachMethod(t, func(t *testing.T, q fact.Request) {
		fake, r := plain(t, 2)
		for code := byte(2); code <= most[q.Method]; code++ {
			fake.Behave(func(b *pcptest.Behaviour) { b.Code = code })
			_, err := r.Map(t.Context(), q)
			fault := (*fact.MapFault)(nil)
			if !errors.As(err, &fault) || fault.Code != uint16(code) || fault.Method != q.Method || !strings.Contains(fault.Text, fmt.Sprintf("code %d (", code)) {
				t.Errorf("code %d: %v", code, err)
			}
		}
		if s := r.Status().Load(); !slices.Equal(s.Speaks, []fact.Method{q.Method}) {
			t.Errorf("a refusal is an answer: %+v", s)
		}
		fake.Behave(func(b *pcptest.Behaviour) { b.Code = 1 })
		if _, err := r.Map(t.Context(), q); !errors.Is(err, fact.ErrNotSpoken) {
			t.Errorf("another version: %v", err)
		}
		if s := r.Status().Load(); s.Speaks != nil {
			t.Errorf("it no longer speaks it: %+v", s)
		}
	})
}

// miniupnpd answers the deletion of nothing with "out of resources".
func TestUnmapOfNothingIsNoError(t *testing.T) {
	fake, r := plain(t, 2)
	fake.Behave(func(b *pcptest.Behaviour) { b.NothingToDelete = 8 })
	if err := r.Unmap(t.Context(), mqtt(fact.MethodPCP)); err != nil {
		t.Error(err)
	}
	fake.Behave(func(b *pcptest.Behaviour) { b.NothingToDelete = 2 })
	fault, sent := (*fact.MapFault)(nil), len(fake.Requests())
	if err := r.Unmap(t.Context(), mqtt(fact.MethodPCP)); !errors.As(err, &fault) || fault.Code != 2 || len(fake.Requests()) != sent+1 {
		t.Errorf("a refusal: %v, after %d requests", err, len(fake.Requests())-sent)
	}
}

// Whoever does not know the nonce neither renews nor deletes (RFC 6887, section
// 11.3).
func TestAnotherNonceIsRefused(t *testing.T) {
	fake, r := plain(t, 2)
	q := mqtt(fact.MethodPCP)
	if _, err := r.Map(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	forged := q
	forged.Nonce[0]++
	fault := (*fact.MapFault)(nil)
	if _, err := r.Map(t.Context(), forged); !errors.As(err, &fault) || fault.Code != 2 || !strings.Contains(fault.Text, "somebody else") {
		t.Errorf("a renewal: %v", err)
	}
	if err := r.Unmap(t.Context(), forged); !errors.As(err, &fault) || fault.Code != 2 {
		t.Errorf("a deletion: %v", err)
	}
	if table := fake.Table(); len(table) != 1 || table[0].Nonce != q.Nonce {
		t.Errorf("table %+v", table)
	}
}

// The router sees another address than the request names: a NAT is in between.
func TestAnotherNATInBetween(t *testing.T) {
	_, r := plain(t, 2, func(c *router.Config) { c.Host = netip.MustParseAddr("127.0.0.9") })
	q := mqtt(fact.MethodPCP)
	q.Internal = netip.MustParseAddrPort("127.0.0.9:8883")
	fault := (*fact.MapFault)(nil)
	if _, err := r.Map(t.Context(), q); !errors.As(err, &fault) || fault.Code != 12 || !strings.Contains(fault.Text, "another NAT") {
		t.Errorf("got %v", err)
	}
	if r.Local() != netip.MustParseAddr("127.0.0.9") {
		t.Errorf("Local() = %v", r.Local())
	}
	if s := r.Status().Load(); s.Local != r.Local() || len(s.Speaks) != 1 {
		t.Errorf("status %+v", s)
	}
}

// A container on a bridge names its host, in whose name its requests come.
func TestMapForTheHostOfAContainer(t *testing.T) {
	host := netip.MustParseAddr("127.0.0.1") // where the fake sees us come from
	fake, r := plain(t, 2, func(c *router.Config) { c.Host = host })
	eachMethod(t, func(t *testing.T, q fact.Request) {
		q.Internal = netip.AddrPortFrom(r.Local(), 8883)
		fake.Restart()
		if _, err := r.Map(t.Context(), q); err != nil || fake.Table()[0].Internal != q.Internal {
			t.Errorf("%v, %+v", err, fake.Table())
		}
	})
	sent := len(fake.Requests())
	if got, err := r.PCPAddress(t.Context()); err != nil || got.String() != "11.22.33.44" {
		t.Errorf("its address: %v, %v", got, err)
	}
	if client := netip.AddrFrom16([16]byte(fake.Requests()[sent][8:24])).Unmap(); client != host {
		t.Errorf("the request named %s", client)
	}
}

// The request goes out from the very address that is mapped, whichever of ours
// that is, and from no other.
func TestMapGoesOutFromTheInternalAddress(t *testing.T) {
	eachMethod(t, func(t *testing.T, q fact.Request) {
		fake, r := plain(t, 1)
		q.Internal = netip.MustParseAddrPort("127.0.0.42:8883")
		if _, err := r.Map(t.Context(), q); err != nil || fake.Table()[0].Internal != q.Internal {
			t.Errorf("another address of ours: %v, %+v", err, fake.Table())
		}
		sent := len(fake.Requests())
		for internal, words := range map[string]string{
			"192.0.2.1:8883": "no address of this host", "0.0.0.0:8883": "nowhere", "127.0.0.1:0": "nowhere", "[::ffff:127.0.0.1]:8883": "nowhere",
		} {
			q.Internal = netip.MustParseAddrPort(internal)
			if _, err := r.Map(t.Context(), q); err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %v", internal, err)
			}
		}
		for what, change := range map[string]func(*fact.Request){
			"all protocols":   func(q *fact.Request) { q.Protocol = "" },
			"lower case":      func(q *fact.Request) { q.Protocol = "tcp" },
			"all ports":       func(q *fact.Request) { q.ExternalPort = 0 },
			"no lease":        func(q *fact.Request) { q.Lease = 0 },
			"half a second":   func(q *fact.Request) { q.Lease = time.Second / 2 },
			"another method":  func(q *fact.Request) { q.Method = fact.MethodIGD },
			"the zero method": func(q *fact.Request) { q.Method = "" },
		} {
			odd := mqtt(q.Method)
			change(&odd)
			if _, err := r.Map(t.Context(), odd); err == nil || errors.Is(err, fact.ErrNotSpoken) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if now := len(fake.Requests()); now != sent {
			t.Errorf("%d requests were sent for what is no mapping", now-sent)
		}
	})
}

func TestMapHonoursTheContext(t *testing.T) {
	eachMethod(t, func(t *testing.T, q fact.Request) {
		fake, r := plain(t, 10)
		fake.Behave(func(b *pcptest.Behaviour) { b.Silent = true })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := r.Map(ctx, q); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, fact.ErrNotSpoken) {
			t.Errorf("got %v", err)
		}
	})
}

// The grant of the mapping for the address comes twice, and the second is not
// taken for the answer to its deletion.
func TestPCPAddressDeletesInSpiteOfDuplicates(t *testing.T) {
	fake, r := plain(t, 4)
	fake.Behave(func(b *pcptest.Behaviour) { b.Copies, b.Lose = 2, 0 })
	if got, err := r.PCPAddress(t.Context()); err != nil || got.String() != "11.22.33.44" || len(fake.Table()) != 0 {
		t.Errorf("%v, %v, table %+v", got, err, fake.Table())
	}
	// The first deletion gets lost while the duplicates wait in the socket.
	fake.Behave(func(b *pcptest.Behaviour) {
		asked := 0
		b.Lifetime = func(lifetime uint32) uint32 {
			if asked++; asked == 1 {
				b.Lose = 1 // the router's lock is held
			}
			return lifetime
		}
	})
	sent := len(fake.Requests())
	if _, err := r.PCPAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if last := fake.Requests()[sent:]; len(last) != 3 || binary.BigEndian.Uint32(last[2][4:]) != 0 || len(fake.Table()) != 0 {
		t.Errorf("%d requests, table %+v", len(last), fake.Table())
	}
}
