//go:build linux

package lab_test

// The dyndns2 provider by the letter, and with the clients that people run.

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
	"github.com/miekg/dns"
)

// dynDNSHome is a home with an internet that has the provider in it.
func dynDNSHome(t *testing.T, names ...string) (*lab.Home, *lab.DynDNS, *lab.Echo) {
	t.Helper()
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartPublicDNS(t)
	return h, h.StartDynDNS(t, names...), h.StartEcho(t)
}

func TestDynDNSAnswersByTheLetter(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, d, _ := dynDNSHome(t, "two.example.com")
	auth := "Basic " + base64.StdEncoding.EncodeToString([]byte(lab.DynDNSUser+":"+lab.DynDNSPassword))
	call := func(query string, headers ...string) string {
		t.Helper()
		if len(headers) == 0 {
			headers = []string{"Authorization", auth, "User-Agent", "Lab - Test - 1.0"}
		}
		text, err := fetch(h.NAS, h.CA, "GET", lab.DynDNSURL+"?"+query, "", headers...)
		if err != nil {
			return err.Error()
		}
		return text
	}
	const v4, v6 = "11.22.33.44", "2a0e:77::5"
	for _, c := range []struct{ query, want string }{
		{"hostname=home.example.com&myip=" + v4, "good " + v4 + "\n"},
		{"hostname=home.example.com&myip=" + v4, "nochg " + v4 + "\n"},
		{"hostname=home.example.com&myip=" + v4 + "," + v6, "good " + v4 + "," + v6 + "\n"},
		{"hostname=home.example.com&myip=" + v6, "nochg " + v6 + "\n"},
		{"hostname=two.example.com,home.example.com,no.example.com,short&myip=" + v4, "good " + v4 + "\nnochg " + v4 + "\nnohost\nnotfqdn\n"},
		{"hostname=two.example.com", "nochg " + v4 + "\n"},
		{"hostname=two.example.com&myip=garbage", "nochg " + v4 + "\n"},
		{"hostname=" + strings.Repeat("a.example.com,", 20) + "b.example.com", "numhost\n"},
		{"", "notfqdn\n"},
	} {
		if got := call(c.query); got != c.want {
			t.Errorf("%s: %q, want %q", c.query, got, c.want)
		}
	}
	if got := call("hostname=two.example.com", "Authorization", auth, "User-Agent", ""); got != "badagent\n" {
		t.Errorf("without a User-Agent: %q", got)
	}
	if got := call("hostname=two.example.com", "User-Agent", "Lab", "Authorization", "Basic d3Jvbmc6d3Jvbmc="); got != "401 Unauthorized: badauth\n" {
		t.Errorf("with a wrong password: %q", got)
	}
	if err := h.WAN.WantA(lab.InternetAddr, lab.DynDNSName, lab.WANAddr)(); err != nil {
		t.Error(err)
	}
	if answer, err := h.WAN.Ask(lab.InternetAddr, lab.DynDNSName, dns.TypeAAAA); err != nil || len(answer.Answer) != 1 {
		t.Errorf("the AAAA record is not in the public DNS: %v, %v", answer, err)
	}
	// Who goes on saying what is known already is blocked.
	for range 5 {
		call("hostname=two.example.com&myip=" + v4)
	}
	if got := call("hostname=two.example.com&myip=11.22.33.45"); got != "abuse\n" {
		t.Errorf("after useless calls: %q", got)
	}
	d.Unblock("two.example.com")
	d.Answer("911")
	if got := call("hostname=two.example.com&myip=11.22.33.45"); got != "911\n" {
		t.Errorf("told to say 911: %q", got)
	}
	d.Answer("")
	if got := call("hostname=two.example.com&myip=11.22.33.45"); got != "good 11.22.33.45\n" {
		t.Errorf("working again: %q", got)
	}
}

// The clients from Debian's packages bring the address to the provider: what
// edgeguard is measured against in bench/change does work.
func TestDebiansClientsKeepARecord(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, client := range []struct {
		name  string
		start func(*lab.Home, testing.TB, *lab.Host, string, string) *lab.Process
	}{{"inadyn", (*lab.Home).StartInadyn}, {"ddclient", (*lab.Home).StartDdclient}} {
		t.Run(client.name, func(t *testing.T) {
			h, d, echo := dynDNSHome(t)
			host := h.AddHost(t, "peer", netip.MustParseAddr("192.168.77.30"))
			client.start(h, t, host, lab.DynDNSName, lab.EchoName)
			lab.Eventually(t, lab.Patience, func() error {
				if got := d.Addr(lab.DynDNSName); got != lab.WANAddr {
					return fmt.Errorf("the provider has %v; it was called %v", got, d.Calls(""))
				}
				if echo.ServedAs(lab.EchoName) == 0 {
					return errors.New("the echo service was not asked")
				}
				return nil
			})
			if calls := d.Calls(lab.DynDNSName); !strings.Contains(strings.ToLower(calls[0].Agent), client.name) {
				t.Errorf("the call came from %q", calls[0].Agent)
			}
		})
	}
}
