//go:build linux

package lab_test

// A hostile device that lends itself the router's address, to drown what the
// router answers to searches or to have it forgotten.

import (
	"strconv"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// A device that answers each search with more than is read of the gateway's
// replies, under the gateway's address, keeps the router's own from being
// heard. It hears searches to the group only, so the router's answers to
// searches that go to it alone must count.
func TestHostileDeviceThatDrownsTheRouter(t *testing.T) {
	for _, c := range []struct {
		name     string
		location func(i int) string
	}{
		{"with locations elsewhere", func(i int) string { return "http://192.168.77.66:" + strconv.Itoa(5000+i) + "/device.xml" }},
		{"with locations at the gateway", func(i int) string { return "http://192.168.77.1:" + strconv.Itoa(5000+i) + "/device.xml" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			p, x, harm := evilHome(t)
			var answers []lab.SSDPAnswer
			for i := range 20 {
				answers = append(answers, lab.SSDPAnswer{From: lab.RouterAddr, Location: c.location(i), BootID: "1"})
			}
			x.Answer(answers...)
			d := p.start(t, "")
			p.forwarded(t, d, lab.BrokerPort)
			harm.none(t)
		})
	}
}

// The same device has the router searched for again by a forged announcement:
// what is known of the router is not forgotten for want of an answer while the
// router answers calls.
func TestHostileDeviceThatHasTheRouterForgotten(t *testing.T) {
	t.Parallel() // it waits more than it works
	p, x, harm := evilHome(t)
	d := p.start(t, "")
	p.forwarded(t, d, lab.BrokerPort)
	var answers []lab.SSDPAnswer
	for i := range 20 {
		answers = append(answers, lab.SSDPAnswer{From: lab.RouterAddr, Location: "http://192.168.77.66:" + strconv.Itoa(5000+i) + "/device.xml", BootID: "1"})
	}
	x.Answer(answers...)
	// Longer than it takes until the entry is read back the next time, or twice.
	for i := range 40 {
		if i%10 == 0 {
			x.Send(t, lab.Alive(lab.RouterAddr, rootDesc, strconv.Itoa(77+i)))
		}
		if err := d.WantForward("active")(); err != nil {
			t.Fatalf("after %d forged announcements: %v", i/10+1, err)
		}
		time.Sleep(2 * time.Second)
	}
	if x.Searches() == 0 {
		t.Error("no search was heard: this proves nothing")
	}
	harm.none(t)
}
