//go:build linux

package change

// The home in which all is measured, and the clients in it.

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// client is one that keeps a record.
type client struct {
	name string
	// record is what the provider has now.
	record func() netip.Addr
	// asked is how often the client has called its provider.
	asked func() int
	echo  string // the echo service's name for it alone

	delays []time.Duration // of each change that arrived
	missed int             // changes that did not
}

// rig is the home. Each client has a host, a name at the provider, and a name
// of the echo service of its own.
type rig struct {
	*lab.Home
	dyn     *lab.DynDNS
	known   *lab.Providers
	echo    *lab.Echo
	clients []*client
	next    byte // of the addresses to change to
}

// dynClients are the names at the dyndns2 provider.
var dynClients = []string{"events.example.com", "poll.example.com", "inadyn.example.com", "ddclient.example.com"}

func echoName(client string) string { return "echo-" + client + ".example.net" }

// newRig starts everything and waits until every record is right.
func newRig(t *testing.T, peers bool) *rig {
	t.Helper()
	h := lab.New(t, lab.Options{})
	h.StartRouter(t)
	h.StartPublicDNS(t)
	r := &rig{Home: h, dyn: h.StartDynDNS(t, dynClients...), known: h.StartProviders(t), next: 100}
	r.echo = h.StartEcho(t, echoName("events"), echoName("poll"), echoName("inadyn"), echoName("ddclient"))
	r.edgeguards(t)
	if peers {
		r.peers(t)
	}
	for _, c := range r.clients {
		lab.Eventually(t, lab.Patience, func() error { return r.has(c, h.WANAddress()) })
	}
	return r
}

// edgeguards starts the two of them: one hears what the router says, the other
// does not.
func (r *rig) edgeguards(t *testing.T) {
	t.Helper()
	hear := r.AddHost(t, "events", netip.MustParseAddr("192.168.77.31"))
	deaf := r.AddHost(t, "poll", netip.MustParseAddr("192.168.77.32"))
	deaf.BlockRouterEvents(t)
	section := lab.DynDNSSection(t, dynClients[0], lab.DynDNSPassword)
	if r.knows(t, hear, section) {
		r.edgeguard(t, hear, lab.EdgeguardOptions{DDNS: section}, r.atDynDNS("events"))
		r.edgeguard(t, deaf, lab.EdgeguardOptions{DDNS: lab.DynDNSSection(t, dynClients[1], lab.DynDNSPassword)}, r.atDynDNS("poll"))
		return
	}
	// A build from before dyndns2: each at a provider of its own.
	t.Log("this edgeguard does not know dyndns2: it is measured with DuckDNS and Cloudflare")
	r.edgeguard(t, hear, lab.EdgeguardOptions{Provider: "duckdns"}, &client{
		name:   "events",
		record: func() netip.Addr { return r.known.DuckDNS.Addr(lab.DuckDNSName) },
		asked:  func() int { return len(r.known.DuckDNS.Requests()) },
	})
	r.edgeguard(t, deaf, lab.EdgeguardOptions{Provider: "cloudflare"}, &client{
		name: "poll",
		record: func() (addr netip.Addr) {
			if all := r.known.Cloudflare.Records(lab.CloudflareName, "A"); len(all) == 1 {
				addr, _ = netip.ParseAddr(all[0].Content)
			}
			return addr
		},
		asked: func() int { return len(r.known.Cloudflare.Requests()) },
	})
}

// knows reports whether edgeguard takes a config with this section.
func (r *rig) knows(t *testing.T, host *lab.Host, section string) bool {
	t.Helper()
	file := filepath.Join(t.TempDir(), "edgeguard.toml")
	text := r.EdgeguardConfig(t, lab.EdgeguardOptions{DDNS: section})
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _ := r.Edgeguard(t, host, "check", "--config", file)
	return code == 0
}

// edgeguard starts one. It keeps a record and nothing else.
func (r *rig) edgeguard(t *testing.T, host *lab.Host, o lab.EdgeguardOptions, c *client) {
	t.Helper()
	c.echo = echoName(c.name)
	text := strings.Replace(r.EdgeguardConfig(t, o), lab.EchoName, c.echo, 1) + "\n[portmap]\nenabled = false\n"
	r.StartEdgeguard(t, lab.EdgeguardOptions{Host: host, Config: text})
	c.name = "edgeguard, " + map[string]string{"events": "events on", "poll": "events blocked"}[c.name]
	r.clients = append(r.clients, c)
}

// peers starts the others, with their defaults.
func (r *rig) peers(t *testing.T) {
	t.Helper()
	for i, start := range []func(testing.TB, *lab.Host, string, string) *lab.Process{r.StartInadyn, r.StartDdclient} {
		name := []string{"inadyn", "ddclient"}[i]
		host := r.AddHost(t, name, netip.AddrFrom4([4]byte{192, 168, 77, byte(33 + i)}))
		start(t, host, dynClients[2+i], echoName(name))
		c := r.atDynDNS(name)
		c.echo = echoName(name)
		r.clients = append(r.clients, c)
	}
}

// atDynDNS is a client of the dyndns2 provider.
func (r *rig) atDynDNS(name string) *client {
	host := name + ".example.com"
	return &client{
		name:   name,
		record: func() netip.Addr { return r.dyn.Addr(host) },
		asked:  func() int { return len(r.dyn.Calls(host)) },
	}
}

// address is one that the home has not had for a while.
func (r *rig) address() netip.Addr {
	if r.next++; r.next == 250 {
		r.next = 101
	}
	return netip.AddrFrom4([4]byte{11, 22, 33, r.next})
}
