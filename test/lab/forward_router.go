//go:build linux

package lab

// The router's UPnP service in the hands of a test, and a WAN address that
// comes and goes.

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

var listens = regexp.MustCompile(`HTTP listening on port (\d+)`)

// RouterPort is the TCP port on which the router's UPnP service listens now; 0
// where it has never run. With "port=0" it is another one after each start.
func (h *Home) RouterPort() int {
	if h.router == nil {
		return 0
	}
	found := listens.FindStringSubmatch(h.router.Log())
	if found == nil {
		return 0
	}
	port, _ := strconv.Atoi(found[1])
	return port
}

// SignalRouter sends a signal to the router's UPnP service. SIGUSR1 makes
// miniupnpd look at its WAN address anew and tell everybody.
func (h *Home) SignalRouter(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := h.router.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// RouterLog is what the router's UPnP service has written since it was started
// last.
func (h *Home) RouterLog() string { return h.router.Log() }

// RouterRules are the rules that the router's UPnP service has made, of its
// forwards and of its pinholes: by the kernel's handle, which no later rule of
// the chain gets again.
func (h *Home) RouterRules(t testing.TB) (forwards, pinholes map[string]string) {
	t.Helper()
	return h.rules(t, "prerouting_miniupnpd", "dnat"), h.rules(t, "miniupnpd", "accept")
}

// rules are those of a chain whose text has a word in it.
func (h *Home) rules(t testing.TB, chain, word string) map[string]string {
	t.Helper()
	list := make(map[string]string)
	for line := range strings.Lines(h.Router.Run(t, "nft", "-a", "list", "chain", "inet", "filter", chain)) {
		rule, handle, found := strings.Cut(strings.TrimSpace(line), " # handle ")
		if found && strings.Contains(rule, word) {
			list[handle] = rule
		}
	}
	return list
}

// LoseWANAddress takes the home's public address away, as where a session with
// the provider ends. The link stays up.
func (h *Home) LoseWANAddress(t testing.TB) {
	t.Helper()
	h.dropWANAddress(t)
}

// RegainWANAddress gives the home the public address back that LoseWANAddress
// took.
func (h *Home) RegainWANAddress(t testing.TB) {
	t.Helper()
	h.giveWANAddress(t, h.wanAddr)
}

// ReplaceWANAddress gives the router an address that need not be public, in
// place of the home's: what a provider with a NAT of its own hands out. Nothing
// in the internet finds it.
func (h *Home) ReplaceWANAddress(t testing.TB, prefix string) {
	t.Helper()
	h.dropWANAddress(t)
	err := h.edge().ipBatch(
		"addr add "+prefix+" dev wan0",
		fmt.Sprintf("route replace default via %s dev wan0 onlink", InternetAddr),
	)
	if err != nil {
		t.Fatal(err)
	}
}
