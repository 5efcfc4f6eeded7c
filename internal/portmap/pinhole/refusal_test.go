package pinhole_test

// What the router's refusals become, and the way by PCP.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
)

func TestRefusals(t *testing.T) {
	for code, words := range map[int]struct{ problem, action string }{
		606: {"only to the host that asks", "Run edgeguard on that device"},
		701: {"table of pinholes is full", "Delete pinholes"},
		703: {"permit no pinholes from inside", "Permit them"},
		704: {"no such pinhole", "restarting"},
		705: {"no pinholes for TCP", "Open TCP port 8883 for the device with 2a0e:77:1::10"},
		706: {"wants one port and one protocol", "Open TCP port 8883"},
		707: {"wants one port and one protocol", "Open TCP port 8883"},
		708: {"one known host alone", "Open TCP port 8883"},
		501: {"error 501 (told to)", "Open TCP port 8883"},
	} {
		keep(t, func(f *firewall, _ *pinhole.Config) {
			f.onAdd = func(fact.Pinhole) error { return fault(code) }
		}, func(f *firewall, k *pinhole.Keeper) {
			p := want(t, k, pinhole.StateFailed)
			if !strings.Contains(p.LastError, words.problem) || !strings.Contains(p.LastError, fmt.Sprint(code)) || !strings.Contains(p.Action, words.action) {
				t.Errorf("%d: %q, %q", code, p.LastError, p.Action)
			}
			wantSaid(t, f, "status, add, map")
			f.set(func() { f.onAdd = nil })
			sleep(31 * time.Minute)
			want(t, k, pinhole.StateActive)
		}, nil)
	}
}

func TestRefusalSentencesThatDependOnMore(t *testing.T) {
	refuse := func(fact.Pinhole) error { return fault(606) }
	keep(t, func(f *firewall, _ *pinhole.Config) {
		f.router, f.onAdd = "AVM FRITZ!Box 7590 at 192.168.178.1", refuse
	}, func(f *firewall, k *pinhole.Keeper) {
		if p := want(t, k, pinhole.StateFailed); !strings.Contains(p.Action, "Selbstständige Portfreigaben") {
			t.Errorf("status %+v", p)
		}
	}, nil)
	keep(t, func(f *firewall, cfg *pinhole.Config) {
		cfg.Pinholes[0].Port, f.onAdd = 443, refuse
	}, func(f *firewall, k *pinhole.Keeper) {
		if p := want(t, k, pinhole.StateFailed); !strings.Contains(p.LastError, "below 1024") {
			t.Errorf("status %+v", p)
		}
	}, nil)
}

func TestFirewallStatusComesFirst(t *testing.T) {
	for name, c := range map[string]struct {
		enabled, inbound bool
		err              error
		state            pinhole.State
		said             string
	}{
		"filters nothing":    {false, false, nil, pinhole.StateOpen, "status"},
		"permits nothing":    {true, false, nil, pinhole.StateFailed, "status, map"},
		"does not know it":   {false, false, fault(401), pinhole.StateActive, "status, add, check 1"},
		"has no such thing":  {false, false, fact.ErrNoFirewall, pinhole.StateNone, "status, map"},
		"is not there":       {false, false, fact.ErrNoRouter, pinhole.StateNone, "status, map"},
		"was not understood": {false, false, errors.New("lost"), pinhole.StateFailed, "status"},
	} {
		keep(t, func(f *firewall, _ *pinhole.Config) {
			f.onStatus = func() (bool, bool, error) { return c.enabled, c.inbound, c.err }
		}, func(f *firewall, k *pinhole.Keeper) {
			p := k.Status().Load().Pinholes[0]
			if p.State != c.state {
				t.Errorf("%s: %+v", name, p)
			}
			wantSaid(t, f, c.said)
			if c.state == pinhole.StateNone && !strings.Contains(p.Action, "Open TCP port 8883 for the device with 2a0e:77:1::10") {
				t.Errorf("%s: %q", name, p.Action)
			}
			f.set(func() { f.onStatus = nil })
			sleep(31 * time.Minute)
			want(t, k, pinhole.StateActive)
		}, nil)
	}
	keep(t, func(f *firewall, _ *pinhole.Config) { f.onAdd = func(fact.Pinhole) error { return fault(702) } },
		func(f *firewall, k *pinhole.Keeper) { want(t, k, pinhole.StateOpen) }, nil)
}

