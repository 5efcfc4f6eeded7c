//go:build linux

package lab_test

// Every fault of the table, in a home where all is well before and after.

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// faulty is a home in which one thing after another is broken and mended.
type faulty struct {
	*house
	// t is the test that the home ends with; what is started anew to mend it
	// belongs to that.
	t      *testing.T
	d      *lab.Daemon
	values lab.Values

	claiming *lab.PrivateRouter // of claimingHome
	resolver *lab.Resolver      // of resolvedHome
	moves    int                // how often it has moved
}

// breaking is how a fault comes about: it breaks something of a home that is
// well, and returns what mends it.
type breaking struct {
	// home makes the home; nil means commonHome.
	home func(t *testing.T) *faulty
	// alone is whether the fault needs a home of its own, as it cannot be
	// mended without a trace.
	alone bool
	// group names the faults that share a home, made as the first of them says;
	// empty are the faults of one link that want no home of another kind.
	group string
	// do breaks it.
	do func(t *testing.T, h *faulty) (mend func())
}

// breakings are the ways, by the fault's ID.
var breakings = map[string]breaking{}

// addBreakings is called by the files that know how.
func addBreakings(ways map[string]breaking) bool {
	maps.Copy(breakings, ways)
	return true
}

// commonHome has everything in place, and waits until the whole chain passes.
func commonHome(t *testing.T) *faulty {
	t.Helper()
	h := newHome(t, lab.DuckDNSName)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, 3*lab.Patience, h.works)
	return wellHome(t, h, d)
}

// wellHome waits until the whole chain passes.
func wellHome(t *testing.T, h *house, d *lab.Daemon) *faulty {
	t.Helper()
	f := &faulty{house: h, t: t, d: d, values: lab.Values{
		"broker": fmt.Sprintf("%s:%d", lab.NASAddr, lab.BrokerPort), "nas": lab.NASAddr.String(), "pi": lab.PiAddr.String(),
		"router": lab.RouterAddr.String(), "phone": lab.PhoneAddr.String(), "name": h.name, "wan": lab.WANAddr.String(), "ca": h.CA.Cert.Subject.CommonName,
		"upstream": lab.InternetAddr.String(), "parent": "org", "cloud": lab.CloudflareName, "behind": "192.168.178.2", "shared": "100.64.3.4", "tunnel": "192.0.0.2",
	}}
	maps.Copy(f.values, indoorValues(h))
	f.asked()
	lab.Eventually(t, 3*lab.Patience, f.well)
	return f
}

// asked has the phone ask our DNS server, as phones at home do all the time.
func (f *faulty) asked() {
	f.t.Helper()
	lab.Eventually(f.t, lab.Patience, f.Phone.WantA(lab.NASAddr, f.name, lab.NASAddr))
}

// well wants every link to pass.
func (f *faulty) well() error {
	s, err := f.d.Status()
	if err != nil {
		return err
	}
	for _, l := range s.Chain {
		if l.Status != "pass" {
			return fmt.Errorf("the link %s is %q: %s", l.ID, l.Status, l.Summary)
		}
	}
	return nil
}

// shows wants the fault's link to say the fault's words, and no link to turn
// that need not.
func (f *faulty) shows(fault lab.Fault) error {
	s, err := f.d.Status()
	if err != nil {
		return err
	}
	var wrong []error
	for _, l := range s.Chain {
		switch {
		case l.ID == fault.Link:
			if l.Status != fault.Verdict {
				wrong = append(wrong, fmt.Errorf("the link %s is %q (%s), want %q", l.ID, l.Status, l.Summary, fault.Verdict))
				continue
			}
			wrong = append(wrong, f.values.Match(fault.Summary, l.Summary), f.values.Match(fault.Action, l.Action))
		case l.Status == "pass" || slices.Contains(fault.Also, l.ID+" "+l.Status) || slices.Contains(fault.Also, l.ID+" *"):
		default:
			wrong = append(wrong, fmt.Errorf("the link %s is %q too: %s", l.ID, l.Status, l.Summary))
		}
	}
	return errors.Join(wrong...)
}

