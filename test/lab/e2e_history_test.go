//go:build linux

package lab_test

// What is remembered over a restart, what the log says of the links, and the
// metrics, of a whole home.

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/test/lab"
)

// historyOf fetches what is remembered.
func historyOf(d *lab.Daemon) (*status.History, error) {
	raw, err := d.StatusJSON()
	if err != nil {
		return nil, err
	}
	var s status.Snapshot
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	if s.History == nil {
		return nil, fmt.Errorf("nothing is remembered: %s", raw)
	}
	return s.History, nil
}

// wantHistory wants so many addresses to be remembered, and of the broker so many
// changes, and returns them.
func wantHistory(t *testing.T, d *lab.Daemon, addresses, broker int) (h *status.History) {
	t.Helper()
	lab.Eventually(t, 2*lab.Patience, func() (err error) {
		if h, err = historyOf(d); err != nil {
			return err
		}
		changes := 0
		for _, c := range h.Links {
			if c.ID == "broker" {
				changes++
			}
		}
		if len(h.WAN) != addresses || changes != broker {
			return fmt.Errorf("%d addresses and %d changes of the broker are remembered, want %d and %d", len(h.WAN), changes, addresses, broker)
		}
		return nil
	})
	return h
}

func TestHistoryOutlivesARestart(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, h.works)
	wantHistory(t, d, 1, 1)
	h.SetWANAddress(t, newAddr)
	lab.Eventually(t, 2*lab.Patience, h.WAN.WantA(lab.InternetAddr, h.name, newAddr))
	before := wantHistory(t, d, 2, 1)
	if got := before.WAN[0].Address; got == nil || *got != newAddr {
		t.Errorf("the latest address is %v, want %v", got, newAddr)
	}

	d.Stop(t)
	d.Start(t)
	for _, link := range []string{"wan", "ddns", "forward", "broker", "certificate", "dns"} {
		lab.Eventually(t, lab.Patience, d.WantLink(link, "pass"))
	}
	wantHistory(t, d, 2, 1) // the restart was no change
	h.broker.Kill()
	lab.Eventually(t, 2*lab.Patience, d.WantLink("broker", "fail"))
	after := wantHistory(t, d, 2, 2)
	s, err := d.Status()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range after.Links {
		if c.ID == "broker" {
			// The latest, in the words of the status then.
			if c.Status.String() != "fail" || c.Summary != s.Link("broker").Summary {
				t.Errorf("remembered %+v, and the status says %+v", c, s.Link("broker"))
			}
			break
		}
	}
	chainLogIsOrderly(t, d, s.Link("broker").Summary)
	metricsAreSound(t, d)
}

// chainLogIsOrderly wants the log to say each change of a link once, and the last
// of the broker in these words.
func chainLogIsOrderly(t *testing.T, d *lab.Daemon, summary string) {
	t.Helper()
	last, said := map[string]string{}, 0
	for line := range strings.Lines(d.Log()) {
		var l struct{ Component, Level, Msg, Link, Status, Before string }
		if json.Unmarshal([]byte(line), &l) != nil {
			continue
		}
		if l.Msg == "edgeguard runs" {
			clear(last) // another run
		}
		if l.Component != "chain" {
			continue
		}
		before, known := last[l.Link]
		if !known {
			before = "unknown"
		}
		if bad := l.Status == "warn" || l.Status == "fail"; l.Before != before || l.Status == before || bad != (l.Level == "WARN") {
			t.Errorf("the link was %s, and the log says %s", before, line)
		}
		last[l.Link] = l.Status
		if l.Msg == summary {
			said++
		}
	}
	if said != 1 || last["broker"] != "fail" {
		t.Errorf("the log says %d times %q, and last that the broker is %q", said, summary, last["broker"])
	}
}

// metricsAreSound wants metrics that Prometheus takes, and that say the same as
// the status.
func metricsAreSound(t *testing.T, d *lab.Daemon) {
	t.Helper()
	text, err := d.Get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(string(text))
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool: %v: %s", err, out)
	}
	for _, line := range []string{
		`edgeguard_link_status{link="broker",status="fail"} 1`,
		`edgeguard_link_status{link="broker",status="pass"} 0`,
		`edgeguard_wan_address_info{address="` + newAddr.String() + `",family="ipv4"} 1`,
		`edgeguard_ddns_record_right{name="` + lab.DuckDNSName + `",type="A"} 1`,
		`edgeguard_service_reachable{service="mqtt"} 0`,
		`edgeguard_forward_state{family="ipv4",port="8883",protocol="TCP",service="mqtt",state="active"} 1`,
	} {
		if !strings.Contains(string(text), "\n"+line+"\n") {
			t.Errorf("%s is not in the metrics:\n%s", line, text)
		}
	}
}
