package portmap_test

// The keeper on the routers of people's homes, over a real conversation.

import (
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

// home is one life of a keeper on a router on loopback, for a service on this
// host.
type home struct {
	*portmap.Keeper
	fake *igdtest.Router
	to   netip.AddrPort // where the forward leads
	stop func()
}

// liveAt starts a life.
func liveAt(t *testing.T, fake *igdtest.Router, stateFile string) *home {
	t.Helper()
	r := router.New(router.Config{Gateway: fake.Gateway, SSDP: fake.SSDP(), AllowLoopback: true, Spacing: time.Millisecond})
	here := mqtt
	here.Internal = netip.AddrPortFrom(r.Local(), 8883)
	k := portmap.New(portmap.Config{Enabled: true, Forwards: []portmap.Forward{here}, GatewayAddr: fake.Gateway, StateFile: stateFile,
		ReadBack: 20 * time.Millisecond}, r)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	return &home{k, fake, here.Internal, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	}}
}

// entries are the router's for the service's port; another's are lost when they
// are not there.
func (h *home) entries(t *testing.T, others fact.Mapping) []fact.Mapping {
	t.Helper()
	table := h.fake.Table()
	if !slices.ContainsFunc(table, func(m fact.Mapping) bool {
		return m.ExternalPort == others.ExternalPort && m.Internal == others.Internal
	}) {
		t.Errorf("another's entry is gone: %v", table)
	}
	return slices.DeleteFunc(table, func(m fact.Mapping) bool { return m.ExternalPort != mqtt.ExternalPort })
}

// adds is how often the router has been asked for an entry.
func (h *home) adds() (n int) {
	for _, c := range h.fake.Calls() {
		if c.Action == "AddPortMapping" {
			n++
		}
	}
	return n
}

func TestKeptOnRoutersOfPeoplesHomes(t *testing.T) {
	const noEnd = "this router keeps forwards only without an end, so it stays if edgeguard is not stopped cleanly"
	refuses := noEnd + " (it refuses leases that end)"
	for name, c := range map[string]struct {
		odd   func(*igdtest.Behaviour)
		state portmap.State
		lease time.Duration // that the router shows; 0 means no end, -1 no entry
		note  string        // the whole of it
		err   string        // part of it; empty means that there is none
		do    string        // part of the action
	}{
		"ARRIS":    {igdtest.ARRIS, portmap.StateActive, 0, refuses, "", ""},
		"MikroTik": {igdtest.MikroTik, portmap.StateActive, 0, refuses, "", ""},
		"Netgear":  {igdtest.Netgear, portmap.StateActive, 0, refuses, "", ""},
		"DD-WRT": {func(b *igdtest.Behaviour) { igdtest.DDWRT(b); b.LeasesLast = 100 * time.Millisecond },
			portmap.StateActive, 0, noEnd + " (its leases end at once)", "", ""},
		"Technicolor": {igdtest.Technicolor, portmap.StateActive, 24 * time.Hour, "", "", ""},
		"Tomato":      {igdtest.Tomato, portmap.StateActive, time.Hour, "", "", ""},
		"Linksys":     {igdtest.Linksys, portmap.StateActive, time.Hour, "", "", ""},
		"FRITZ!Box": {igdtest.FritzBox, portmap.StateFailed, -1, "",
			"the router does not permit this forward (error 606)", "Selbstständige Portfreigaben"},
		"ZTE":    {igdtest.ZTE, portmap.StateActive, time.Hour, "", "", ""},
		"ASUS":   {igdtest.ASUS, portmap.StateActive, time.Hour, "", "", ""},
		"Huawei": {igdtest.HuaweiHG531, portmap.StateActive, time.Hour, "", "", ""},
		"ER605":  {igdtest.TPLinkER605, portmap.StateActive, time.Hour, "", "", ""},
		"a LOCATION on its own loopback": {igdtest.TPLinkLoopback, portmap.StateManual, -1, "",
			"http://[::1]:1900/rootDesc.xml", "Switch on UPnP"},
		// ASUS again, with a line that is down: its refusals have a reason.
		"ASUS without a line": {func(b *igdtest.Behaviour) { igdtest.ASUS(b); b.WAN = "0.0.0.0"; b.Faults["AddPortMapping"] = 501 },
			portmap.StateFailed, -1, "", "the router's WAN address is missing or not public", "internet page"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			fake.Behave(c.odd)
			others := fact.Mapping{Protocol: fact.TCP, ExternalPort: 443, Internal: netip.MustParseAddrPort("192.168.1.20:443"), Description: "xyz", Enabled: true}
			fake.Put(others)
			file := filepath.Join(t.TempDir(), "forwards.json")
			learned := 0
			for life := range 2 { // the second knows what the first has learned
				h := liveAt(t, fake, file)
				await(t, h.Keeper, string(c.state), func(f portmap.ForwardStatus) bool {
					return f.State == c.state && f.Note == c.note && strings.Contains(f.LastError, c.err) && strings.Contains(f.Action, c.do)
				})
				f := forward(h.Keeper)
				if (c.err == "") != (f.LastError == "") || (c.do == "") != (f.Action == "") {
					t.Errorf("error %q, action %q", f.LastError, f.Action)
				}
				if c.lease != 0 && c.state == portmap.StateActive && f.LeaseExpiresAt.IsZero() || c.lease == 0 && !f.LeaseExpiresAt.IsZero() {
					t.Errorf("it ends at %v", f.LeaseExpiresAt)
				}
				switch table := h.entries(t, others); {
				case c.lease < 0 && len(table) == 0:
				case len(table) != 1 || table[0].Internal != h.to || table[0].Lease.Round(time.Minute) != c.lease || !table[0].Enabled:
					t.Errorf("the router has %v, want a lease of %v", table, c.lease)
				}
				t.Logf("life %d: %s %q %q | %s | %s", life, f.State, f.Note, f.LastError, f.Action, h.Status().Load().Link.Summary)
				before := h.adds()
				h.stop()
				if table := h.entries(t, others); len(table) != 0 {
					t.Errorf("after the stop the router has %v", table)
				}
				if life == 1 && c.state == portmap.StateActive && before != learned+1 {
					t.Errorf("asked %d times in the second life, want once", before-learned)
				}
				learned = before
			}
		})
	}
}
