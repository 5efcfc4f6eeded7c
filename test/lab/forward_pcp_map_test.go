//go:build linux

package lab_test

// Mappings by PCP and NAT-PMP on a real miniupnpd without UPnP: made, used,
// renewed, lost, refused, given back.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/pcp"
	"github.com/edgeguard/edgeguard/test/lab"
)

// nasPort and outside are the two ends of the forward.
var (
	nasPort = netip.AddrPortFrom(lab.NASAddr, lab.BrokerPort)
	outside = netip.AddrPortFrom(lab.WANAddr, lab.BrokerPort)
)

// pcpHome is a home whose router speaks PCP and NAT-PMP only, with a service
// and a mapper on the NAS.
func pcpHome(t *testing.T) (*lab.Home, mapper) {
	t.Helper()
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartPCPRouter(t)
	greet(t, h.NAS, nasPort)
	return h, startMapper(t, h)
}

// wantedBy is what is asked for.
func wantedBy(method fact.Method) fact.Request {
	return fact.Request{Method: method, Protocol: fact.TCP, Internal: nasPort, ExternalPort: lab.BrokerPort, Lease: 10 * time.Minute, Nonce: pcp.NewNonce()}
}

// closed wants nobody to be let in from the street.
func closed(t *testing.T, h *lab.Home, to netip.AddrPort) {
	t.Helper()
	if err := hearsNow(h.WAN, to, nasPort); err == nil {
		t.Errorf("%s is open", to)
	}
}

func TestForwardPCPMapsRenewsAndUnmaps(t *testing.T) {
	for _, method := range []fact.Method{fact.MethodPCP, fact.MethodNATPMP} {
		t.Run(string(method), func(t *testing.T) {
			h, m := pcpHome(t)
			closed(t, h, outside)
			q := wantedBy(method)
			for _, lease := range []time.Duration{10 * time.Minute, 20 * time.Minute} { // the second renews
				q.Lease = lease
				got := m.do(t, "map", q)
				if got.Port != lab.BrokerPort || got.Grant.Lease != lease {
					t.Errorf("granted %+v", got.Grant)
				}
				if method == fact.MethodPCP && got.Grant.External != outside {
					t.Errorf("the external address is %s", got.Grant.External)
				}
				t.Logf("granted for %v in %v", got.Grant.Lease, got.Took.Round(10*time.Microsecond))
				if err := hears(h.WAN, outside, nasPort); err != nil {
					t.Errorf("from the street: %v", err)
				}
				if all := h.Mappings(t); len(all) != 1 || all[0] != (lab.Mapping{Protocol: "tcp", External: lab.BrokerPort, Internal: nasPort}) {
					t.Errorf("the router forwards %+v", all)
				}
			}
			s := m.do(t, "status", fact.Request{})
			if !slices.Contains(s.Status.Speaks, method) || s.Status.Found || s.Name != "router at 192.168.77.1" {
				t.Errorf("it is called %q: %+v", s.Name, s.Status)
			}
			for range 2 { // the second finds none
				m.do(t, "unmap", q)
			}
			if all := h.Mappings(t); len(all) != 0 {
				t.Errorf("left: %+v", all)
			}
			closed(t, h, outside)
		})
	}
}

// The port is another host's: the router grants the next one without a word,
// and takes it back, and the other host's stays.
func TestForwardPCPOfAPortThatIsTaken(t *testing.T) {
	for _, method := range []fact.Method{fact.MethodPCP, fact.MethodNATPMP} {
		t.Run(string(method), func(t *testing.T) {
			h, m := pcpHome(t)
			other := pcp.NATPMPMap{Protocol: fact.TCP, Internal: lab.BrokerPort, External: lab.BrokerPort}
			if grant, err := ask(h.Pi, other.Request(time.Hour), other.Parse); err != nil || grant.External.Port() != lab.BrokerPort {
				t.Fatalf("the other host's: %+v, %v", grant, err)
			}
			q := wantedBy(method)
			if got := m.do(t, "map", q); got.Port != lab.BrokerPort+1 {
				t.Errorf("granted %+v", got.Grant)
			}
			if err := hears(h.WAN, netip.AddrPortFrom(lab.WANAddr, lab.BrokerPort+1), nasPort); err != nil {
				t.Errorf("from the street: %v", err)
			}
			m.do(t, "unmap", q)
			if all := h.Mappings(t); len(all) != 1 || all[0].Internal.Addr() != lab.PiAddr || all[0].External != lab.BrokerPort {
				t.Errorf("the router forwards %+v", all)
			}
		})
	}
}

