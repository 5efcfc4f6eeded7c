//go:build linux

package lab_test

// The daemon in the lab: started, asked, stopped, crashed, started again.
// Whether it does its work is for the scenario tests to say.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

func TestDaemonRunsInTheLab(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := withRouter(t)
	h.StartInternet(t)
	h.StartBroker(t, h.NAS, h.CA.Issue(t, lab.DuckDNSName))
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	answers := func() error {
		s, err := d.Status()
		if err == nil && s.Link("dns").ID == "" {
			err = fmt.Errorf("the status has no link dns: %s", s.Raw)
		}
		return err
	}
	lab.Eventually(t, lab.Patience, answers)
	if code := d.Stop(t); code != 0 {
		t.Errorf("stopped by SIGTERM, the daemon's exit code is %d", code)
	}
	d.Start(t)
	lab.Eventually(t, lab.Patience, answers)
	d.Kill()
	if _, err := d.Status(); err == nil {
		t.Error("a killed daemon still tells its status")
	}
	if n := strings.Count(d.Log(), "edgeguard runs"); n != 2 {
		t.Errorf("the log tells of %d starts, not 2:\n%s", n, d.Log())
	}
}

func TestCommandsRunInTheLab(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	if code, out := h.Edgeguard(t, h.NAS, "version"); code != 0 || out == "" {
		t.Errorf("version: exit code %d, %q", code, out)
	}
	if code, out := h.Edgeguard(t, h.NAS, "no-such-command"); code != 2 {
		t.Errorf("an unknown command: exit code %d, %q", code, out)
	}
}
