//go:build linux

package lab_test

// What people and routers tell edgeguard, and it them: the push of a router
// that has no UPnP, the notification of a change.

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// What switches the push on, and what a router must give for it.
const (
	pushPassword = "Lab-passw0rd-of-the-router"
	pushSection  = "\n[push]\nuser = \"router\"\npassword = \"" + pushPassword + "\"\n"
)

// push is what a Fritz!Box sends from the router, and the answer.
func (h *house) push(password, addr string) (string, error) {
	url := fmt.Sprintf("http://%s:%d/nic/update?hostname=%s&myip=%s", lab.NASAddr, lab.StatusPort, h.name, addr)
	basic := base64.StdEncoding.EncodeToString([]byte("router:" + password))
	return fetch(h.Router, nil, "GET", url, "", "Authorization", "Basic "+basic)
}

// A home in which nothing but the push can tell of a change before the next
// look in hours: the router has no UPnP, and what else it says is kept away.
func TestPushOfTheRouterWakesTheWatcher(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	const second = "echo.example.com" // of another company than the first
	h := &house{Home: lab.New(t, lab.Options{}), name: lab.DuckDNSName}
	h.inet = &lab.Internet{DNS: h.StartPublicDNS(t)}
	h.inet.Providers, h.inet.Echo = h.StartProviders(t), h.StartEcho(t, second)
	h.NAS.BlockRouterEvents(t)
	text := h.EdgeguardConfig(t, lab.EdgeguardOptions{Provider: "duckdns"})
	text = replaceLine(t, text, "sources = ", fmt.Sprintf("sources = [%q, %q]", lab.EchoURL, "https://"+second+"/"))
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: text + pushSection + "\n[portmap]\nenabled = false\n"})
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
	asked := h.inet.Echo.Served()

	h.SetWANAddress(t, newAddr)
	if answer, err := h.push("not the password", newAddr.String()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a wrong password: %q, %v", answer, err)
	}
	if strings.Contains(d.Log(), `"kind":"push"`) || h.inet.Echo.Served() != asked {
		t.Error("a push with a wrong password woke the watcher")
	}
	// An address that is not so is a hint like any other.
	answer, err := h.push(pushPassword, "11.22.33.99")
	if err != nil || strings.TrimSpace(answer) != "good 11.22.33.99" {
		t.Errorf("the push was answered with %q, %v", answer, err)
	}
	lab.Eventually(t, lab.Patience, h.WAN.WantA(lab.InternetAddr, h.name, newAddr))
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
	if got := len(h.inet.DuckDNS.Requests()); got != 2 {
		t.Errorf("%d writes, want one at first and one for the change", got)
	}
	if answer, err := h.push(pushPassword, newAddr.String()); err != nil || strings.TrimSpace(answer) != "nochg "+newAddr.String() {
		t.Errorf("a push of what is known was answered with %q, %v", answer, err)
	}
	log := d.Log()
	if got := strings.Count(log, `"kind":"push"`); got != 1 {
		t.Errorf("%d pushes were hints, want the one that had news", got)
	}
	for _, kind := range []string{"gena", "natpmp", "pcp", "ssdp"} {
		if strings.Contains(log, `"hint of a change","component":"wan","family":"IPv4","kind":"`+kind+`"`) {
			t.Errorf("the router was heard by %s: this test proves nothing", kind)
		}
	}
	noToken(t, h, d, pushPassword)
}

func TestChangeIsToldByWebhook(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	hooks := h.StartHooks(t)
	text := h.EdgeguardConfig(t, lab.EdgeguardOptions{Provider: "duckdns"})
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: text + fmt.Sprintf("\n[[notify]]\nurl = %q\non = [\"change\"]\n", lab.HooksURL)})
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
	h.SetWANAddress(t, newAddr)
	lab.Eventually(t, 2*lab.Patience, func() error {
		if len(hooks.Told()) == 0 {
			return fmt.Errorf("nobody was told")
		}
		return nil
	})
	// The start was no change, and of the change all is right by now.
	told := hooks.Told()
	if len(told) != 1 || told[0].Event != "change" || len(told[0].Facts) != 1 || len(told[0].Records) != 1 {
		t.Fatalf("told: %+v", told)
	}
	one, fact, record := told[0], told[0].Facts[0], told[0].Records[0]
	if fact.Old != lab.WANAddr.String() || fact.New != newAddr.String() || one.IPv4 == nil || *one.IPv4 != newAddr.String() {
		t.Errorf("the change that was told: %+v", one)
	}
	if record.Name != h.name || record.Address != newAddr.String() || !record.Verified {
		t.Errorf("the record that was told: %+v", record)
	}
	if !strings.Contains(one.Title, newAddr.String()) || !strings.Contains(one.Message, lab.WANAddr.String()) {
		t.Errorf("the words: %q, %q", one.Title, one.Message)
	}
	_, token, _ := strings.Cut(lab.HooksURL, "token=")
	noToken(t, h, d, token)
}
