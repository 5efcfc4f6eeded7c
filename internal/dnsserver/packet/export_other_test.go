//go:build !linux

package packet

import "net/netip"

// Kinds are the ways to get a Loop that tests go through.
var Kinds = map[string]func(netip.AddrPort) (Loop, error){
	"netpoller": func(addr netip.AddrPort) (Loop, error) { return Listen(Config{Mode: Netpoller}, addr) },
}

// Batches reports whether l moves many datagrams at once.
func Batches(Loop) bool { return false }

// BatchSize is how many it moves.
const BatchSize = 1
