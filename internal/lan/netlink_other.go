//go:build !linux

package lan

import (
	"context"
	"errors"
	"runtime"
)

// Changes waits until ctx ends, and returns nil then: listening for changes is
// written for Linux, where the container runs.
func Changes(ctx context.Context, _ func(kind string)) error {
	<-ctx.Done()
	return nil
}

// GlobalIPv6 returns an error: reading the tables of addresses is written for
// Linux, where the container runs.
func GlobalIPv6(string) ([]IPv6Addr, error) {
	return nil, errors.New("finding our own IPv6 address is not supported on " + runtime.GOOS)
}
