//go:build !unix

package relay

import "net"

// newSource returns how to read from a connection.
func newSource(conn net.Conn) source { return plainSource{conn} }
