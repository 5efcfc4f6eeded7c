//go:build linux

package lab_test

// edgeguard at a provider that speaks dyndns2: once for each change, and never
// again after an answer that means stop.

import (
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// newDynDNSHome is newHome for the name at the dyndns2 provider.
func newDynDNSHome(t *testing.T) (*house, *lab.DynDNS) {
	t.Helper()
	h := newHome(t, lab.DynDNSName)
	return h, h.StartDynDNS(t)
}

func TestDyndns2ColdStartAndChange(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, p := newDynDNSHome(t)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{DDNS: lab.DynDNSSection(t, lab.DynDNSName, lab.DynDNSPassword)})
	lab.Eventually(t, lab.Patience, h.works)
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
	h.SetWANAddress(t, newAddr)
	lab.Eventually(t, 2*lab.Patience, h.WAN.WantA(lab.InternetAddr, h.name, newAddr))
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
	d.Stop(t)
	d.Start(t)
	lab.Eventually(t, lab.Patience, d.WantLink("ddns", "pass"))
	calls := p.Calls("")
	for _, c := range calls {
		if c.Answer != "good "+lab.WANAddr.String() && c.Answer != "good "+newAddr.String() {
			t.Errorf("a call that changed nothing: %+v", c)
		}
	}
	if len(calls) != 2 {
		t.Errorf("%d calls for two changes", len(calls))
	}
	noToken(t, h, d, lab.DynDNSPassword)
}

func TestDyndns2StopsWhereItIsTold(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, code := range []string{"badauth", "abuse", "nohost", "badagent", "good 127.0.0.1"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			h, p := newDynDNSHome(t)
			p.Answer(code)
			d := h.StartEdgeguard(t, lab.EdgeguardOptions{DDNS: lab.DynDNSSection(t, lab.DynDNSName, lab.DynDNSPassword)})
			lab.Eventually(t, lab.Patience, wantPhase(d, "A", "stopped"))
			if err := d.WantLink("ddns", "fail")(); err != nil {
				t.Error(err)
			}
			// Neither a change nor a restart makes it call again.
			h.SetWANAddress(t, newAddr)
			lab.Eventually(t, 2*lab.Patience, saysOne(d, "wan", newAddr.String()))
			d.Stop(t)
			d.Start(t)
			lab.Eventually(t, lab.Patience, d.WantLink("wan", "pass"))
			lab.Eventually(t, lab.Patience, wantPhase(d, "A", "stopped"))
			if calls := p.Calls(""); len(calls) != 1 {
				t.Errorf("the provider said %s and was called %d times: %v", code, len(calls), calls)
			}
		})
	}
}
