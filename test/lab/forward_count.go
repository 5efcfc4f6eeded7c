//go:build linux

package lab

// Packets counted by the kernel, whatever the daemon says of itself.

import (
	"encoding/json"
	"fmt"
	"testing"
)

// Counter counts the packets of a host that match.
type Counter struct {
	host *Host
	name string
}

// Count counts from now on the packets that a host sends ("output") or gets
// ("input") and that match, in the words of nft(8). They go on untouched.
func (h *Host) Count(t testing.TB, hook, name, match string) *Counter {
	t.Helper()
	for _, command := range []string{
		"add table inet count",
		fmt.Sprintf("add chain inet count %s { type filter hook %[1]s priority -350; }", hook),
		"add counter inet count " + name,
		fmt.Sprintf("add rule inet count %s %s counter name %s", hook, match, name),
	} {
		h.Run(t, "nft", command)
	}
	return &Counter{h, name}
}

// Packets is how many there were so far.
func (c *Counter) Packets(t testing.TB) int {
	t.Helper()
	out := c.host.Run(t, "nft", "-j", "list", "counter", "inet", "count", c.name)
	var list struct {
		Nftables []struct {
			Counter *struct {
				Packets int `json:"packets"`
			} `json:"counter"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("reading the counter %s: %v\n%s", c.name, err, out)
	}
	for _, item := range list.Nftables {
		if item.Counter != nil {
			return item.Counter.Packets
		}
	}
	t.Fatalf("there is no counter %s: %s", c.name, out)
	return 0
}
