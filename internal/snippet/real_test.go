package snippet_test

// The texts in the real programs: each must answer as edgeguard would, and leave
// every other name to the world.

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/snippet"
	"github.com/miekg/dns"
)

// patience is generous: machines that run tests stall.
const patience = 2 * time.Minute

var (
	worldA, worldAAAA = netip.MustParseAddr("203.0.113.99"), netip.MustParseAddr("2001:db8::99")
	// home is what is asked for below: of one family, of the other, of both, of
	// several, and a wildcard with a name of its own in it.
	home = []snippet.Name{
		{Name: "mqtt.example.org", V4: addrs("192.168.1.10")},
		{Name: "six.example.org", V6: addrs("fd00::10")},
		{Name: "both.example.org", V4: addrs("192.168.1.11"), V6: addrs("fd00::11")},
		{Name: "many.example.org", V4: addrs("192.168.1.12", "192.168.1.13"), V6: addrs("fd00::12")},
		{Name: "_x.my-home.duckdns.org", V4: addrs("192.168.1.14")},
		{Name: "*.wild.example.net", V4: addrs("192.168.1.15")},
		{Name: "in.wild.example.net", V4: addrs("192.168.1.16")},
	}
	others = []string{"example.org", "www.example.org", "sub.mqtt.example.org", "xmqtt.example.org", "duckdns.org", "my-home.duckdns.org", "wild.example.net", "example.net"}
)

// random are names and addresses by lot.
func random(n int) (list []snippet.Name) {
	lot := rand.New(rand.NewPCG(7, 8))
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	for i := range n {
		label := make([]byte, 1+lot.IntN(30))
		for j := range label {
			label[j] = letters[lot.IntN(len(letters))]
		}
		name := snippet.Name{Name: fmt.Sprintf("%s.r%d.example.com", label, i)}
		if lot.IntN(3) > 0 {
			name.V4 = []netip.Addr{netip.AddrFrom4([4]byte{10, byte(lot.Int()), byte(lot.Int()), 1})}
		}
		if len(name.V4) == 0 || lot.IntN(2) == 0 {
			name.V6 = []netip.Addr{netip.AddrFrom16([16]byte{0: 0xfd, 7: byte(lot.Int()), 15: 1})}
		}
		list = append(list, name)
	}
	return list
}

// text is one snippet of names.
func text(t *testing.T, id string, names []snippet.Name) string {
	t.Helper()
	for _, s := range snippet.All(snippet.Input{Names: names}) {
		if s.ID == id {
			return s.Text
		}
	}
	t.Fatalf("there is no snippet %q", id)
	return ""
}

func exactOnly(names []snippet.Name) []snippet.Name {
	return slices.DeleteFunc(slices.Clone(names), func(n snippet.Name) bool { return strings.HasPrefix(n.Name, "*.") })
}

// program finds a program, or skips the test.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("EDGEGUARD_LAB") == "require" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	return path
}

// world is a server that knows an address of both families for every name.
func world(t *testing.T) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan struct{})
	s := &dns.Server{PacketConn: conn, NotifyStartedFunc: func() { close(ready) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		m.RecursionAvailable = true
		switch q := r.Question[0]; {
		case q.Name == ".":
		case q.Qtype == dns.TypeA:
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: worldA.AsSlice()}}
		case q.Qtype == dns.TypeAAAA:
			m.Answer = []dns.RR{&dns.AAAA{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeAAAA, Class: dns.ClassINET, Ttl: 60}, AAAA: worldAAAA.AsSlice()}}
		}
		_ = w.WriteMsg(m)
	})}
	go func() { defer close(ended); _ = s.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// free is a port of loopback that nobody has now, in UDP and in TCP. It is not
// among those that the kernel gives to whoever asks for any (32768 and up): a
// program that is to take it may come a while later.
func free(t *testing.T) netip.AddrPort {
	t.Helper()
	for {
		at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(20000+rand.IntN(12000)))
		conn, err := net.ListenPacket("udp4", at.String())
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp4", at.String())
		conn.Close()
		if err == nil {
			l.Close()
			return at
		}
	}
}

