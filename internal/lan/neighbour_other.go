//go:build !linux

package lan

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
)

// Neighbours returns an error: it is written for Linux, where the container runs.
func Neighbours() ([]Neighbour, error) {
	return nil, errors.New("reading the table of neighbours is not supported on " + runtime.GOOS)
}

// NeighbourChanges waits until ctx ends, and returns nil then.
func NeighbourChanges(ctx context.Context, _ func(Neighbour)) error {
	<-ctx.Done()
	return nil
}

// ARP is written for Linux, where the container runs.
type ARP struct{}

// Run returns an error.
func (*ARP) Run(context.Context, func(Neighbour)) error {
	return errors.New("listening for ARP is not supported on " + runtime.GOOS)
}

// Ask returns an error.
func (*ARP) Ask(netip.Addr) error {
	return errors.New("asking by ARP is not supported on " + runtime.GOOS)
}