// ask makes one exchange from a host of the LAN, past internal/router.
func ask[T any](from *lab.Host, request []byte, parse func([]byte) (T, error)) (none T, err error) {
	conn, err := from.Dial(context.Background(), "udp", netip.AddrPortFrom(lab.RouterAddr, pcp.Port).String())
	if err != nil {
		return none, err
	}
	defer conn.Close()
	return pcp.Ask(context.Background(), conn, request, 4, parse)
}

// A new life of ours that has kept the nonce is the same client to the router,
// and another host is not, whatever it says.
func TestForwardPCPIsOursAfterOurRestartAndNobodyElses(t *testing.T) {
	h, m := pcpHome(t)
	q := wantedBy(fact.MethodPCP)
	m.do(t, "map", q)
	theirs := pcp.Map{Nonce: q.Nonce, Client: lab.NASAddr, Protocol: fact.TCP, Internal: lab.BrokerPort, External: lab.BrokerPort}
	for _, lifetime := range []time.Duration{time.Hour, 0} {
		grant, err := ask(h.Pi, theirs.Request(lifetime), theirs.Parse)
		if refused := (*pcp.Refusal)(nil); !errors.As(err, &refused) || refused.Code != 12 {
			t.Errorf("in our name, for %v: %+v, %v", lifetime, grant, err)
		}
	}
	theirs.Client = lab.PiAddr
	if grant, err := ask(h.Pi, theirs.Request(0), theirs.Parse); err == nil {
		t.Logf("the router thanks another host for giving back nothing: %+v", grant)
	}
	if grant, err := ask(h.Pi, theirs.Request(time.Hour), theirs.Parse); err != nil || grant.External.Port() == lab.BrokerPort {
		t.Errorf("in its own name: %+v, %v", grant, err)
	}
	if _, err := ask(h.Pi, theirs.Request(0), theirs.ParseDeletion); err != nil {
		t.Error(err)
	}
	if err := hears(h.WAN, outside, nasPort); err != nil {
		t.Errorf("after that: %v", err)
	}
	// We restart, by a crash, and come back with the nonce.
	m.Kill()
	m = startMapper(t, h)
	q.Lease = 20 * time.Minute
	if got := m.do(t, "map", q); got.Grant.External != outside || got.Grant.Lease != 20*time.Minute {
		t.Errorf("granted %+v to our next life", got.Grant)
	}
	if all := h.Mappings(t); len(all) != 1 {
		t.Errorf("the router forwards %+v", all)
	}
	// RFC 6887, section 11.3, wants another nonce refused. miniupnpd 2.3.1 takes
	// the host for it, so that who forgot the nonce gets the mapping back.
	forgotten := q
	forgotten.Nonce = pcp.NewNonce()
	got, err := m.try(order{"map", forgotten})
	switch {
	case err != nil || got.Err != "" && (got.Fault == nil || got.Fault.Code != 2):
		t.Errorf("with another nonce: %v, %s", err, got.Err)
	case got.Err == "" && got.Grant.External != outside:
		t.Errorf("with another nonce the router granted %+v", got.Grant)
	case got.Err == "":
		q = forgotten
	}
	t.Logf("with another nonce: %+v %s", got.Grant, got.Err)
	if all := h.Mappings(t); len(all) != 1 {
		t.Errorf("the router forwards %+v", all)
	}
	m.do(t, "unmap", q)
	closed(t, h, outside)
}

