//go:build linux

package lab

// The home: its hosts, the wires between them, and their end.

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// The addresses of the lab.
var (
	// InternetAddr is the wan host's first address: the public DNS, and where
	// a remote client comes from.
	InternetAddr = netip.MustParseAddr("11.22.33.1")
	// ProvidersAddr is where the DDNS providers' APIs listen, in wan.
	ProvidersAddr = netip.MustParseAddr("11.22.33.2")
	// ElsewhereAddr is the rest of the internet: the echo service, and what
	// the other public names mean. It is in wan.
	ElsewhereAddr = netip.MustParseAddr("11.22.33.3")
	// CheckerAddr is where the checker of StartChecker listens.
	CheckerAddr = netip.MustParseAddr("11.22.33.8")
	// WANAddr is the home's first public address.
	WANAddr = netip.MustParseAddr("11.22.33.44")

	// RouterAddr is the router's address in the LAN.
	RouterAddr = netip.MustParseAddr("192.168.77.1")
	// NASAddr, PiAddr and PhoneAddr are the LAN's other hosts.
	NASAddr   = netip.MustParseAddr("192.168.77.10")
	PiAddr    = netip.MustParseAddr("192.168.77.11")
	PhoneAddr = netip.MustParseAddr("192.168.77.20")

	internet = netip.MustParsePrefix("11.22.33.0/24")
)

// Options say how a home differs from the usual one. The zero value is the
// usual one.
type Options struct {
	// WANAddress is the home's first public address; default WANAddr.
	WANAddress netip.Addr
	// Behind is the NAT between the router and the internet; default none.
	Behind NAT
}

// Home is a home network and the internet around it. It belongs to one test.
type Home struct {
	// WAN, Router, NAS, Pi and Phone are the hosts; see the package comment.
	WAN, Router, NAS, Pi, Phone *Host
	// Outer is what the router is behind, nil where that is the internet.
	Outer *Host
	// CA is the authority that the home's owner and the daemon trust.
	CA *CA
	// Stranger is an authority that nobody trusts.
	Stranger *CA

	prefix  string
	dir     string // files of the lab, gone at the end
	behind  NAT
	extra   []*Host    // of AddHost
	wanAddr netip.Addr // the home's, now
	moved   time.Time  // see WANChanged
	router  *Process   // miniupnpd; nil before StartRouter
	conf    []string   // lines added to miniupnpd's configuration
	dns     *PublicDNS // nil before StartPublicDNS
	held    sync.Once  // hold has been asked
}

// New builds a home: hosts, wires, and the router's NAT. Nothing runs in it
// yet. It is torn down when the test ends.
func New(t testing.TB, o Options) *Home {
	t.Helper()
	name, err := prefix()
	if err != nil {
		t.Fatal(err)
	}
	// The folder is asked for first so that it is removed last.
	h := &Home{prefix: name, dir: t.TempDir(), wanAddr: o.WANAddress, behind: o.Behind}
	if !h.wanAddr.IsValid() {
		h.wanAddr = WANAddr
	}
	h.WAN, h.Router = h.host("wan", InternetAddr), h.host("router", RouterAddr)
	h.NAS, h.Pi, h.Phone = h.host("nas", NASAddr), h.host("pi", PiAddr), h.host("phone", PhoneAddr)
	if h.behind != NoNAT {
		h.Outer = h.host("outer", h.behind.inside())
	}
	t.Cleanup(func() {
		h.hold(t)
		if err := h.teardown(); err != nil {
			t.Error(err)
		}
	})
	if err := h.build(); err != nil {
		t.Fatalf("building the lab: %v", err)
	}
	h.CA, h.Stranger = NewCA(t, "Edgeguard Lab CA"), NewCA(t, "Stranger CA")
	return h
}

func (h *Home) host(name string, addr netip.Addr) *Host {
	return &Host{Name: name, Addr: addr, ns: h.prefix + "-" + name, home: h}
}

// Hosts lists the hosts, from the street to the sofa.
func (h *Home) Hosts() []*Host {
	hosts := []*Host{h.WAN}
	if h.Outer != nil {
		hosts = append(hosts, h.Outer)
	}
	return append(append(hosts, h.Router, h.NAS, h.Pi, h.Phone), h.extra...)
}

