//go:build linux

package lab

// The resolvers of the lab's internet: what a house may be told to ask. They
// are real ones, unbound and BIND, and serve plain DNS, DNS over TLS and DNS
// over HTTPS with certificates of the home's CA.

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Where the resolvers are, in wan. They take all that they know from the
// public DNS.
var (
	UnboundAddr = netip.MustParseAddr("11.22.33.4")
	BINDAddr    = netip.MustParseAddr("11.22.33.5")
)

// UnboundName and BINDName are what is on the resolvers' certificates, beside
// their addresses.
const (
	UnboundName = "unbound.example.net"
	BINDName    = "bind.example.net"
)

// DoHPath is where the resolvers serve DNS over HTTPS.
const DoHPath = "/dns-query"

// Resolver is one of the resolvers, over all its restarts.
type Resolver struct {
	// Name and Addr are where it is.
	Name string
	Addr netip.Addr

	host  *Host
	label string
	argv  []string
	runs  []*Process // the last is the newest
}

// StartUnbound starts unbound on UnboundAddr: UDP and TCP on 53, TLS on 853,
// HTTPS on 443. The public DNS must run.
func (h *Home) StartUnbound(t testing.TB) *Resolver {
	t.Helper()
	return h.StartUnboundWith(t)
}

// StartUnboundWith is StartUnbound with lines added to its configuration, such
// as `local-data: "a.example. A 11.22.33.1"`.
func (h *Home) StartUnboundWith(t testing.TB, lines ...string) *Resolver {
	t.Helper()
	r, dir := h.resolver(t, "unbound", UnboundName, UnboundAddr)
	r.argv = []string{"unbound", "-d", "-c", filepath.Join(dir, "unbound.conf")}
	writeFile(t, dir, "unbound.conf", fmt.Sprintf(`server:
	directory: "%[1]s"
	chroot: ""
	username: ""
	pidfile: ""
	use-syslog: no
	do-daemonize: no
	num-threads: 1
	interface: %[2]s@53
	interface: %[2]s@853
	interface: %[2]s@443
	tls-port: 853
	https-port: 443
	http-endpoint: "%[3]s"
	tls-service-pem: "%[1]s/both.pem"
	tls-service-key: "%[1]s/both.pem"
	access-control: 0.0.0.0/0 allow
	do-ip6: no
	module-config: "iterator"
%[5]s
remote-control:
	control-enable: no
forward-zone:
	name: "."
	forward-addr: %[4]s
`, dir, r.Addr, DoHPath, InternetAddr, strings.Join(lines, "\n")))
	r.Start(t)
	return r
}

// StartBIND starts a BIND on BINDAddr: UDP and TCP on 53, TLS on 853, HTTPS on
// 443. The public DNS must run.
func (h *Home) StartBIND(t testing.TB) *Resolver {
	t.Helper()
	r, dir := h.resolver(t, "bind", BINDName, BINDAddr)
	r.argv = []string{"named", "-g", "-4", "-n", "2", "-c", filepath.Join(dir, "named.conf")}
	writeFile(t, dir, "named.conf", fmt.Sprintf(`tls lab { cert-file "%[1]s/both.pem"; key-file "%[1]s/both.pem"; };
http lab { endpoints { "%[3]s"; }; };
options {
	directory "%[1]s"; pid-file none; session-keyfile none; lock-file none;
	listen-on-v6 { none; };
	listen-on port 53 { %[2]s; };
	listen-on port 853 tls lab { %[2]s; };
	listen-on port 443 tls lab http lab { %[2]s; };
	recursion yes; allow-query { any; }; allow-recursion { any; };
	forward only; forwarders { %[4]s; };
	dnssec-validation no; empty-zones-enable no; max-cache-size 16m;
};
controls { };
`, dir, r.Addr, DoHPath, InternetAddr))
	r.Start(t)
	return r
}

// resolver makes a resolver's address and certificate.
func (h *Home) resolver(t testing.TB, label, name string, addr netip.Addr) (*Resolver, string) {
	t.Helper()
	if h.dns == nil {
		t.Fatalf("%s needs StartPublicDNS first", label)
	}
	dir := t.TempDir()
	h.addInternetAddress(t, addr)
	if err := h.dns.SetA(name, addr); err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, "both.pem", string(h.CA.Issue(t, name, addr.String()).PEM))
	return &Resolver{Name: name, Addr: addr, host: h.WAN, label: label}, dir
}

// addInternetAddress gives wan another address.
func (h *Home) addInternetAddress(t testing.TB, addr netip.Addr) {
	t.Helper()
	if err := h.WAN.ip(fmt.Sprintf("addr add %s/24 dev home0", addr)); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatalf("writing %s: %v", name, err)
	}
}

// Start starts the resolver, for the first time or again after Kill, and waits
// until it answers.
func (r *Resolver) Start(t testing.TB) {
	t.Helper()
	p := r.host.Start(t, r.label, r.argv...)
	r.runs = append(r.runs, p)
	Eventually(t, Patience, func() error {
		if p.Ended() {
			return fmt.Errorf("%s has ended: %s", r.label, p.Log())
		}
		answer, err := r.host.Ask(r.Addr, nameServer, dns.TypeA)
		if err == nil && len(answer.Answer) != 1 {
			err = fmt.Errorf("%s does not know the public DNS yet:\n%v", r.label, answer)
		}
		return err
	})
}

// Kill ends the resolver as a crash does. Its address stays, so that a
// question meets a closed port.
func (r *Resolver) Kill() { r.runs[len(r.runs)-1].Kill() }