// A router with both tells of each mapping by GENA, and that is no hint.
func TestForwardPCPMakesNoHints(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartRouter(t)
	m := startMapper(t, h)
	lab.Eventually(t, lab.Patience, func() error {
		got := m.do(t, "status", fact.Request{})
		if !got.Status.Events.GENA.On || got.Hint.Count == 0 || time.Since(got.Hint.At) < 3*time.Second {
			return fmt.Errorf("not quiet: %+v", got)
		}
		return nil
	})
	before := m.do(t, "status", fact.Request{})
	for range 2 {
		for _, method := range []fact.Method{fact.MethodPCP, fact.MethodNATPMP} {
			q := wantedBy(method)
			m.do(t, "map", q)
			m.do(t, "unmap", q)
		}
	}
	m.WaitLog(t, lab.Patience, "it may be of that")
	after := m.do(t, "status", fact.Request{})
	if after.Hint != before.Hint || after.Status.Generation != before.Status.Generation {
		t.Errorf("hint %+v after %+v, generation %d after %d", after.Hint, before.Hint, after.Status.Generation, before.Status.Generation)
	}
	if got := after.Status.Speaks; !slices.Equal(got, []fact.Method{fact.MethodPCP, fact.MethodNATPMP}) || !after.Status.Found {
		t.Errorf("it speaks %v", got)
	}
}

// What a restart leaves of a mapping, and that whoever keeps it is told.
func TestForwardPCPAfterARestartOfTheRouter(t *testing.T) {
	t.Parallel() // it waits more than it works
	for name, c := range map[string]struct {
		how   lab.Restart
		lines []string
	}{
		"crash": {lab.Crash, nil}, "clean": {lab.Clean, nil},
		// The epoch is the machine's uptime, so the restart shows in nothing but
		// the announcement.
		"clock of the machine": {lab.Crash, []string{"system_uptime=yes"}},
	} {
		for _, method := range []fact.Method{fact.MethodPCP, fact.MethodNATPMP} {
			t.Run(name+" "+string(method), func(t *testing.T) {
				t.Parallel()
				lab.Require(t)
				h := lab.New(t, lab.Options{})
				h.StartPCPRouter(t, c.lines...)
				greet(t, h.NAS, nasPort)
				m := startMapper(t, h)
				lab.Eventually(t, lab.Patience, func() error {
					if s := m.status(t); s.Err == "" || !s.Events.Announcements.On {
						return fmt.Errorf("not ready: %+v", s)
					}
					return nil
				})
				q := wantedBy(method)
				m.do(t, "map", q)
				// An epoch, in whole seconds, has something to go back from.
				lab.Eventually(t, lab.Patience, func() error {
					if got := m.do(t, "map", q); got.Grant.Epoch < 4 {
						return fmt.Errorf("the epoch is %d", got.Grant.Epoch)
					}
					return nil
				})
				before := m.status(t).Generation
				h.RestartPCPRouter(t, c.how)
				up := time.Now()
				left := hearsNow(h.WAN, outside, nasPort)
				t.Logf("after the restart the street finds: %v", left)
				if c.how == lab.Crash && left == nil {
					t.Error("the router forwards what it has forgotten: this lab proves nothing")
				}
				lab.Eventually(t, lab.Patience, func() error {
					if s := m.status(t); s.Generation == before {
						return fmt.Errorf("nobody is told: %+v", s)
					}
					return nil
				})
				t.Logf("told within %v of its start", time.Since(up).Round(10*time.Millisecond))
				m.do(t, "map", q)
				if err := hears(h.WAN, outside, nasPort); err != nil {
					t.Errorf("mapped anew: %v", err)
				}
				m.do(t, "unmap", q)
				closed(t, h, outside)
			})
		}
	}
}
