package dnsserver_test

// A host whose real addresses come and go: this test program once more, in a
// network namespace of its own.

import (
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
)

const inNamespace = "EDGEGUARD_TEST_IN_NAMESPACE"

func TestAddressesThatComeLateAreBoundAndThoseThatGoAreClosed(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		again(t)
		return
	}
	ip(t, "link", "set", "lo", "up")
	port := uint16(5353)
	loop, v4, v6 := local(port, 1), netip.MustParseAddrPort("10.77.0.2:5353"), netip.MustParseAddrPort("[fd77::2]:5353")
	h := startWith(t, silent(t), func(c *dnsserver.Config) { c.Listen = []netip.AddrPort{v4, loop, v6} }, func(s *dnsserver.Server) {
		s.SetAddresses(20*time.Millisecond, dnsserver.HostAddresses)
	})
	held := dial(t, loop.String())
	for range 3 {
		talk(t, held)
		if st := h.Status(); !slices.Equal(st.Listen, []netip.AddrPort{loop}) || len(st.Waiting) != 2 || !st.Waiting[0].Absent {
			t.Fatalf("before: bound are %v, waiting %+v", st.Listen, st.Waiting)
		}
		ip(t, "address", "add", "10.77.0.2/24", "dev", "lo") // the DHCP lease
		eventually(t, "binding the IPv4 address", func() bool { return slices.Equal(h.Status().Listen, []netip.AddrPort{v4, loop}) })
		answers(t, v4)
		ip(t, "address", "add", "fd77::2/64", "dev", "lo", "nodad") // the router's advertisement
		eventually(t, "binding the IPv6 address", func() bool { return len(h.Status().Waiting) == 0 })
		answers(t, v6)
		ip(t, "address", "delete", "10.77.0.2/24", "dev", "lo")
		ip(t, "address", "delete", "fd77::2/64", "dev", "lo")
		eventually(t, "closing", func() bool { return len(h.Status().Waiting) == 2 })
	}
	talk(t, held)
}

// again runs the calling test in a new namespace.
func again(t *testing.T) {
	t.Helper()
	lookPath(t, "ip")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		unable(t, "no network namespace can be made here: %v", err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "--- PASS: "+t.Name()) {
		t.Fatalf("in the namespace: %v\n%s", err, out.String())
	}
}

func ip(t *testing.T, arguments ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ip", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("ip %v: %v\n%s", arguments, err, out)
	}
}