// run starts a program and waits until it answers.
func run(t *testing.T, server netip.AddrPort, argv ...string) netip.AddrPort {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	stop := func() { _ = cmd.Process.Kill(); <-ended }
	t.Cleanup(stop)
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		m := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
		if _, _, err := (&dns.Client{Timeout: time.Second}).Exchange(m, server.String()); err == nil {
			return server
		}
		select {
		case <-ended:
			t.Fatalf("%v has ended: %s", argv, log.String())
		default:
		}
		if time.Now().After(deadline) {
			stop()
			t.Fatalf("%v does not answer: %s", argv, log.String())
		}
	}
}

// ask returns what a server says of a name, sorted.
func ask(t *testing.T, server netip.AddrPort, name string, qtype uint16) (list []netip.Addr) {
	t.Helper()
	m, _, err := (&dns.Client{Timeout: patience}).Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype), server.String())
	if err != nil {
		t.Fatal(err)
	}
	if m.Rcode != dns.RcodeSuccess {
		t.Errorf("%s %s: %s", name, dns.TypeToString[qtype], dns.RcodeToString[m.Rcode])
	}
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			a, _ := netip.AddrFromSlice(rr.A)
			list = append(list, a.Unmap())
		case *dns.AAAA:
			a, _ := netip.AddrFromSlice(rr.AAAA)
			list = append(list, a)
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return list
}

// answers holds a server against the names.
func answers(t *testing.T, server netip.AddrPort, names []snippet.Name) {
	t.Helper()
	for _, n := range names {
		name := strings.Replace(n.Name, "*", "anything", 1)
		if got := ask(t, server, name, dns.TypeA); !slices.Equal(got, n.V4) {
			t.Errorf("%s A is %v, want %v", name, got, n.V4)
		}
		if got := ask(t, server, name, dns.TypeAAAA); !slices.Equal(got, n.V6) {
			t.Errorf("%s AAAA is %v, want %v", name, got, n.V6)
		}
	}
	for _, name := range others {
		a, aaaa := ask(t, server, name, dns.TypeA), ask(t, server, name, dns.TypeAAAA)
		if !slices.Equal(a, []netip.Addr{worldA}) || !slices.Equal(aaaa, []netip.Addr{worldAAAA}) {
			t.Errorf("%s, which is the world's, is %v and %v", name, a, aaaa)
		}
	}
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// startDnsmasq runs dnsmasq with a config file's text.
func startDnsmasq(t *testing.T, config string, args ...string) netip.AddrPort {
	t.Helper()
	path, up, at := program(t, "dnsmasq"), world(t), free(t)
	file := write(t, filepath.Join(t.TempDir(), "edgeguard.conf"), config)
	return run(t, at, append([]string{path, "--keep-in-foreground", "--conf-file=" + file, "--pid-file=", "--no-resolv", "--no-hosts", "--user=root", "--bind-interfaces",
		"--listen-address=127.0.0.1", fmt.Sprintf("--port=%d", at.Port()), fmt.Sprintf("--server=%s#%d", up.Addr(), up.Port())}, args...)...)
}

func TestDnsmasq(t *testing.T) {
	names := slices.Concat(home, random(40))
	for _, id := range []string{"dnsmasq", "pihole-v5"} {
		answers(t, startDnsmasq(t, text(t, id, names)), names)
	}
}

// What Pi-hole 6 is given goes through a shell first.
func TestPihole6(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "out")
	script := strings.ReplaceAll(text(t, "pihole-v6", home), "/etc/dnsmasq.d/99-edgeguard.conf", file)
	shell(t, `sudo() { case "$1" in tee) "$@";; *) echo "$@" >>'`+folder+`/calls';; esac; }
`+script)
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	answers(t, startDnsmasq(t, string(config)), home)
	calls, _ := os.ReadFile(folder + "/calls")
	if want := "pihole-FTL --config misc.etc_dnsmasq_d true\nsystemctl restart pihole-FTL\n"; string(calls) != want {
		t.Errorf("it calls %q", calls)
	}
}

