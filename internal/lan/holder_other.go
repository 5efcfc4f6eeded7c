//go:build !linux

package lan

import "net/netip"

// PortHolder returns false: reading the tables of sockets is written for
// Linux, where the container runs.
func PortHolder(string, netip.AddrPort) (Holder, bool) { return Holder{}, false }
