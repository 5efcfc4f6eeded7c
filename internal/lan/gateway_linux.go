package lan

// The default gateway, from the kernel's table of routes.

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// maxRouteTable bounds what is read of the table; a home has a handful of
// routes, a host with a full BGP table is not one.
const maxRouteTable = 1 << 20

// Gateway returns the IPv4 default gateway with the lowest metric, or
// ErrNoGateway.
func Gateway() (netip.Addr, error) {
	table, err := os.Open("/proc/net/route")
	if err != nil {
		return netip.Addr{}, fmt.Errorf("reading the table of routes: %w", err)
	}
	defer table.Close()
	return gatewayIn(io.LimitReader(table, maxRouteTable))
}

// gatewayIn reads a table in the form of /proc/net/route: addresses are hex of
// a native-endian word, flag 0x1 is RTF_UP and 0x2 RTF_GATEWAY (route(7)).
func gatewayIn(table io.Reader) (netip.Addr, error) {
	best, bestMetric := netip.Addr{}, int64(1<<32)
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		flags, err := strconv.ParseUint(f[3], 16, 32)
		if err != nil || flags&3 != 3 {
			continue
		}
		// The kernel prints the metric, 32 bits without a sign, with one.
		metric, err := strconv.ParseInt(f[6], 10, 64)
		if metric < 0 {
			metric += 1 << 32
		}
		if err != nil || metric < 0 || metric >= bestMetric {
			continue
		}
		raw, err := hex.DecodeString(f[2])
		if err != nil || len(raw) != 4 || binary.BigEndian.Uint32(raw) == 0 {
			continue
		}
		var native [4]byte
		binary.NativeEndian.PutUint32(native[:], binary.BigEndian.Uint32(raw))
		best, bestMetric = netip.AddrFrom4(native), metric
	}
	if err := lines.Err(); err != nil {
		return netip.Addr{}, fmt.Errorf("reading the table of routes: %w", err)
	}
	if !best.IsValid() {
		return netip.Addr{}, ErrNoGateway
	}
	return best, nil
}
