//go:build !linux

package dhcp

import (
	"context"
	"errors"
	"net"
)

// open fails: packet sockets are written for Linux, where the container runs.
func open(context.Context, *net.Interface) (socket, error) {
	return nil, errors.New("asking the DHCP servers is written for Linux alone")
}
