//go:build linux

package main

// The servers, and what each is told. docs/performance.md says why so.

import (
	"fmt"
	"path/filepath"
)

// What every server is asked.
const (
	overrideName = "mqtt.home.example"
	overrideAddr = "192.168.1.10"
	hangZone     = "hang.example" // the upstream swallows what is below
)

// place is where a server runs.
type place struct {
	dir            string
	port, upstream int // UDP ports on 127.0.0.1
	status         int // a further port, for HTTP
}

// config is what a server needs: its files by name, and its command line. A
// file is written below the place's dir.
type config struct {
	files map[string]string
	argv  []string
}

// peer is one kind of server. Its program is looked for in $PATH where no
// build gives it.
type peer struct {
	name    string
	program string // the command, or the path of what was built
	version []string
	echo    bool // it is no DNS server: it sends questions back
	against bool // it is one of those that the targets are about
	ours    bool // it is edgeguard
	config  func(program string, at place) config
}

// peers are the servers to compare with, by Debian's packages but for the
// first and the last.
var peers = []peer{
	{name: "echo", echo: true, config: configureEcho},
	{name: "dnsdist", program: "dnsdist", version: []string{"--version"}, against: true, config: configureDNSDist},
	{name: "unbound", program: "unbound", version: []string{"-V"}, against: true, config: configureUnbound},
	{name: "dnsmasq", program: "dnsmasq", version: []string{"--version"}, against: true, config: configureDNSMasq},
	{name: "kresd", program: "kresd", version: []string{"--version"}, against: true, config: configureKresd},
	{name: "bind", program: "named", version: []string{"-v"}, config: configureBIND},
	{name: "coredns", version: []string{"-version"}, config: configureCoreDNS},
}

// edgeguard is a build of ours.
func edgeguard(name, program string) peer {
	return peer{name: name, program: program, ours: true, config: configureEdgeguard}
}

func configureEcho(program string, at place) config {
	return config{argv: []string{program, fmt.Sprint(at.port)}}
}

// Everything has its default but where it listens, whom it asks, and what would
// look for a router and the world, which the namespace has not.
func configureEdgeguard(program string, at place) config {
	text := fmt.Sprintf(`state_dir = %q
[[service]]
name = "mqtt"
address = "%s:8883"
names = ["%s"]
[wan]
sources = ["http://127.0.0.1:%d/"]
[portmap]
enabled = false
[dns]
upstreams = ["127.0.0.1:%d"]
bootstrap = []
`, filepath.Join(at.dir, "state"), overrideAddr, overrideName, at.upstream, at.upstream)
	return config{map[string]string{"edgeguard.toml": text, "state/.keep": ""}, []string{program, "run",
		"--config", filepath.Join(at.dir, "edgeguard.toml"),
		"--dns-listen", fmt.Sprintf("127.0.0.1:%d", at.port), "--status-listen", fmt.Sprintf("127.0.0.1:%d", at.status)}}
}

func configureDNSDist(program string, at place) config {
	text := fmt.Sprintf(`setLocal("127.0.0.1:%d")
setSecurityPollSuffix("")
newServer({address="127.0.0.1:%d"})
getPool(""):setCache(newPacketCache(10000))
addAction(QNameRule("%s."), SpoofAction("%s"))
`, at.port, at.upstream, overrideName, overrideAddr)
	return config{map[string]string{"dnsdist.conf": text},
		[]string{program, "--supervised", "--disable-syslog", "-C", filepath.Join(at.dir, "dnsdist.conf")}}
}

func configureUnbound(program string, at place) config {
	text := fmt.Sprintf(`server:
	directory: "%s"
	chroot: ""
	username: ""
	pidfile: ""
	use-syslog: no
	verbosity: 0
	do-daemonize: no
	num-threads: 1
	interface: 127.0.0.1@%d
	module-config: "iterator"
	do-not-query-localhost: no
	local-zone: "%s." static
	local-data: "%s. 60 IN A %s"
remote-control:
	control-enable: no
forward-zone:
	name: "."
	forward-addr: 127.0.0.1@%d
`, at.dir, at.port, overrideName, overrideName, overrideAddr, at.upstream)
	return config{map[string]string{"unbound.conf": text},
		[]string{program, "-d", "-c", filepath.Join(at.dir, "unbound.conf")}}
}

func configureDNSMasq(program string, at place) config {
	text := fmt.Sprintf(`port=%d
listen-address=127.0.0.1
bind-interfaces
user=root
no-resolv
no-hosts
pid-file
cache-size=10000
local-ttl=60
host-record=%s,%s
server=127.0.0.1#%d
`, at.port, overrideName, overrideAddr, at.upstream)
	return config{map[string]string{"dnsmasq.conf": text},
		[]string{program, "-k", "-C", filepath.Join(at.dir, "dnsmasq.conf")}}
}

func configureKresd(program string, at place) config {
	text := fmt.Sprintf(`net.ipv6 = false
net.listen('127.0.0.1', %d, { kind = 'dns' })
modules.unload('ta_signal_query')
modules.unload('ta_update')
modules.unload('priming')
modules.unload('detect_time_skew')
trust_anchors.remove('.')
modules = { 'hints > iterate' }
hints['%s'] = '%s'
cache.size = 100 * MB
policy.add(policy.all(policy.STUB('127.0.0.1@%d')))
`, at.port, overrideName, overrideAddr, at.upstream)
	return config{map[string]string{"kresd.conf": text, "cache/.keep": ""},
		[]string{program, "-n", "-c", filepath.Join(at.dir, "kresd.conf"), filepath.Join(at.dir, "cache")}}
}

func configureBIND(program string, at place) config {
	text := fmt.Sprintf(`options {
	directory "%s";
	pid-file none;
	session-keyfile none;
	listen-on port %d { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion yes;
	forward only;
	forwarders { 127.0.0.1 port %d; };
	dnssec-validation no;
};
controls { };
logging { category default { null; }; };
zone "%s" { type primary; file "override.zone"; };
`, at.dir, at.port, at.upstream, overrideName)
	zone := fmt.Sprintf("$TTL 60\n@ SOA ns root 1 3600 600 86400 60\n@ NS ns\n@ A %s\nns A %[1]s\n", overrideAddr)
	return config{map[string]string{"named.conf": text, "override.zone": zone},
		[]string{program, "-f", "-n", "1", "-c", filepath.Join(at.dir, "named.conf")}}
}

func configureCoreDNS(program string, at place) config {
	text := fmt.Sprintf(`.:%d {
	bind 127.0.0.1
	hosts {
		%s %s
		ttl 60
		fallthrough
	}
	cache
	forward . 127.0.0.1:%d
}
`, at.port, overrideAddr, overrideName, at.upstream)
	return config{map[string]string{"Corefile": text},
		[]string{program, "-quiet", "-conf", filepath.Join(at.dir, "Corefile")}}
}
