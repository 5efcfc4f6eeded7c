package ddns_test

// A and AAAA records of one name, wildcards, and what is made of an address.

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/watch"
)

var (
	addr6A = netip.MustParseAddr("2001:db8:1:2:aaaa::1")
	addr6B = netip.MustParseAddr("2001:db8:1:3:aaaa::1")
)

// both is the home with an A and an AAAA record of name.
func both(t *testing.T, f func(t *testing.T, h *home)) {
	t.Helper()
	bubble(t, func(t *testing.T, h *home) {
		six := h.cfg.Records[0]
		six.Type = "AAAA"
		h.cfg.Records = append(h.cfg.Records, six)
		h.v6.Store(known(addr6A))
		f(t, h)
	})
}

func TestAAndAAAAAreTwoRecords(t *testing.T) {
	both(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = t.TempDir() + "/ddns.json"
		h.start()
		h.wait(time.Minute)
		s := h.manager.Status().Load()
		if len(s.Records) != 2 || s.Records[0].Type != "A" || s.Records[1].Type != "AAAA" ||
			s.Records[0].Published.Addr != addrA || s.Records[1].Published.Addr != addr6A {
			t.Fatalf("status is %+v", s.Records)
		}
		if h.wantVerdict(fact.VerdictPass); len(s.Link.Evidence) != 2 || !contains(s.Link.Evidence[1], "AAAA", addr6A.String()) {
			t.Errorf("link is %+v", s.Link)
		}
		looks := len(h.questions())
		h.v6.Store(known(addr6B))
		h.wait(time.Minute)
		if len(h.written()) != 3 || h.written()[2].Addr != addr6B {
			t.Errorf("writes are %v", h.written())
		}
		for _, q := range h.questions()[looks:] {
			if q.Type != "AAAA" {
				t.Errorf("a change of the IPv6 address had %+v asked", q)
			}
		}
		h.stop()
		h.setSilent(true)
		h.start() // both are remembered
		h.wait(time.Hour)
		if len(h.written()) != 3 {
			t.Errorf("writes are %v", h.written())
		}
	})
}

func TestTheHostPartGoesIntoThePrefix(t *testing.T) {
	both(t, func(t *testing.T, h *home) {
		h.cfg.Records = h.cfg.Records[1:]
		h.cfg.Records[0].Host = netip.MustParseAddr("::1:2:3:4")
		want := netip.MustParseAddr("2001:db8:1:2:1:2:3:4")
		h.start()
		h.wantWrites(want)
		h.wait(time.Minute)
		looks := len(h.looked())
		h.v6.Store(known(netip.MustParseAddr("2001:db8:1:2:bbbb::2"))) // another address in the same prefix
		h.wait(time.Minute)
		if h.wantWrites(want); len(h.looked()) != looks {
			t.Error("an address in the same prefix had the record looked at")
		}
		h.v6.Store(known(addr6B))
		h.wait(time.Minute)
		h.wantWrites(want, netip.MustParseAddr("2001:db8:1:3:1:2:3:4"))
		h.v6.Store(fact.NoAddr("test", time.Now()))
		h.wait(24 * time.Hour)
		if h.wantVerdict(fact.VerdictUnknown); !contains(h.manager.Status().Load().Link.Summary, "IPv6") {
			t.Errorf("link is %+v", h.manager.Status().Load().Link)
		}
	})
}

func TestAnAddressOfTheOtherFamilyIsNoAddress(t *testing.T) {
	both(t, func(t *testing.T, h *home) {
		h.address.Store(known(addr6A))
		h.v6.Store(fact.Observation{State: fact.Known, Addr: netip.MustParseAddr("::ffff:11.22.33.44")})
		h.start()
		h.wait(24 * time.Hour)
		h.wantWrites()
		h.wantVerdict(fact.VerdictUnknown)
	})
}

func TestAWildcardIsARecordOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.start()
		h.wait(time.Minute)
		if len(h.written()) != 2 || h.written()[0].Domain == h.written()[1].Domain {
			t.Errorf("writes are %v", h.written())
		}
		h.wantVerdict(fact.VerdictPass)
	}, "example.org", "*.example.org")
}

