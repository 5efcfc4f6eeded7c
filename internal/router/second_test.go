package router_test

// A second router, and what is taken for one.

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

func TestSecondTargets(t *testing.T) {
	gateway := netip.MustParseAddr("192.168.1.1")
	for wan, want := range map[string][]string{
		"192.168.0.7": {"192.168.0.1", "192.168.0.254"}, "10.1.2.254": {"10.1.2.1"}, "172.16.5.1": {"172.16.5.254"},
		"192.168.1.9": {"192.168.1.254"}, "::ffff:10.1.2.3": {"10.1.2.1", "10.1.2.254"},
		"100.64.3.4": nil, "11.22.33.44": nil, "127.0.0.1": nil, "169.254.1.1": nil, "0.0.0.0": nil, "fd00::1": nil,
	} {
		var got []string
		for _, a := range router.SecondTargets(netip.MustParseAddr(wan), gateway, false) {
			got = append(got, a.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", wan, got, want)
		}
	}
	if got := router.SecondTargets(netip.Addr{}, gateway, false); got != nil {
		t.Errorf("no address: %v", got)
	}
}

// On loopback there is no other network: the second router has the first or
// last address of one of loopback's /24s.
func TestSecondRouter(t *testing.T) {
	for name, c := range map[string]struct {
		odd  func(*igdtest.Behaviour)
		want string // in the description or the error; empty means nothing found
	}{
		"one that answers": {func(*igdtest.Behaviour) {}, "Example Homegate 3000 at 127.7.7.254"},
		"one of the DSL Forum's": {func(b *igdtest.Behaviour) {
			igdtest.HuaweiHG531(b)
			b.AnswersTo = nil
		}, "Huawei HG531 V1 at 127.7.7.254"},
		"none": {func(b *igdtest.Behaviour) { b.Silent = true }, ""},
		"another host's": {func(b *igdtest.Behaviour) {
			b.Location = func(string) string { return "http://127.0.0.1:1/d.xml" }
		}, "refused"},
		"endless": {func(b *igdtest.Behaviour) { b.Description = igdtest.Endless }, "more than 256 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			second := igdtest.StartAt(t, netip.MustParseAddr("127.7.7.254"))
			second.Behave(c.odd)
			r := newRouter(igdtest.Start(t))
			r.SecondPort(second.SSDP()[0].Port(), 300*time.Millisecond)
			description, found, err := r.SecondRouter(t.Context(), netip.MustParseAddr("127.7.7.7"))
			text := description
			if err != nil {
				text = err.Error()
			}
			if found != (description != "") || c.want == "" && text != "" || !strings.Contains(text, c.want) {
				t.Errorf("got %q, %t, %v", description, found, err)
			}
			if len(second.Calls()) != 0 || len(second.EventRequests()) != 0 {
				t.Error("it was called")
			}
		})
	}
}
