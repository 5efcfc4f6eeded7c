//go:build linux

package lab

// Whether this machine can build a lab at all.

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// tools are the commands that a lab runs, with the Debian package of each.
var tools = []struct{ command, pkg string }{
	{"ip", "iproute2"},
	{"nft", "nftables"},
	{"sysctl", "procps"},
	{"miniupnpd", "miniupnpd-nftables"},
	{"upnpc", "miniupnpc"},
	{"mosquitto", "mosquitto"},
	{"mosquitto_pub", "mosquitto-clients"},
	{"mosquitto_sub", "mosquitto-clients"},
	{"named", "bind9"},
	{"dnsmasq", "dnsmasq-base"},
	{"dig", "bind9-dnsutils"},
	{"nsupdate", "bind9-dnsutils"},
	{"kdig", "knot-dnsutils"},
	{"unbound", "unbound"},
	{"setpriv", "util-linux"},
	{"promtool", "prometheus"},
}

// Require skips the test where a lab cannot be built, and says why. With
// EDGEGUARD_LAB=require in the environment the test fails instead, so that a
// machine that is meant to run these tests cannot pass by skipping them.
func Require(t testing.TB) {
	t.Helper()
	err := possible()
	switch {
	case err == nil:
	case os.Getenv("EDGEGUARD_LAB") == "require":
		t.Fatalf("EDGEGUARD_LAB=require, but this machine cannot build the lab: %v", err)
	default:
		t.Skipf("this machine cannot build the lab: %v", err)
	}
}

// possible reports what keeps this machine from building a lab. It looks once.
var possible = sync.OnceValue(func() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("it needs root, to make network namespaces (try sudo)")
	}
	var missing []string
	for _, tool := range tools {
		if _, err := exec.LookPath(tool.command); err != nil {
			missing = append(missing, fmt.Sprintf("%s (package %s)", tool.command, tool.pkg))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing commands: %s; scripts/lab-deps installs them", strings.Join(missing, ", "))
	}
	return probe()
})

// probe makes a namespace and uses what the lab uses in it: root inside a
// container is often not allowed to.
func probe() error {
	name, err := prefix()
	if err != nil {
		return err
	}
	name += "-probe"
	defer removeNamespace(name)
	for _, argv := range [][]string{
		{"ip", "netns", "add", name},
		{"ip", "-n", name, "link", "add", "v0", "type", "veth", "peer", "name", "v1"},
		{"ip", "-n", name, "link", "add", "br0", "type", "bridge"},
		{"ip", "netns", "exec", name, "nft", "add", "table", "inet", "filter"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}
