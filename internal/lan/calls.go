package lan

// Who is connected to a service on this host.

import "net/netip"

// Call is a TCP connection that came in.
type Call struct {
	// Local is our side, Remote the caller's.
	Local, Remote netip.AddrPort
}

// maxCalls bounds how many calls are listed.
const maxCalls = 4096
