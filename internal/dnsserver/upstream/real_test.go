package upstream_test

// Real counterparts: unbound over TLS, BIND over HTTPS, both in plain.

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

// program returns the path of a server that need not be there.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path = "/usr/sbin/" + name; exec.Command(path, "-V").Run() == nil {
			return path
		}
		if os.Getenv("EDGEGUARD_LAB") == "require" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// freePorts returns ports of loopback that are free for UDP and TCP.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		packets, stream := pair(t)
		defer packets.Close()
		defer stream.Close()
		ports = append(ports, packets.LocalAddr().(*net.UDPAddr).Port)
	}
	return ports
}

// spawn runs a server until the test ends, and waits until ready says so.
func spawn(t *testing.T, ready func() bool, path string, args ...string) {
	t.Helper()
	cmd := exec.Command(path, args...)
	var mu sync.Mutex
	var out bytes.Buffer
	cmd.Stdout = writer(func(p []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return out.Write(p) })
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", path, out.String())
		}
	})
	for deadline := time.Now().Add(3 * time.Minute); !ready(); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v", path, err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come up", path)
		}
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// direct asks a server without a pool.
func direct(network string, port int, m *dns.Msg) (*dns.Msg, error) {
	client := &dns.Client{Net: network, Timeout: time.Second}
	r, _, err := client.Exchange(m, fmt.Sprintf("127.0.0.1:%d", port))
	return r, err
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// askAll asks what every server below knows, over each URL.
func askAll(t *testing.T, ca *authority, urls ...string) {
	t.Helper()
	for _, url := range urls {
		t.Run(url[:strings.Index(url, ":")], func(t *testing.T) {
			p := opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, url)}, RootCAs: ca.roots})
			var asking sync.WaitGroup
			for i := range 100 {
				asking.Go(func() {
					r, err := p.ExchangeMsg(t.Context(), new(dns.Msg).SetQuestion(fmt.Sprintf("h%d.example.", i), dns.TypeA))
					if err != nil {
						t.Error(err)
						return
					}
					wantAddr(t, r, fmt.Sprintf("192.0.2.%d", i))
				})
			}
			asking.Wait()
			r, err := p.ExchangeMsg(t.Context(), new(dns.Msg).SetQuestion("long.example.", dns.TypeTXT))
			if err != nil || len(r.Answer) != 20 || r.Truncated {
				t.Errorf("a long answer is %v, %v", r, err)
			}
			r, err = p.ExchangeMsg(t.Context(), new(dns.Msg).SetQuestion("nope.example.", dns.TypeA))
			if err != nil || r.Rcode != dns.RcodeNameError || len(r.Ns) != 1 || r.Ns[0].Header().Rrtype != dns.TypeSOA {
				t.Errorf("a name that is not there is %v, %v", r, err)
			}
			if addrs, err := p.LookupNetIP(t.Context(), "ip", "h7.example"); err != nil || len(addrs) != 1 || addrs[0] != netip.MustParseAddr("192.0.2.7") {
				t.Errorf("LookupNetIP = %v, %v", addrs, err)
			}
			if st := p.Status()[0]; st.Failures != 0 || st.RTT <= 0 {
				t.Errorf("status %+v", st)
			}
		})
	}
}

// lines gives the records that both servers have, one a line.
func lines(format string) string {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, format+"\n", fmt.Sprintf("h%d.example. 60 IN A 192.0.2.%d", i, i))
	}
	for i := range 20 {
		fmt.Fprintf(&b, format+"\n", fmt.Sprintf("long.example. 60 IN TXT %d-%s", i, strings.Repeat("x", 200)))
	}
	return b.String()
}

