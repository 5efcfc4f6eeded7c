package ddns_test

// Where port 53 cannot be believed, and what a resolver's word is worth then.

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/miekg/dns"
)

func TestAHijackedPortConfirmsNothingAndRewritesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.setHijacked(true)
		h.start()
		h.wantWrites(addrA)
		h.wait(7 * 24 * time.Hour)
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseUnconfirmed)
		l := h.wantVerdict(fact.VerdictWarn)
		if !contains(l.Summary, "port 53", "answers DNS questions") || !contains(l.Action, "router", "upstreams") || !h.record().Intercepted {
			t.Errorf("link is %+v", l)
		}
		if n := len(h.looked()); n > 300 {
			t.Errorf("%d looks in a week", n)
		}
		h.setHijacked(false)
		h.wait(3 * time.Hour)
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseVerified)
		if h.record().Intercepted {
			t.Error("it is still called intercepted")
		}
	})
}

// resolves makes the resolver say addr for ttl.
func (h *home) resolves(addr netip.Addr, ttl time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.resolver = &authority.Reply{State: fact.Known, Addrs: []netip.Addr{addr}, TTL: ttl}
	h.cfg.Recurse = func(context.Context, *dns.Msg) (*dns.Msg, error) { return nil, errDown }
	h.cfg.Encrypted = func() bool { return true }
}

func TestAResolverOverAnEncryptedLineIsEvidenceEnough(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.setHijacked(true)
		h.resolves(addrA, time.Minute)
		h.start()
		h.wait(time.Hour)
		h.wantWrites() // it says so already
		h.wantPhase(ddns.PhaseVerified)
		if l := h.wantVerdict(fact.VerdictPass); !contains(l.Summary, "resolver", "port 53") || h.record().LastError != "" {
			t.Errorf("link is %+v, error %q", l, h.record().LastError)
		}
		h.address.Store(known(addrB))
		h.wait(time.Second)
		h.wantWrites(addrB)
		h.wait(10 * time.Second)
		h.wantPhase(ddns.PhaseUnconfirmed)
		if l := h.wantVerdict(fact.VerdictWarn); !contains(l.Summary, "a resolver says "+addrA.String()) {
			t.Errorf("link is %+v", l)
		}
		h.resolves(addrB, time.Minute)
		h.wait(2 * time.Minute)
		h.wantPhase(ddns.PhaseVerified)
		h.wantWrites(addrB)
	})
}

func TestAResolverIsAskedNoOftenerThanItsTTL(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.setSilent(true)
		h.resolves(addrB, 10*time.Minute)
		h.start()
		h.wait(time.Hour)
		if n := len(h.looked()); n > 7 {
			t.Errorf("%d looks in an hour", n)
		}
		h.wantWrites(addrA) // a resolver's word never has anything written
		h.wait(48 * time.Hour)
		h.wantWrites(addrA)
	})
}

func TestAResolverInTheOpenIsNotAsked(t *testing.T) {
	for _, encrypted := range []func() bool{nil, func() bool { return false }} {
		bubble(t, func(t *testing.T, h *home) {
			h.setHijacked(true)
			h.resolves(addrA, time.Minute)
			h.cfg.Encrypted = encrypted
			h.start()
			h.wait(time.Hour)
			h.wantWrites(addrA)
			h.wantPhase(ddns.PhaseUnconfirmed)
		})
	}
}

func TestWhatTheProviderSaysOfItsProxyIsSaid(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.Records[0].Provider = "cloudflare"
		h.cfg.Records[0].Type = "AAAA"
		h.v6.Store(known(addr6A))
		h.proxied.Store(true)
		h.set = func(_ string, addr netip.Addr) (netip.Addr, error) { return addr, nil }
		h.start()
		h.wantPhase(ddns.PhaseWritten)
		if l := h.wantVerdict(fact.VerdictFail); !contains(l.Summary, "proxied") {
			t.Errorf("link is %+v", l)
		}
		h.proxied.Store(false)
		h.show(name, netip.MustParseAddr("2606:4700::6810:1"))
		h.wait(48 * time.Hour)
		h.wantWrites(addr6A)
		h.wantVerdict(fact.VerdictFail)
		h.show(name, addr6A)
		h.wait(3 * time.Hour)
		h.wantPhase(ddns.PhaseVerified)
		h.wantVerdict(fact.VerdictPass)
	})
}

