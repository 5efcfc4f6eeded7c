//go:build !linux

package upstream

import "net"

// unwatched is conn; see raw_linux.go.
func unwatched(conn net.Conn) net.Conn { return conn }
