//go:build linux

package lab

// A line that comes and goes.

import (
	"net/netip"
	"testing"
	"time"
)

// FlapTime is how long the hundred flaps of the benchmark take.
const FlapTime = time.Minute

// Flap changes the home's public address n times, in even steps over a time,
// going round the addresses. It takes longer where the machine is too slow.
func (h *Home) Flap(t testing.TB, addrs []netip.Addr, n int, over time.Duration) {
	t.Helper()
	tick := time.NewTicker(over / time.Duration(n))
	defer tick.Stop()
	for i := range n {
		h.SetWANAddress(t, addrs[i%len(addrs)])
		<-tick.C
	}
}