func TestFaults(t *testing.T) {
	t.Parallel() // it waits more than it works
	var order []string
	groups := map[string][]lab.Fault{}
	for _, fault := range lab.AllFaults() {
		way, known := breakings[fault.ID]
		if !known {
			t.Errorf("nobody knows how to break %s", fault.ID)
			continue
		}
		group := cmp.Or(way.group, fault.Link)
		if way.group == "" && (way.alone || way.home != nil) {
			group = fault.ID
		}
		if groups[group] == nil {
			order = append(order, group)
		}
		groups[group] = append(groups[group], fault)
	}
	for _, group := range order {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			home := breakings[groups[group][0].ID].home
			if home == nil {
				home = commonHome
			}
			f := home(t)
			for _, fault := range groups[group] {
				if !t.Run(fault.ID, func(t *testing.T) { breakAndMend(t, f, fault, breakings[fault.ID]) }) {
					return // the home may be broken still
				}
			}
		})
	}
}

// breakAndMend holds the chain to its words while the home is broken, and to
// turning back.
func breakAndMend(t *testing.T, f *faulty, fault lab.Fault, way breaking) {
	t.Helper()
	lab.Eventually(t, lab.Patience, func() error { return f.toldWell(fault.Link) })
	before := len(f.d.Log())
	mend := way.do(t, f)
	lab.Eventually(t, 3*lab.Patience, func() error { return f.shows(fault) })
	if s, err := f.d.Status(); err == nil {
		for _, l := range s.Chain {
			t.Logf("%s %s: %s | %s", l.ID, l.Status, l.Summary, l.Action)
		}
	}
	lab.Eventually(t, lab.Patience, func() error { return f.told(before, fault.Link, fault.Verdict) })
	mend()
	lab.Eventually(t, 3*lab.Patience, f.well)
	lab.Eventually(t, lab.Patience, func() error { return f.told(before, fault.Link, fault.Verdict, "pass") })
}

// turns are the verdicts that the log tells of a link from an offset on.
func (f *faulty) turns(from int, link string) (verdicts []string) {
	for line := range strings.Lines(f.d.Log()[from:]) {
		var l struct{ Component, Link, Status string }
		if json.Unmarshal([]byte(line), &l) == nil && l.Component == "chain" && l.Link == link {
			verdicts = append(verdicts, l.Status)
		}
	}
	return verdicts
}

// told wants the log to tell, from an offset on, that the link turned to these
// verdicts, one after the other, whatever came between.
func (f *faulty) told(from int, link string, verdicts ...string) error {
	// Unknown is what every link is at a start, and no turn then.
	turns, want := f.turns(from, link), slices.DeleteFunc(slices.Clone(verdicts), func(v string) bool { return v == "unknown" })
	for _, turn := range turns {
		if len(want) > 0 && turn == want[0] {
			want = want[1:]
		}
	}
	if len(want) > 0 {
		return fmt.Errorf("the log tells that the link %s turned to %v, want %v among them", link, turns, verdicts)
	}
	return nil
}

// toldWell wants the last that the log tells of the link to be that it passes:
// it is a moment behind the status.
func (f *faulty) toldWell(link string) error {
	if turns := f.turns(0, link); len(turns) == 0 || turns[len(turns)-1] != "pass" {
		return fmt.Errorf("the log tells that the link %s turned to %v, want pass at the end", link, turns)
	}
	return nil
}

func TestEveryFaultIsInTheTableOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, fault := range lab.AllFaults() {
		if seen[fault.ID] {
			t.Errorf("%s stands twice in the table", fault.ID)
		}
		seen[fault.ID] = true
	}
	for id := range breakings {
		if !seen[id] {
			t.Errorf("%s can be broken and is not in the table", id)
		}
	}
	if len(seen) < 25 {
		t.Errorf("the table has %d faults; at least 25 distinct ones are promised", len(seen))
	}
}
