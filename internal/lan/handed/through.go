package handed

// Devices that reach a service through the router.

import (
	"net/netip"
	"slices"
	"time"
)

const (
	// lookEvery is how often the connections are looked at, and lookAgain when
	// once more where there are some: one that stands no longer than that is no
	// device's, but may be our own look at the router's loopback.
	lookEvery = 5 * time.Minute
	lookAgain = 15 * time.Second
	// maxThrough bounds the addresses that are listed.
	maxThrough = 64
)

// callers remembers the last look.
type callers struct {
	lookAt time.Time
	before []netip.AddrPort // of the look before, where it is to be confirmed
}

// look looks where that is due, and returns when to look again.
func (c *callers) look(through func() ([]netip.AddrPort, bool), next *Status) time.Duration {
	if through == nil {
		return askEvery
	}
	now := time.Now()
	if wait := c.lookAt.Sub(now); wait > 0 {
		return wait
	}
	calls, seen := through()
	wait := lookEvery
	switch {
	case !seen:
		next.ThroughRouter, c.before = nil, nil
	case len(calls) == 0:
		next.ThroughRouter, c.before = []netip.Addr{}, nil
	case c.before == nil:
		c.before, wait = calls, lookAgain
	default:
		list := []netip.Addr{}
		for _, call := range calls {
			if slices.Contains(c.before, call) && !slices.Contains(list, call.Addr()) && len(list) < maxThrough {
				list = append(list, call.Addr())
			}
		}
		slices.SortFunc(list, netip.Addr.Compare)
		next.ThroughRouter, c.before = list, nil
	}
	c.lookAt = now.Add(wait)
	return wait
}