func TestTakenAndNotWorking(t *testing.T) {
	for name, check := range map[string]func(uint16) (bool, error){
		"does not work": func(uint16) (bool, error) { return false, nil },
		"is not known":  func(uint16) (bool, error) { return false, fault(704) },
		"no answer":     func(uint16) (bool, error) { return false, errors.New("lost") },
	} {
		keep(t, func(f *firewall, _ *pinhole.Config) { f.onCheck = check }, func(f *firewall, k *pinhole.Keeper) {
			if p := want(t, k, pinhole.StateUnconfirmed); p.LeaseExpiresAt.IsZero() {
				t.Errorf("%s: %+v", name, p)
			}
			sleep(time.Hour)
			if n := strings.Count(f.said(), "add"); n < 1 || n > 30 {
				t.Errorf("%s: asked %d times in an hour", name, n)
			}
			f.set(func() { f.onCheck = nil })
			sleep(6 * time.Minute)
			want(t, k, pinhole.StateActive)
		}, nil)
	}
}

// pcp is a router that speaks PCP.
type pcp struct {
	asked []fact.Request
	grant func(q fact.Request) (fact.Grant, error)
	gone  []fact.Request
}

func newPCP(f *firewall) *pcp {
	p := &pcp{grant: func(q fact.Request) (fact.Grant, error) {
		return fact.Grant{External: q.Internal, Lease: 20 * time.Minute}, nil
	}}
	f.onStatus = func() (bool, bool, error) { return false, false, fact.ErrNoFirewall }
	f.onMap = func(q fact.Request) (fact.Grant, error) {
		p.asked = append(p.asked, q)
		return p.grant(q)
	}
	f.onUnmap = func(q fact.Request) error {
		p.gone = append(p.gone, q)
		return nil
	}
	return p
}

func TestByPCP(t *testing.T) {
	var p *pcp
	keep(t, func(f *firewall, _ *pinhole.Config) { p = newPCP(f) }, func(f *firewall, k *pinhole.Keeper) {
		s := want(t, k, pinhole.StateActive)
		if s.Method != fact.MethodPCP || s.LeaseExpiresAt.Sub(f.begin) != 20*time.Minute {
			t.Errorf("status %+v", s)
		}
		first := p.asked[0]
		if first.Nonce == [12]byte{} || first.Method != fact.MethodPCP || first.Internal != at(home) || first.ExternalPort != 8883 ||
			first.Protocol != fact.TCP || first.Lease != time.Hour {
			t.Errorf("asked for %+v", first)
		}
		wantSaid(t, f, "status, map")
		sleep(time.Hour + time.Minute)
		wantSaid(t, f, "map, map, map, map, map, map")
		k.Kick("the router was found anew")
		synctest.Wait()
		wantSaid(t, f, "map")
		for _, q := range p.asked {
			if q.Nonce != first.Nonce {
				t.Errorf("asked again with another nonce")
			}
		}
		f.set(func() { f.address = moved })
		sleep(31 * time.Second)
		wantSaid(t, f, "status, map, unmap")
		if p.gone[0].Internal != at(home) || p.gone[0].Nonce != first.Nonce {
			t.Errorf("gave back %+v", p.gone[0])
		}
	}, func(f *firewall) {
		if len(p.gone) != 2 || p.gone[1].Internal != at(moved) {
			t.Errorf("gave back %+v", p.gone)
		}
	})
}

