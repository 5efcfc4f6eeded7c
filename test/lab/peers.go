//go:build linux

package lab

// The DDNS clients that people run today, from Debian's packages, with their
// defaults: how often they look is theirs.

import (
	"fmt"
	"path/filepath"
	"testing"
)

// StartInadyn starts inadyn on a host: it keeps a name at the provider of
// StartDynDNS, and learns its address from an echo service.
func (h *Home) StartInadyn(t testing.TB, host *Host, name, echo string) *Process {
	t.Helper()
	RequireTool(t, "inadyn", "inadyn")
	dir := t.TempDir()
	writeFile(t, dir, "inadyn.conf", fmt.Sprintf(`ca-trust-file = %q
custom lab {
	username       = %q
	password       = %q
	hostname       = %q
	ddns-server    = %q
	ddns-path      = "/nic/update?hostname=%%h&myip=%%i"
	checkip-server = %q
	checkip-path   = "/"
	checkip-ssl    = true
}
`, h.CA.File, DynDNSUser, DynDNSPassword, name, DynDNSServer, echo))
	return host.Start(t, "inadyn", "inadyn", "--foreground", "--no-pidfile", "--config", filepath.Join(dir, "inadyn.conf"),
		"--cache-dir", dir)
}

// StartDdclient starts ddclient on a host, as StartInadyn does. 300 s is what
// its daemon has looked at for ever, and what Debian's package sets.
func (h *Home) StartDdclient(t testing.TB, host *Host, name, echo string) *Process {
	t.Helper()
	RequireTool(t, "ddclient", "ddclient")
	dir := t.TempDir()
	writeFile(t, dir, "ddclient.conf", fmt.Sprintf(`daemon=300
ssl=yes
ssl_ca_file=%s
use=web, web=https://%s/
protocol=dyndns2
server=%s
login=%s
password='%s'
%s
`, h.CA.File, echo, DynDNSServer, DynDNSUser, DynDNSPassword, name))
	return host.Start(t, "ddclient", "ddclient", "-foreground", "-verbose", "-file", filepath.Join(dir, "ddclient.conf"),
		"-cache", filepath.Join(dir, "cache"), "-pid", filepath.Join(dir, "pid"))
}
