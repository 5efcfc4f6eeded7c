//go:build !linux

package lan

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
)

// Changes waits until ctx ends, and returns nil then: listening for changes is
// written for Linux, where the container runs.
func Changes(ctx context.Context, _ func(kind string)) error {
	<-ctx.Done()
	return nil
}

// GatewayIPv6 returns an error: reading the table of routes is written for
// Linux, where the container runs.
func GatewayIPv6() (netip.Addr, error) {
	return netip.Addr{}, errors.New("finding the IPv6 default router is not supported on " + runtime.GOOS)
}

// GlobalIPv6 returns an error: reading the tables of addresses is written for
// Linux, where the container runs.
func GlobalIPv6(string) ([]IPv6Addr, error) {
	return nil, errors.New("finding our own IPv6 address is not supported on " + runtime.GOOS)
}