func TestByPCPRefusedOrOdd(t *testing.T) {
	refusal := &fact.MapFault{Method: fact.MethodPCP, Code: 2, Text: "not authorized"}
	for name, c := range map[string]struct {
		grant   func(fact.Request) (fact.Grant, error)
		state   pinhole.State
		problem string
		given   int
	}{
		"refused": {func(fact.Request) (fact.Grant, error) { return fact.Grant{}, refusal }, pinhole.StateFailed, "by PCP: not authorized", 0},
		"another port": {func(q fact.Request) (fact.Grant, error) {
			return fact.Grant{External: netip.AddrPortFrom(q.Internal.Addr(), 8884), Lease: time.Hour}, nil
		}, pinhole.StateFailed, "port 8884 in place of 8883", 1},
		"another address": {func(fact.Request) (fact.Grant, error) {
			return fact.Grant{External: at(netip.MustParseAddr("2a0e:99::10")), Lease: time.Hour}, nil
		}, pinhole.StateActive, "reaches it at 2a0e:99::10", 0},
		"lost": {func(fact.Request) (fact.Grant, error) { return fact.Grant{}, errors.New("lost") }, pinhole.StateFailed, "not known: lost", 0},
	} {
		var p *pcp
		keep(t, func(f *firewall, _ *pinhole.Config) {
			p = newPCP(f)
			p.grant = c.grant
		}, func(f *firewall, k *pinhole.Keeper) {
			if s := want(t, k, c.state); !strings.Contains(s.LastError, c.problem) || s.Action == "" {
				t.Errorf("%s: %+v", name, s)
			}
			if len(p.gone) != c.given {
				t.Errorf("%s: gave back %+v", name, p.gone)
			}
		}, nil)
	}
}

func TestPCPWhereUPnPRefuses(t *testing.T) {
	keep(t, func(f *firewall, _ *pinhole.Config) {
		newPCP(f)
		f.onStatus, f.onAdd = nil, func(fact.Pinhole) error { return fault(606) }
	}, func(f *firewall, k *pinhole.Keeper) {
		if p := want(t, k, pinhole.StateActive); p.Method != fact.MethodPCP {
			t.Errorf("status %+v", p)
		}
		wantSaid(t, f, "status, add, map")
	}, nil)
}

func TestMethodsAreTriedInTheirOrder(t *testing.T) {
	for said, methods := range map[string][]fact.Method{
		"map":                  {fact.MethodPCP, fact.MethodIGD},
		"status, add, check 1": {fact.MethodIGD},
		"":                     {fact.MethodNATPMP},
	} {
		keep(t, func(f *firewall, cfg *pinhole.Config) {
			newPCP(f)
			f.onStatus, cfg.Methods = nil, methods
		}, func(f *firewall, k *pinhole.Keeper) {
			wantSaid(t, f, said)
			if said == "" {
				want(t, k, pinhole.StateNone)
			}
		}, nil)
	}
}

func TestStopsInTheMiddleOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFirewall()
		ctx, cancel := context.WithCancel(t.Context())
		f.onStatus = func() (bool, bool, error) {
			cancel()
			return false, false, ctx.Err()
		}
		k := pinhole.New(config(f), f)
		if err := k.Run(ctx); err != nil {
			t.Error(err)
		}
		if p := k.Status().Load().Pinholes[0]; p.State != pinhole.StatePending {
			t.Errorf("status %+v", p)
		}
	})
}