func TestNewRefusesRecordsThatCannotBe(t *testing.T) {
	equal := func(a, b fact.Observation) bool { return a == b }
	v4, v6 := watch.New(fact.Observation{}, equal), watch.New(fact.Observation{}, equal)
	good := record("rfc2136", "a.example.org", token)
	six := good
	six.Type = "AAAA"
	for what, c := range map[string]struct {
		records   []ddns.RecordConfig
		addresses ddns.Addresses
		fine      bool
	}{
		"two types":          {[]ddns.RecordConfig{good, six}, ddns.Addresses{V4: v4, V6: v6}, true},
		"A alone":            {[]ddns.RecordConfig{good}, ddns.Addresses{V4: v4}, true},
		"AAAA alone":         {[]ddns.RecordConfig{six}, ddns.Addresses{V6: v6}, true},
		"no V6":              {[]ddns.RecordConfig{good, six}, ddns.Addresses{V4: v4}, false},
		"no V4":              {[]ddns.RecordConfig{good, six}, ddns.Addresses{V6: v6}, false},
		"AAAA twice":         {[]ddns.RecordConfig{six, six}, ddns.Addresses{V6: v6}, false},
		"wildcard of none":   {[]ddns.RecordConfig{{Account: good.Account, Domain: "*."}}, ddns.Addresses{V4: v4}, false},
		"other type":         {[]ddns.RecordConfig{{Account: good.Account, Domain: "a.b", Type: "TXT"}}, ddns.Addresses{V4: v4, V6: v6}, false},
		"host part of an A":  {[]ddns.RecordConfig{{Account: good.Account, Domain: "a.b", Host: addr6A}}, ddns.Addresses{V4: v4, V6: v6}, false},
		"host is an address": {[]ddns.RecordConfig{{Account: good.Account, Domain: "a.b", Type: "AAAA", Host: addr6A}}, ddns.Addresses{V6: v6}, false},
		"host is nothing":    {[]ddns.RecordConfig{{Account: good.Account, Domain: "a.b", Type: "AAAA", Host: netip.IPv6Unspecified()}}, ddns.Addresses{V6: v6}, false},
		"host is IPv4":       {[]ddns.RecordConfig{{Account: good.Account, Domain: "a.b", Type: "AAAA", Host: addrA}}, ddns.Addresses{V6: v6}, false},
	} {
		_, err := ddns.NewWith(ddns.Config{Records: c.records}, c.addresses, asker{}, func(ddns.RecordConfig) (provider.Provider, error) { return writer{}, nil })
		if (err == nil) != c.fine {
			t.Errorf("%s: New = %v", what, err)
		}
	}
}

func TestWhatAProviderCannotDoIsRefused(t *testing.T) {
	all := provider.Kind{Word: "x", AAAA: true, Wildcard: true, Delete: true}
	rec := ddns.RecordConfig{Account: provider.Account{Token: secret.New(token)}, Domain: "*.example.org", Type: "AAAA", DeleteOnExit: true}
	if err := ddns.Suits(rec, all); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*provider.Kind){
		"AAAA": func(k *provider.Kind) { k.AAAA = false }, "wildcards": func(k *provider.Kind) { k.Wildcard = false },
		"delete": func(k *provider.Kind) { k.Delete = false },
	} {
		k := all
		change(&k)
		if err := ddns.Suits(rec, k); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("without %s: %v", what, err)
		}
	}
}

// What is asked of the authority, beside the name and the type.
func TestHowTheServersAreAsked(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.start() // nothing is known: one may speak; after the write all must
		h.wait(time.Minute)
		h.wait(3 * time.Hour)
		h.manager.Kick()
		h.wait(time.Second)
		var one []bool
		for _, q := range h.questions() {
			if q.Expect != addrA {
				t.Errorf("asked %+v", q)
			}
			one = append(one, q.One)
		}
		want := []bool{true, false, true, false}
		if len(one) != len(want) || one[0] != want[0] || one[1] != want[1] || one[2] != want[2] || one[3] != want[3] {
			t.Errorf("one server was enough: %v, want %v", one, want)
		}
	})
}

var _ ddns.Authority = (*authority.Asker)(nil)
