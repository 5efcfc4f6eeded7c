package lan

// Whether this host may be a container on a bridge of its engine's.

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Boxed reports whether the interface that has addr is one end of a pair whose
// other end is in another network namespace, as that of a container on a bridge
// is (Docker, Podman, LXC). On the engine's own bridge the gateway is then the
// engine, and on a bridge to the LAN it is the LAN's; the kernel does not tell
// which. It is false where this cannot be known.
func Boxed(addr netip.Addr) bool {
	links, err := net.Interfaces()
	if err != nil {
		return false
	}
	for _, link := range links {
		addrs, err := link.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				if own, ok := netip.AddrFromSlice(n.IP); ok && own.Unmap() == addr {
					return paired("/sys/class/net", link.Name)
				}
			}
		}
	}
	return false
}

// paired reports whether an interface hangs on another one and is of no type of
// its own: what VLANs, bridges, tunnels and macvlans are is told in uevent, what
// a pair is is not.
func paired(sys, name string) bool {
	read := func(file string) string {
		text, err := os.ReadFile(filepath.Join(sys, name, file))
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	}
	own, other, kind := read("ifindex"), read("iflink"), read("uevent")
	return own != "" && other != "" && own != other && kind != "" && !strings.Contains(kind, "DEVTYPE=")
}
