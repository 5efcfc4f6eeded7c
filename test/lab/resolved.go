//go:build linux

package lab

// systemd-resolved, which most desktops and some NAS ask first.

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// ResolvedAddr is where systemd-resolved listens on its host.
var ResolvedAddr = netip.MustParseAddr("127.0.0.53")

// resolvedRoots are where its files may be: installed, or unpacked by
// scripts/lab-deps. Installing it would take over the machine's own
// resolv.conf, for which a test is no reason.
var resolvedRoots = []string{"/", "/var/lib/edgeguard-lab/systemd-resolved"}

// resolvedScript runs it without D-Bus and as nobody, with a folder /run of its
// own in the mount namespace that ip netns exec makes.
const resolvedScript = `set -e
mount -t tmpfs lab /run
mkdir -m 755 -p /run/systemd/resolve /run/systemd/resolved.conf.d
chown 65534:65534 /run/systemd/resolve
cp "$2" /run/systemd/resolved.conf.d/lab.conf
chmod 644 /run/systemd/resolved.conf.d/lab.conf
caps=+net_bind_service,+net_raw,+setpcap
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=$caps --ambient-caps=$caps "$1"
`

// StartResolved starts systemd-resolved on the host, which asks server for
// everything. The settings ("DNSSEC=no") are lines of resolved.conf. It
// answers on ResolvedAddr. Where the program is missing the test is skipped as
// by Require.
func (h *Host) StartResolved(t testing.TB, server netip.Addr, settings ...string) *Process {
	t.Helper()
	program, library := findResolved()
	if program == "" {
		missing(t, "systemd-resolved")
	}
	dir := t.TempDir()
	conf := append([]string{"[Resolve]", "DNS=", "DNS=" + server.String(), "FallbackDNS=", "Domains=~.", "LLMNR=no", "MulticastDNS=no"}, settings...)
	writeFile(t, dir, "resolved.conf", strings.Join(conf, "\n")+"\n")
	p := h.startQuiet(t, "systemd-resolved",
		[]string{"LD_LIBRARY_PATH=" + library, "SYSTEMD_LOG_TARGET=console", "SYSTEMD_LOG_LEVEL=debug"},
		"sh", "-c", resolvedScript, "sh", program, filepath.Join(dir, "resolved.conf"))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("systemd-resolved in %s wrote last:\n%s", h.Name, p.log.tail(8<<10))
		}
	})
	Eventually(t, Patience, func() error {
		if p.Ended() {
			return fmt.Errorf("systemd-resolved has ended: %s", p.Log())
		}
		_, err := h.Ask(ResolvedAddr, "localhost", dns.TypeA)
		return err
	})
	return p
}

// findResolved returns the program and the folder of its library.
func findResolved() (program, library string) {
	for _, root := range resolvedRoots {
		for _, dir := range []string{"usr/lib/systemd", "lib/systemd"} {
			path := filepath.Join(root, dir, "systemd-resolved")
			if _, err := os.Stat(path); err != nil {
				continue
			}
			found, _ := filepath.Glob(filepath.Join(root, "usr/lib/*/systemd"))
			return path, strings.Join(found, ":")
		}
	}
	return "", ""
}
