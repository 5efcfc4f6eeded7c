package lan_test

// Who is connected, by the kernel's tables.

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/lan"
)

func TestCallsOfARealKernel(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("no listener on %s: %v", address, err)
			continue
		}
		defer l.Close()
		here := l.Addr().(*net.TCPAddr).AddrPort()
		target := here.String()
		if here.Addr().IsUnspecified() {
			target = fmt.Sprintf("127.0.0.1:%d", here.Port())
		}
		if calls, err := lan.Calls([]uint16{here.Port()}); err != nil || len(calls) != 0 {
			t.Errorf("%s: before any call there are %v, %v", address, calls, err)
		}
		conn, err := net.Dial("tcp", target)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		in, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		want := lan.Call{Local: netip.MustParseAddrPort(target), Remote: conn.LocalAddr().(*net.TCPAddr).AddrPort()}
		if calls, err := lan.Calls([]uint16{1, here.Port()}); err != nil || !slices.Equal(calls, []lan.Call{want}) {
			t.Errorf("%s: calls are %v, %v, want %v", address, calls, err, want)
		}
	}
	if calls, err := lan.Calls(nil); err != nil || calls != nil {
		t.Errorf("to no port there are %v, %v", calls, err)
	}
}

func TestInterfaceOf(t *testing.T) {
	link, own, err := lan.InterfaceOf(netip.MustParseAddr("127.0.0.1"))
	if err != nil || link.Flags&net.FlagLoopback == 0 || !slices.Contains(own, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("loopback is on %+v with %v, %v", link, own, err)
	}
	if link, _, err := lan.InterfaceOf(netip.MustParseAddr("192.0.2.1")); err == nil {
		t.Errorf("192.0.2.1, which no host has, is on %+v", link)
	}
}

const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0A01A8C0:22B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0A01A8C0:22B3 0101A8C0:9C41 01 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 0A01A8C0:22B3 0101A8C0:9C42 06 00000000:00000000 00:00000000 00000000     0        0 3 1
   3: 0A01A8C0:0016 0101A8C0:9C43 01 00000000:00000000 00:00000000 00000000     0        0 4 1
`

func FuzzCalls(f *testing.F) {
	f.Add(tcpTable)
	f.Add("0: : 01 01\n1: 1:1 1:1 01\n")
	f.Fuzz(func(t *testing.T, table string) {
		for _, c := range lan.CallsIn(strings.NewReader(table), 8883) {
			if c.Local.Port() != 8883 || !c.Local.IsValid() || !c.Remote.IsValid() {
				t.Errorf("a call is %+v", c)
			}
		}
		if table == tcpTable {
			want := "[{192.168.1.10:8883 192.168.1.1:40001}]"
			if got := fmt.Sprint(lan.CallsIn(strings.NewReader(table), 8883)); got != want {
				t.Errorf("calls are %s, want %s", got, want)
			}
		}
	})
}
