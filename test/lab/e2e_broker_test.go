//go:build linux

package lab_test

// What is seen of a real broker: users, MQTT 5.0, keys, and a renewal that was
// done by half.

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// seenService is what the status says of the one service.
type seenService struct {
	TLS *struct {
		Version    string  `json:"version"`
		OldDevices *bool   `json:"old_devices"`
		Why        *string `json:"old_devices_why"`
	} `json:"tls"`
	MQTT        *string `json:"mqtt"`
	MQTT5       *string `json:"mqtt5"`
	Certificate *struct {
		Key     *string `json:"key"`
		Tasmota *string `json:"tasmota_fingerprint"`
		File    *struct {
			Served *bool `json:"served"`
		} `json:"file"`
	} `json:"certificate"`
}

// lookedAfter is a broker with a user, and a daemon that knows it.
func lookedAfter(t *testing.T, cert func(h *lab.Home) *lab.Certificate, password string) (*lab.Home, *lab.Broker, *lab.Daemon) {
	t.Helper()
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartRouter(t)
	h.StartInternet(t)
	broker := h.StartBrokerWithUser(t, h.NAS, cert(h), "edgeguard", "the right one")
	text := h.EdgeguardConfig(t, lab.EdgeguardOptions{Names: []string{lab.DuckDNSName}})
	keys := fmt.Sprintf("name    = \"mqtt\"\nusername = \"edgeguard\"\npassword = %q\ncertificate_file = %q\n", password, broker.CertificateFile())
	return h, broker, h.StartEdgeguard(t, lab.EdgeguardOptions{Config: strings.Replace(text, "name    = \"mqtt\"\n", keys, 1)})
}

// serviceTells wants a link to be so and to say so, and the service to be so.
func serviceTells(d *lab.Daemon, link, status, text string, so func(seenService) bool) func() error {
	return func() error {
		s, err := d.Status()
		if err != nil {
			return err
		}
		var told struct {
			Services []seenService `json:"services"`
		}
		if err := json.Unmarshal(s.Raw, &told); err != nil {
			return err
		}
		l := s.Link(link)
		if l.Status != status || !strings.Contains(l.Summary, text) || len(told.Services) != 1 || !so(told.Services[0]) {
			return fmt.Errorf("%s is %s: %s; services are %s", link, l.Status, l.Summary, s.Raw)
		}
		return nil
	}
}

func is(text *string, want string) bool { return text != nil && *text == want }

func TestBrokerTakesTheUser(t *testing.T) {
	t.Parallel() // it waits more than it works
	_, broker, d := lookedAfter(t, func(h *lab.Home) *lab.Certificate { return h.CA.Issue(t, lab.DuckDNSName) }, "the right one")
	lab.Eventually(t, lab.Patience, serviceTells(d, "broker", "pass", "takes the user name and password", func(s seenService) bool {
		return is(s.MQTT, "accepted") && is(s.MQTT5, "accepted") && s.TLS != nil && s.TLS.OldDevices != nil && *s.TLS.OldDevices &&
			is(s.Certificate.Key, "RSA 2048") && s.Certificate.Tasmota != nil && *s.Certificate.File.Served
	}))
	if !strings.Contains(broker.Log(), "u'edgeguard'") {
		t.Errorf("the broker's log does not know the user:\n%s", broker.Log())
	}
	d.Stop(t)
	if strings.Contains(d.Log(), "the right one") {
		t.Error("the password stands in the log")
	}
}

func TestBrokerRefusesTheUser(t *testing.T) {
	t.Parallel() // it waits more than it works
	_, _, d := lookedAfter(t, func(h *lab.Home) *lab.Certificate { return h.CA.Issue(t, lab.DuckDNSName) }, "a wrong one")
	lab.Eventually(t, lab.Patience, serviceTells(d, "broker", "warn", "refuses the user name and password of the config", func(s seenService) bool {
		return is(s.MQTT, "not authorised") && s.MQTT5 == nil
	}))
}

func TestBrokerThatIsNotTrustedGetsNoPassword(t *testing.T) {
	t.Parallel() // it waits more than it works
	_, broker, d := lookedAfter(t, func(h *lab.Home) *lab.Certificate { return h.Stranger.Issue(t, lab.DuckDNSName) }, "the right one")
	lab.Eventually(t, lab.Patience, serviceTells(d, "broker", "pass", "was not sent", func(s seenService) bool {
		return is(s.MQTT, "not authorised")
	}))
	if strings.Contains(broker.Log(), "u'edgeguard'") {
		t.Errorf("the user was named to a stranger:\n%s", broker.Log())
	}
}

func TestRenewedButNotServed(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, broker, d := lookedAfter(t, func(h *lab.Home) *lab.Certificate {
		return h.CA.IssueUntil(t, time.Now().AddDate(0, 0, 60), lab.DuckDNSName)
	}, "the right one")
	lab.Eventually(t, lab.Patience, serviceTells(d, "certificate", "pass", "is trusted", func(s seenService) bool { return *s.Certificate.File.Served }))
	renewed := h.CA.Issue(t, lab.DuckDNSName)
	broker.Renew(t, renewed)
	lab.Eventually(t, lab.Patience, serviceTells(d, "certificate", "warn", "was renewed, but the service does not serve it", func(s seenService) bool { return !*s.Certificate.File.Served }))
	broker.Reload(t, renewed)
	lab.Eventually(t, lab.Patience, serviceTells(d, "certificate", "pass", "is trusted", func(s seenService) bool { return *s.Certificate.File.Served }))
}

func TestECKeyIsNotForOldDevices(t *testing.T) {
	t.Parallel() // it waits more than it works
	_, _, d := lookedAfter(t, func(h *lab.Home) *lab.Certificate { return h.CA.IssueEC(t, lab.DuckDNSName) }, "the right one")
	lab.Eventually(t, lab.Patience, serviceTells(d, "broker", "pass", "takes the user name and password", func(s seenService) bool {
		return s.TLS != nil && s.TLS.OldDevices != nil && !*s.TLS.OldDevices && strings.Contains(*s.TLS.Why, "ECDSA P-256") && s.Certificate.Tasmota == nil
	}))
}