func TestInto(t *testing.T) {
	one := func(state pinhole.State, problem string) pinhole.PinholeStatus {
		return pinhole.PinholeStatus{Service: "mqtt", Protocol: fact.TCP, Internal: at(home), State: state, LastError: problem, Action: "do"}
	}
	for name, c := range map[string]struct {
		before fact.Verdict
		list   []pinhole.PinholeStatus
		after  fact.Verdict
	}{
		"well":               {fact.VerdictPass, []pinhole.PinholeStatus{one(pinhole.StateActive, "")}, fact.VerdictPass},
		"no filter":          {fact.VerdictPass, []pinhole.PinholeStatus{one(pinhole.StateOpen, "")}, fact.VerdictPass},
		"unknown address":    {fact.VerdictPass, []pinhole.PinholeStatus{one(pinhole.StateWaiting, "")}, fact.VerdictPass},
		"not asked yet":      {fact.VerdictPass, []pinhole.PinholeStatus{one(pinhole.StatePending, "")}, fact.VerdictPass},
		"none":               {fact.VerdictPass, []pinhole.PinholeStatus{one(pinhole.StateNone, "x")}, fact.VerdictWarn},
		"refused":            {fact.VerdictPass, []pinhole.PinholeStatus{one(pinhole.StateActive, ""), one(pinhole.StateFailed, "x")}, fact.VerdictWarn},
		"stands, but":        {fact.VerdictPass, []pinhole.PinholeStatus{one(pinhole.StateActive, "x")}, fact.VerdictWarn},
		"unconfirmed":        {fact.VerdictPass, []pinhole.PinholeStatus{one(pinhole.StateUnconfirmed, "x")}, fact.VerdictWarn},
		"no forward either":  {fact.VerdictFail, []pinhole.PinholeStatus{one(pinhole.StateFailed, "x")}, fact.VerdictFail},
		"no better for it":   {fact.VerdictFail, []pinhole.PinholeStatus{one(pinhole.StateActive, "")}, fact.VerdictFail},
		"unknown and well":   {fact.VerdictUnknown, []pinhole.PinholeStatus{one(pinhole.StateActive, "")}, fact.VerdictUnknown},
		"warned about twice": {fact.VerdictWarn, []pinhole.PinholeStatus{one(pinhole.StateFailed, "x")}, fact.VerdictWarn},
		"nothing":            {fact.VerdictPass, nil, fact.VerdictPass},
	} {
		before := fact.Link{Verdict: c.before, Summary: "forwarded", Evidence: make([]string, 1, 8)}
		after := pinhole.Status{Pinholes: c.list}.Into(before)
		if after.Verdict != c.after || len(after.Evidence) != 1+len(c.list) {
			t.Errorf("%s: %+v", name, after)
		}
		if changed := after.Verdict != before.Verdict; changed != strings.Contains(after.Summary, "IPv6") || changed != (after.Action == "do") {
			t.Errorf("%s: %+v", name, after)
		}
		if slices.Contains(before.Evidence[:cap(before.Evidence)], after.Evidence[len(after.Evidence)-1]) && len(c.list) > 0 {
			t.Errorf("%s: wrote into the caller's evidence", name)
		}
	}
}

// That only the host that asks may have one is no reason where it is this host.
func TestRefusedForThisVeryHost(t *testing.T) {
	for own, words := range map[bool]string{true: "though it is for this host, which asks for it", false: "only to the host that asks"} {
		keep(t, func(f *firewall, c *pinhole.Config) {
			f.onAdd = func(fact.Pinhole) error { return fault(606) }
			c.Own = func(a netip.Addr) bool { return own && a == f.address }
		}, func(_ *firewall, k *pinhole.Keeper) {
			p := want(t, k, pinhole.StateFailed)
			if !strings.Contains(p.LastError, words) || strings.Contains(p.Action, "Run edgeguard on that device") == own {
				t.Errorf("%s | %s", p.LastError, p.Action)
			}
		}, nil)
	}
	keep(t, func(f *firewall, c *pinhole.Config) {
		f.router = "AVM FRITZ!Box 7590"
		f.onAdd = func(fact.Pinhole) error { return fault(606) }
		c.Own = func(netip.Addr) bool { return true }
	}, func(_ *firewall, k *pinhole.Keeper) {
		if p := want(t, k, pinhole.StateFailed); !strings.Contains(p.Action, "Selbstständige Portfreigaben") {
			t.Errorf("%s | %s", p.LastError, p.Action)
		}
	}, nil)
}