func TestADeletionByHandIsPutRightAndAWarIsNot(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.cfg.StateFile = t.TempDir() + "/ddns.json"
		h.start()
		h.wait(time.Minute)
		h.show(name)
		h.wait(3 * time.Hour)
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseVerified)
		// Whenever it is right, somebody changes it again.
		before := len(h.written())
		for range 7 * 24 * 6 {
			if h.record().Phase == ddns.PhaseVerified {
				h.show(name, addrB)
			}
			h.wait(10 * time.Minute)
		}
		if n := len(h.written()) - before; n < 6 || n > 14 {
			t.Errorf("%d writes in a week of war", n)
		}
		for i := before + 8; i < len(h.written()); i++ {
			if gap := h.written()[i].At - h.written()[i-1].At; gap < 24*time.Hour {
				t.Errorf("after %d changes it was put right within %v", i, gap)
			}
		}
		for h.record().Phase == ddns.PhaseVerified {
			h.show(name, addrB)
			h.wait(time.Hour)
		}
		if l := h.manager.Status().Load().Link; !contains(l.Summary, "somebody else keeps changing it") || !contains(l.Action, "another DDNS client") {
			t.Errorf("link is %+v", l)
		}
		h.stop()
		h.start() // a restart makes no peace
		count := len(h.written())
		h.wait(10 * time.Minute)
		if len(h.written()) != count {
			t.Error("a restart had it put right at once")
		}
		h.wait(30 * time.Hour)
		h.wantPhase(ddns.PhaseVerified)
		h.wait(72 * time.Hour) // peace
		h.show(name, addrB)
		count = len(h.written())
		h.wait(3 * time.Hour)
		if len(h.written()) != count+1 {
			t.Errorf("after peace %d writes", len(h.written())-count)
		}
	})
}

func TestAWaitThatOneRecordIsToldHoldsTheWholeAccount(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.Records[2].Token = newToken() // another account
		h.set = func(domain string, addr netip.Addr) (netip.Addr, error) {
			if domain == "one.duckdns.org" && addr == addrA {
				return netip.Addr{}, &provider.Fault{Kind: provider.Limited, Wait: time.Hour, Text: "too many"}
			}
			h.show(domain, addr)
			return addr, nil
		}
		h.show("two.duckdns.org", addrA)
		h.show("three.duckdns.org", addrA)
		h.start()
		h.wait(time.Minute)
		h.address.Store(known(addrB))
		h.wait(58 * time.Minute)
		for _, w := range h.written()[1:] {
			if w.Domain != "three.duckdns.org" {
				t.Errorf("the account was asked again: %v", h.written())
			}
		}
		h.wait(4 * time.Minute)
		if n := len(h.written()); n != 4 {
			t.Errorf("writes are %v", h.written())
		}
	}, "one.duckdns.org", "two.duckdns.org", "three.duckdns.org")
}

func TestAnAccountSeesOneCallAtATime(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		under := make(chan struct{}, 1)
		h.set = func(domain string, addr netip.Addr) (netip.Addr, error) {
			select {
			case under <- struct{}{}:
			default:
				t.Error("two calls at once")
			}
			time.Sleep(300 * time.Millisecond)
			<-under
			h.show(domain, addr)
			return addr, nil
		}
		h.start()
		h.wait(time.Minute)
		if len(h.written()) != 4 {
			t.Errorf("writes are %v", h.written())
		}
		h.wantVerdict(fact.VerdictPass)
	}, "a.duckdns.org", "b.duckdns.org", "c.duckdns.org", "d.duckdns.org")
}