func (h *Home) build() error {
	for _, host := range h.Hosts() {
		resolver := InternetAddr
		if host == h.Phone || host == h.Pi {
			resolver = NASAddr // what the LAN's DHCP would hand out
		}
		if err := host.create(resolver); err != nil {
			return err
		}
	}
	if err := h.wireWAN(); err != nil {
		return err
	}
	if err := h.wireLAN(); err != nil {
		return err
	}
	return h.Router.loadNAT(h.dir)
}

// edge is the host that has the home's public address.
func (h *Home) edge() *Host {
	if h.Outer != nil {
		return h.Outer
	}
	return h.Router
}

// wireWAN joins the home to the internet. Both ends of the wire are made in
// their namespaces, so the machine's own network never sees them.
func (h *Home) wireWAN() error {
	err := h.WAN.ips(
		"link add home0 type veth peer name wan0 netns "+h.edge().ns,
		fmt.Sprintf("addr add %s/24 dev home0", InternetAddr),
		fmt.Sprintf("addr add %s/24 dev home0", ProvidersAddr),
		fmt.Sprintf("addr add %s/24 dev home0", ElsewhereAddr),
		fmt.Sprintf("addr add %s/24 dev home0", CheckerAddr),
		"link set home0 up",
	)
	if err != nil {
		return err
	}
	if err := h.edge().ip("link set wan0 up"); err != nil {
		return err
	}
	if err := h.addWANAddress(h.wanAddr); err != nil || h.Outer == nil {
		return err
	}
	return h.wireOuter()
}

// wireLAN makes the router's bridge and plugs the LAN's hosts into it.
func (h *Home) wireLAN() error {
	err := h.Router.ips(
		"link add br0 type bridge forward_delay 0",
		fmt.Sprintf("addr add %s/24 dev br0", RouterAddr),
		"link set br0 up",
	)
	if err != nil {
		return err
	}
	for _, host := range []*Host{h.NAS, h.Pi, h.Phone} {
		if err := h.plugIn(host); err != nil {
			return err
		}
	}
	return nil
}

// plugIn joins a host to the LAN.
func (h *Home) plugIn(host *Host) error {
	err := h.Router.ips(
		fmt.Sprintf("link add %s type veth peer name eth0 netns %s", host.Name, host.ns),
		fmt.Sprintf("link set %s master br0 up", host.Name),
	)
	if err != nil {
		return err
	}
	return host.ips(
		fmt.Sprintf("addr add %s/24 dev eth0", host.Addr),
		"link set eth0 up",
		fmt.Sprintf("route add default via %s", RouterAddr),
	)
}

// AddHost plugs one more host into the LAN, whose resolver is the public DNS.
// The name is of small letters, at most ten.
func (h *Home) AddHost(t testing.TB, name string, addr netip.Addr) *Host {
	t.Helper()
	host := h.host(name, addr)
	h.extra = append(h.extra, host)
	if err := errors.Join(host.create(InternetAddr), h.plugIn(host)); err != nil {
		t.Fatalf("adding the host %s: %v", name, err)
	}
	return host
}

// teardown removes the namespaces and whatever still runs in them. It comes
// after the cleanups of everything that was started in the lab.
func (h *Home) teardown() error {
	var first error
	for _, host := range h.Hosts() {
		if err := removeNamespace(host.ns); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// hold lets the lab stand for a while if the person at the keyboard asked for
// that in EDGEGUARD_LAB_HOLD, a duration. Each cleanup calls it before it ends
// anything; the first call is the one that counts.
func (h *Home) hold(t testing.TB) {
	if text := os.Getenv("EDGEGUARD_LAB_HOLD"); text != "" {
		h.held.Do(func() { h.holdFor(t, text) })
	}
}

func (h *Home) holdFor(t testing.TB, text string) {
	pause, err := time.ParseDuration(text)
	if err != nil {
		t.Errorf("EDGEGUARD_LAB_HOLD is %q; it must be a duration such as 30m", text)
		return
	}
	marker := filepath.Join(h.dir, "hold")
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		t.Errorf("holding the lab: %v", err)
		return
	}
	fmt.Fprintf(os.Stderr, "\n%s: the lab stands for %v. Remove %s to end it now.\n", t.Name(), pause, marker)
	for _, host := range h.Hosts() {
		fmt.Fprintf(os.Stderr, "  ip netns exec %s bash\n", host.ns)
	}
	for end := time.Now().Add(pause); time.Now().Before(end); time.Sleep(time.Second) {
		if _, err := os.Stat(marker); err != nil {
			return
		}
	}
}
