//go:build !linux

package packet

import (
	"log/slog"
	"net/netip"
)

// listenBatch needs recvmmsg(2) and sendmmsg(2), with a layout of their own on
// each system; Linux alone has been measured.
func listenBatch(*slog.Logger, netip.AddrPort, func()) (Loop, error) { return nil, errUnsupported }