func TestRealUnbound(t *testing.T) {
	path := program(t, "unbound")
	ca := newAuthority(t)
	cert, key := files(t, ca.server(t, yesterday(), "127.0.0.1"))
	dir, ports := t.TempDir(), freePorts(t, 2)
	plain, tls := ports[0], ports[1]
	conf := filepath.Join(dir, "unbound.conf")
	writeFile(t, conf, fmt.Sprintf(`server:
  interface: 127.0.0.1@%d
  interface: 127.0.0.1@%d
  tls-port: %d
  tls-service-key: "%s"
  tls-service-pem: "%s"
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "%s"
  pidfile: ""
  use-syslog: no
  num-threads: 1
  module-config: "iterator"
  local-zone: "." static
  local-zone: "example." static
  local-data: "example. 60 IN SOA a. b. 1 2 3 4 5"
%sremote-control:
  control-enable: no
`, plain, tls, tls, key, cert, dir, lines(`  local-data: "%s"`)))
	up := func() bool {
		_, err := direct("tcp", plain, new(dns.Msg).SetQuestion("example.", dns.TypeSOA))
		return err == nil
	}
	spawn(t, up, path, "-d", "-c", conf)
	askAll(t, ca, fmt.Sprintf("udp://127.0.0.1:%d", plain), fmt.Sprintf("tcp://127.0.0.1:%d", plain), fmt.Sprintf("tls://127.0.0.1:%d", tls))
}

func TestRealBIND(t *testing.T) {
	path := program(t, "named")
	ca := newAuthority(t)
	cert, key := files(t, ca.server(t, yesterday(), "127.0.0.1"))
	dir, ports := t.TempDir(), freePorts(t, 3)
	plain, tls, https := ports[0], ports[1], ports[2]
	conf := filepath.Join(dir, "named.conf")
	writeFile(t, conf, fmt.Sprintf(`options {
  directory "%[1]s"; key-directory "%[1]s"; pid-file none; session-keyfile none; lock-file none; managed-keys-directory "%[1]s";
  recursion no; notify no; dnssec-validation no; listen-on-v6 { none; };
  listen-on port %[2]d { 127.0.0.1; };
  listen-on port %[3]d tls ours { 127.0.0.1; };
  listen-on port %[4]d tls ours http ours { 127.0.0.1; };
};
controls { };
tls ours { key-file "%[5]s"; cert-file "%[6]s"; };
http ours { endpoints { "/dns-query"; }; };
zone "example" { type primary; file "example.zone"; };
zone "signed" { type primary; file "signed.zone"; dnssec-policy default; inline-signing yes; notify no; };
`, dir, plain, tls, https, key, cert))
	const head = "@ 60 IN SOA a.invalid. b.invalid. 1 3600 600 86400 60\n@ 60 IN NS localhost.\n"
	writeFile(t, filepath.Join(dir, "example.zone"), head+strings.ReplaceAll(lines("%s"), "; ", ""))
	writeFile(t, filepath.Join(dir, "signed.zone"), head+"www 60 IN A 192.0.2.1\nalias 60 IN CNAME www\nb 60 IN DNAME c\nx.c 60 IN A 192.0.2.2\n")
	signed := new(dns.Msg).SetQuestion("www.signed.", dns.TypeA).SetEdns0(1232, true)
	up := func() bool {
		r, err := direct("tcp", plain, signed)
		return err == nil && len(r.Answer) == 2
	}
	spawn(t, up, path, "-g", "-c", conf)
	local := fmt.Sprintf("127.0.0.1:%d", plain)
	over := fmt.Sprintf("https://127.0.0.1:%d/dns-query", https)
	askAll(t, ca, "udp://"+local, "tcp://"+local, fmt.Sprintf("tls://127.0.0.1:%d", tls), over, "https+get://"+strings.TrimPrefix(over, "https://"))

	// Signatures and denials come through whole.
	p := opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, over)}, RootCAs: ca.roots})
	for name, qtype := range map[string]uint16{
		"www.signed.": dns.TypeA, "alias.signed.": dns.TypeA, "x.b.signed.": dns.TypeA, "www.signed": dns.TypeAAAA, "nope.signed.": dns.TypeA,
		"signed.": dns.TypeDNSKEY, "a.nope.signed.": dns.TypeTXT,
	} {
		query := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype).SetEdns0(1232, true)
		want, err := direct("tcp", plain, query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.ExchangeMsg(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		if got.Rcode != want.Rcode || len(got.Answer) != len(want.Answer) || len(got.Ns) != len(want.Ns) || !got.IsEdns0().Do() {
			t.Errorf("%s %s: BIND says\n%v\nand what is kept is\n%v", name, dns.TypeToString[qtype], want, got)
		}
	}
}