func shell(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.Command("sh", "-euc", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// OpenWrt makes a hosts file of the names, and a --server of each line of server.
func TestOpenWrt(t *testing.T) {
	names := slices.Concat(exactOnly(home[:5]), random(20))
	folder := t.TempDir()
	shell(t, `cd '`+folder+`'; : >hosts; : >conf
uci() {
	case "$1 $2" in
	set*.name=*) name=${2#*=};;
	set*.ip=*) echo "${2#*=} $name" >>hosts;;
	"add_list dhcp.@dnsmasq[0].server="*) echo "server=${2#*=}" >>conf;;
	"add dhcp"|"commit dhcp") ;;
	*) echo "unknown: $*" >&2; exit 1;;
	esac
}
`+strings.ReplaceAll(text(t, "openwrt", names), "/etc/init.d/dnsmasq restart", ":"))
	config, err := os.ReadFile(filepath.Join(folder, "conf"))
	if err != nil {
		t.Fatal(err)
	}
	answers(t, startDnsmasq(t, string(config), "--addn-hosts="+filepath.Join(folder, "hosts")), names)
}

func TestUnbound(t *testing.T) {
	path, up, at, folder := program(t, "unbound"), world(t), free(t), t.TempDir()
	names := slices.Concat(exactOnly(home), random(40))
	file := write(t, filepath.Join(folder, "edgeguard.conf"), text(t, "unbound", names))
	main := write(t, filepath.Join(folder, "unbound.conf"), fmt.Sprintf(`server:
    interface: 127.0.0.1@%d
    port: %d
    username: ""
    chroot: ""
    directory: %q
    pidfile: ""
    use-syslog: no
    do-not-query-localhost: no
    module-config: "iterator"
    do-daemonize: no
include: %q
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: %s@%d
`, at.Port(), at.Port(), folder, file, up.Addr(), up.Port()))
	answers(t, run(t, at, path, "-d", "-p", "-c", main), names)
}

func TestBIND(t *testing.T) {
	path, up, at, folder := program(t, "named"), world(t), free(t), t.TempDir()
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	names := slices.Concat(home, random(40))
	rpz := text(t, "bind", names)
	file := write(t, filepath.Join(folder, "edgeguard.rpz"), rpz)
	lines := strings.Split(rpz, "\n")
	// The lines that the text says go into named.conf.
	policy, zone := strings.TrimLeft(lines[1], "; "), strings.ReplaceAll(strings.TrimLeft(lines[3], "; "), "/etc/bind/edgeguard.rpz", file)
	main := write(t, filepath.Join(folder, "named.conf"), fmt.Sprintf(`options {
    directory %q; pid-file none; session-keyfile none; dnssec-validation no; recursion yes;
    listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; };
    forward only; forwarders port %d { %s; };
    %s
};
controls { };
%s
`, folder, at.Port(), up.Port(), up.Addr(), policy, zone))
	server := run(t, at, path, "-g", "-c", main)
	// BIND answers before it has taken the policy in.
	for deadline := time.Now().Add(patience); !slices.Equal(ask(t, server, names[0].Name, dns.TypeA), names[0].V4) && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	answers(t, server, names)
}

// The system's own resolver with the hosts file, in a mount namespace.
func TestHostsFile(t *testing.T) {
	unshare, _ := program(t, "unshare"), program(t, "getent")
	if os.Geteuid() != 0 {
		t.Skip("a mount namespace needs root")
	}
	file := write(t, filepath.Join(t.TempDir(), "hosts"), text(t, "hosts-unix", home))
	for _, n := range exactOnly(home) {
		for database, want := range map[string][]netip.Addr{"ahostsv4": n.V4, "ahosts": slices.Concat(n.V4, n.V6)} {
			if len(want) == 0 {
				continue // getent would ask the world
			}
			out, err := exec.Command(unshare, "-m", "sh", "-euc", `mount --bind "$0" /etc/hosts; exec getent "$1" "$2"`, file, database, n.Name).CombinedOutput()
			if err != nil {
				t.Fatalf("%s %s: %v: %s", database, n.Name, err, out)
			}
			var got []netip.Addr
			for line := range strings.Lines(string(out)) {
				if a, err := netip.ParseAddr(strings.Fields(line)[0]); err == nil && !slices.Contains(got, a) {
					got = append(got, a)
				}
			}
			slices.SortFunc(got, netip.Addr.Compare)
			if !slices.Equal(got, want) {
				t.Errorf("%s %s is %v, want %v", database, n.Name, got, want)
			}
		}
	}
}
