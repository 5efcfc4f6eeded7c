//go:build linux

package lab_test

// The primary by itself: nsupdate, BIND's own client, speaks to it.

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
	"github.com/miekg/dns"
)

// nsupdate sends one update of the home's name from the NAS.
func nsupdate(t *testing.T, h *lab.Home, secret, name string, addr netip.Addr) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "update")
	text := fmt.Sprintf("server %s\nzone %s\nkey hmac-sha256:%s %s\nupdate delete %s A\nupdate add %s 60 A %s\nsend\n",
		lab.PrimaryAddr, lab.PrimaryZone, lab.PrimaryKey, secret, name, name, addr)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := h.NAS.Try(lab.Patience, "nsupdate", "-t", "60", file)
	return err
}

func TestPrimaryTakesSignedUpdatesOfOneName(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartPublicDNS(t)
	p := h.StartPrimary(t)
	if err := nsupdate(t, h, p.Secret, lab.PrimaryName, lab.WANAddr); err != nil {
		t.Error(err)
	}
	if err := p.Want(lab.PrimaryName, dns.TypeA, lab.WANAddr)(); err != nil {
		t.Error(err)
	}
	if err := h.WAN.WantA(lab.InternetAddr, lab.PrimaryName, lab.WANAddr)(); err != nil {
		t.Errorf("the world is not led to the primary: %v", err)
	}
	if err := nsupdate(t, h, p.Secret, "other."+lab.PrimaryZone, lab.WANAddr); err == nil {
		t.Error("the home's key may change another name")
	}
	if err := nsupdate(t, h, p.Secret, lab.PrimaryName, lab.WANAddr); err != nil {
		t.Error(err)
	}
	if got := p.Updates(); got != 3 {
		t.Errorf("%d updates counted, want one done, one refused and one that changed nothing", got)
	}
	if err := nsupdate(t, h, "d3Jvbmc=", lab.PrimaryName, newAddr); err == nil {
		t.Error("a wrong key may change the name")
	}
	if got := p.Forged(); got == 0 {
		t.Error("the forged update was not counted")
	}

	p.Edit(t, lab.PrimaryName, dns.TypeA, newAddr)
	v6 := netip.MustParseAddr("2a0e:77::5")
	p.Edit(t, lab.PrimaryName, dns.TypeAAAA, v6)
	if err := p.Want(lab.PrimaryName, dns.TypeA, newAddr)(); err != nil {
		t.Error(err)
	}
	p.Edit(t, lab.PrimaryName, dns.TypeA)
	if err := p.Want(lab.PrimaryName, dns.TypeA)(); err != nil {
		t.Error(err)
	}
	p.Break(t)
	if err := nsupdate(t, h, p.Secret, lab.PrimaryName, lab.WANAddr); err == nil {
		t.Error("the broken primary takes updates")
	}
	p.Mend(t)
	if err := p.Want(lab.PrimaryName, dns.TypeAAAA, v6)(); err != nil {
		t.Errorf("after Break and Mend: %v", err)
	}
}
