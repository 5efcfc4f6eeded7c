package lan_test

// The table of routes, as kernels write it and as they do not. The hex words
// are little-endian, so these tables are those of such a machine.

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/lan"
)

const routeHead = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

func TestGatewayIn(t *testing.T) {
	for name, c := range map[string]struct{ table, want string }{
		"one": {"eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
			"eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", "192.168.1.1"},
		"lowest metric": {"wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n" +
			"eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n", "192.168.1.1"},
		"metric over 2^31 is high, not negative": {"a\t00000000\t0102A8C0\t0003\t0\t0\t-1\t00000000\t0\t0\t0\n" +
			"b\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n", "192.168.1.1"},
		"only a metric over 2^31":            {"a\t00000000\t0102A8C0\t0003\t0\t0\t-1\t00000000\t0\t0\t0\n", "192.168.2.1"},
		"half of the internet is no default": {"tun0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n", ""},
		"down":                               {"eth0\t00000000\t0101A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n", ""},
		"point to point, without a gateway":  {"ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n", ""},
		"a gateway of zero":                  {"eth0\t00000000\t00000000\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", ""},
		"garbage": {"\x00\xff\n\neth0\t00000000\tZZZZZZZZ\t0003\t0\t0\t0\t00000000\n" +
			"eth0\t00000000\t0101\t0003\t0\t0\t0\t00000000\n" +
			"eth0\t00000000\t0101A8C0\tflags\t0\t0\t0\t00000000\n" +
			"eth0\t00000000\t0101A8C0\t0003\t0\t0\t99999999999999999999\t00000000\n" +
			"eth0\t00000000\t0101A8C0\n", ""},
		"nothing": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := lan.GatewayIn(strings.NewReader(routeHead + c.table))
			if c.want == "" {
				if !errors.Is(err, lan.ErrNoGateway) {
					t.Errorf("got %v, %v, want ErrNoGateway", got, err)
				}
				return
			}
			if err != nil || got != netip.MustParseAddr(c.want) {
				t.Errorf("got %v, %v, want %s", got, err, c.want)
			}
		})
	}
}

func TestGatewayInRefusesAnEndlessLine(t *testing.T) {
	if got, err := lan.GatewayIn(strings.NewReader(strings.Repeat("x", 1<<20))); err == nil {
		t.Errorf("got %v, want an error", got)
	}
}

func TestGatewayAsksThisKernel(t *testing.T) {
	got, err := lan.Gateway()
	if err == nil && (!got.Is4() || got.IsUnspecified()) || err != nil && !errors.Is(err, lan.ErrNoGateway) {
		t.Errorf("Gateway() = %v, %v", got, err)
	}
}

func FuzzGatewayIn(f *testing.F) {
	f.Add(routeHead + "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n")
	f.Add("a 00000000 00000000 3 0 0 -1 00000000")
	f.Add("\n\n\t\t")
	f.Fuzz(func(t *testing.T, table string) {
		got, err := lan.GatewayIn(strings.NewReader(table))
		if (err == nil) != got.IsValid() || err == nil && (!got.Is4() || got.IsUnspecified()) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}
