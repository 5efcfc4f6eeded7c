package lan_test

// The words for a port that can not be bound.

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/edgeguard/edgeguard/internal/lan"
)

func wantWords(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%q does not say %q", got, w)
		}
	}
	if strings.ContainsAny(got, "\n\x1b") {
		t.Errorf("%q is more than a line", got)
	}
}

func TestAdviseBindNamesTheHolderOfARealPort(t *testing.T) {
	first, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	addr := first.LocalAddr().(*net.UDPAddr).AddrPort()
	second, err := net.ListenPacket("udp", addr.String())
	if err == nil {
		second.Close()
		t.Fatal("a port was bound twice")
	}
	got := lan.AdviseBind(fmt.Errorf("listening: %w", err), "udp", addr)
	wantWords(t, got, "UDP port", addr.Addr().String(), "already listens")
	if runtime.GOOS == "linux" {
		wantWords(t, got, fmt.Sprintf("(pid %d)", os.Getpid()))
	}
	if strings.Contains(got, "Synology") {
		t.Errorf("advice for port 53 on another port: %q", got)
	}
}

func TestAdviseBindForAnAddressThatIsNotOurs(t *testing.T) {
	addr := netip.MustParseAddrPort("192.0.2.1:5353") // TEST-NET-1: no host has it
	conn, err := net.ListenPacket("udp", addr.String())
	if err == nil {
		conn.Close()
		t.Skip("this host binds addresses that it does not have (ip_nonlocal_bind)")
	}
	wantWords(t, lan.AdviseBind(err, "udp", addr), "192.0.2.1", "does not have that address, or not yet")
}

func TestAdviseBindWithoutPermission(t *testing.T) {
	low := netip.MustParseAddrPort("192.168.1.10:53")
	for _, errno := range []error{syscall.EACCES, syscall.EPERM} {
		wantWords(t, lan.AdviseBind(fmt.Errorf("x: %w", errno), "udp", low), "below 1024", "root", "NET_BIND_SERVICE")
	}
	high := netip.MustParseAddrPort("192.168.1.10:8053")
	if got := lan.AdviseBind(syscall.EACCES, "tcp", high); strings.Contains(got, "below 1024") {
		t.Errorf("port 8053: %q", got)
	}
}

func TestAdviseBindForAnythingElse(t *testing.T) {
	if got := lan.AdviseBind(nil, "udp", netip.AddrPort{}); got != "" {
		t.Errorf("no error is %q", got)
	}
	wantWords(t, lan.AdviseBind(errors.New("odd\n\x1b[31m"), "tcp", netip.MustParseAddrPort("127.0.0.1:53")), "TCP port 53", "odd")
}

func TestAdviceOnPortFiftyThree(t *testing.T) {
	lanAddr, every := netip.MustParseAddrPort("192.168.1.10:53"), netip.MustParseAddrPort("0.0.0.0:53")
	holder := func(name, addr string) lan.Holder {
		return lan.Holder{Addr: netip.MustParseAddrPort(addr), PID: 1234, Name: name}
	}
	const rebind = "own LAN address"
	for name, c := range map[string]struct {
		addr   netip.AddrPort
		holder lan.Holder
		found  bool
		want   []string
		not    string
	}{
		"nobody visible":   {every, lan.Holder{}, false, []string{"Synology", "Package Center", "QNAP", "Container Station", "DNSStubListener=no", rebind}, "pid"},
		"no pid":           {lanAddr, lan.Holder{Addr: every}, true, []string{"can not be seen", "0.0.0.0:53", "Synology", "QNAP"}, rebind},
		"dnsmasq":          {lanAddr, holder("dnsmasq", "192.168.1.10:53"), true, []string{"dnsmasq (pid 1234)", "DHCP Server", "Container Station"}, "systemd"},
		"Synology's BIND":  {lanAddr, holder("named", "192.168.1.10:53"), true, []string{"named (pid 1234)", "DNS Server", "Package Center"}, "QNAP"},
		"systemd-resolved": {every, holder("systemd-resolve", "127.0.0.53:53"), true, []string{"127.0.0.53", "DNSStubListener=no", rebind}, "Synology"},
		"QNAP's Samba":     {every, holder("samba: task[dns", "0.0.0.0:53"), true, []string{"domain controller"}, rebind},
		"a stranger":       {lanAddr, holder("unbound", "192.168.1.10:53"), true, []string{"unbound (pid 1234)", "Stop that program"}, "Synology"},
	} {
		t.Run(name, func(t *testing.T) {
			got := lan.AdviseInUse("UDP port 53 on "+c.addr.Addr().String(), c.addr, c.holder, c.found)
			wantWords(t, got, c.want...)
			if strings.Contains(got, c.not) {
				t.Errorf("%q says %q", got, c.not)
			}
		})
	}
}

func TestHolderString(t *testing.T) {
	for want, h := range map[string]lan.Holder{
		"dnsmasq (pid 1234)": {PID: 1234, Name: "dnsmasq"},
		"pid 1234":           {PID: 1234},
	} {
		if h.String() != want {
			t.Errorf("%q, want %q", h, want)
		}
	}
}
