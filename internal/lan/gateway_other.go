//go:build !linux

package lan

import (
	"errors"
	"net/netip"
	"runtime"
)

// Gateway returns an error: reading the table of routes is written for Linux,
// where the container runs.
func Gateway() (netip.Addr, error) {
	return netip.Addr{}, errors.New("finding the default gateway is not supported on " + runtime.GOOS)
}
