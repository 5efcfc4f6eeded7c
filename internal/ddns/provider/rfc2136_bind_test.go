package provider_test

// RFC 2136 against BIND 9 on loopback, and against servers that lie.

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/miekg/dns"
)

const (
	tsigSecret  = "Zm9yIHRlc3RzIG9ubHksIG5vdCBmb3IgYSByZWFsIHpvbmU="
	tsigSecret2 = "YW5vdGhlciBzZWNyZXQgdGhhdCB0aGUgc2VydmVyIGhhcyBub3Q="
)

const bindConfig = `
options {
	directory "%[1]s";
	pid-file "%[1]s/named.pid";
	session-keyfile "%[1]s/session.key";
	managed-keys-directory "%[1]s";
	listen-on port %[2]d { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no;
	notify no;
	dnssec-validation no;
	empty-zones-enable no;
};
controls { };
key "home-key" { algorithm hmac-sha256; secret "%[3]s"; };
key "long-key" { algorithm hmac-sha512; secret "%[3]s"; };
key "other-key" { algorithm hmac-sha256; secret "%[3]s"; };
zone "example.org" {
	type primary;
	file "%[1]s/example.org.zone";
	update-policy {
		grant home-key zonesub ANY;
		grant long-key zonesub ANY;
		grant other-key name other.example.org. A;
	};
};
`

const bindZone = `$TTL 300
@       IN SOA ns.example.org. admin.example.org. 1 3600 600 86400 300
@       IN NS  ns.example.org.
ns      IN A   127.0.0.1
@       IN A   11.0.0.1
home    IN A   11.0.0.2
home    120 IN AAAA 2001:db8:2::7
twice   IN A   11.0.0.3
twice   IN A   11.0.0.4
alias   IN CNAME ns
`

// bind is a running named.
type bind struct{ port int }

// startBind runs named until the test ends.
func startBind(t *testing.T) *bind {
	t.Helper()
	path, err := exec.LookPath("named")
	if err != nil {
		if os.Getenv("EDGEGUARD_LAB") == "require" {
			t.Fatal("named is not installed, and the lab is required")
		}
		t.Skip("named is not installed")
	}
	dir := t.TempDir()
	b := &bind{freePort(t)}
	conf := filepath.Join(dir, "named.conf")
	for name, text := range map[string]string{conf: fmt.Sprintf(bindConfig, dir, b.port, tsigSecret), filepath.Join(dir, "example.org.zone"): bindZone} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, "-g", "-c", conf, "-n", "1")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Logf("ending named: %v", err)
		}
		<-done
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("named says:\n%s", text)
		}
		log.Close()
	})
	b.waitUp(t, done)
	return b
}

// freePort is a port that was free over both UDP and TCP.
func freePort(t *testing.T) int {
	t.Helper()
	for range 20 {
		tcp, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		udp, err := net.ListenPacket("udp4", tcp.Addr().String())
		tcp.Close()
		if err == nil {
			udp.Close()
			return tcp.Addr().(*net.TCPAddr).Port
		}
	}
	t.Fatal("no port is free over both UDP and TCP")
	return 0
}

func (b *bind) addr() string { return fmt.Sprintf("127.0.0.1:%d", b.port) }

// waitUp asks until named answers.
func (b *bind) waitUp(t *testing.T, done chan error) {
	t.Helper()
	client := &dns.Client{Timeout: 500 * time.Millisecond}
	deadline := time.After(20 * time.Second)
	for {
		q := new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA)
		if m, _, err := client.Exchange(q, b.addr()); err == nil && m.Rcode == dns.RcodeSuccess {
			return
		}
		select {
		case err := <-done:
			done <- err
			t.Fatalf("named ended: %v", err)
		case <-deadline:
			t.Fatal("named does not answer")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// has is what the server has of a name and type: "TTL DATA …", in order.
func (b *bind) has(t *testing.T, name string, rtype uint16) string {
	t.Helper()
	q := new(dns.Msg).SetQuestion(name, rtype)
	m, _, err := new(dns.Client).Exchange(q, b.addr())
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, rr := range m.Answer {
		list = append(list, fmt.Sprint(rr.Header().Ttl, " ", dns.Field(rr, 1)))
	}
	return strings.Join(list, " ")
}

// account is one that may change the zone.
func (b *bind) account() provider.Account {
	return provider.Account{Provider: "rfc2136", Server: b.addr(), User: "home-key", Token: secret.New(tsigSecret)}
}

// loopbackDial dials what it is told to, on loopback.
func loopbackDial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

func update(t *testing.T, dial provider.DialFunc, domain string, a provider.Account) provider.Provider {
	t.Helper()
	p, err := provider.New(provider.Config{Dial: dial}, domain, a)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRFC2136AgainstBIND(t *testing.T) {
	b := startBind(t)
	set := func(a provider.Account, domain string, addr netip.Addr) (netip.Addr, error) {
		return update(t, loopbackDial, domain, a).Set(t.Context(), domain, addr)
	}
	for _, c := range []struct {
		what, domain string
		addr         netip.Addr
		a, aaaa      string // what the server has afterwards
	}{
		{"A, with the TTL that it had", "home.example.org", addrA, "300 11.22.33.44", "120 2001:db8:2::7"},
		{"AAAA, with the TTL that it had", "home.example.org", addr6, "300 11.22.33.44", "120 2001:db8:1::7"},
		{"the same again", "home.example.org", addr6, "300 11.22.33.44", "120 2001:db8:1::7"},
		{"the zone itself", "example.org", addrA, "300 11.22.33.44", ""},
		{"a new name", "new.example.org", addrA, "60 11.22.33.44", ""},
		{"a new name with dots", "a.b.example.org.", addr6, "", "60 2001:db8:1::7"},
		{"several records", "twice.example.org", addrA, "300 11.22.33.44", ""},
		{"a 4-in-6 address", "mapped.example.org", netip.MustParseAddr("::ffff:11.22.33.44"), "60 11.22.33.44", ""},
		{"a wildcard", "*.example.org", addrA, "60 11.22.33.44", ""},
	} {
		shown, err := set(b.account(), c.domain, c.addr)
		name := dns.Fqdn(c.domain)
		if err != nil || shown != c.addr.Unmap() || b.has(t, name, dns.TypeA) != c.a || b.has(t, name, dns.TypeAAAA) != c.aaaa {
			t.Errorf("%s: Set = %v, %v; the server has %q and %q", c.what, shown, err, b.has(t, name, dns.TypeA), b.has(t, name, dns.TypeAAAA))
		}
	}
	if got := b.has(t, "example.org.", dns.TypeNS); got == "" {
		t.Error("the zone's other records are gone")
	}
	long := b.account()
	long.User, long.Algorithm = "Long-Key.", "HMAC-SHA512"
	if _, err := set(long, "long.example.org", addr6); err != nil {
		t.Errorf("with another algorithm: %v", err)
	}

	wrong := func(change func(*provider.Account)) provider.Account {
		a := b.account()
		change(&a)
		return a
	}
	for _, c := range []struct {
		what, domain string
		a            provider.Account
		kind         provider.FaultKind
		word         string
	}{
		{"no such key", "home.example.org", wrong(func(a *provider.Account) { a.User = "nobody" }), provider.Final, "BADKEY"},
		{"another algorithm", "home.example.org", wrong(func(a *provider.Account) { a.Algorithm = "hmac-sha1" }), provider.Final, "BADKEY"},
		{"another secret", "home.example.org", wrong(func(a *provider.Account) { a.Token = secret.New(tsigSecret2) }), provider.Final, "BADSIG"},
		{"not granted", "home.example.org", wrong(func(a *provider.Account) { a.User = "other-key" }), provider.Doubtful, "REFUSED"},
		{"another zone", "home.example.net", b.account(), provider.Doubtful, "NOTAUTH"},
		{"a zone that is a name", "x.home.example.org", wrong(func(a *provider.Account) { a.Zone = "home.example.org" }), provider.Doubtful, "NOTAUTH"},
		{"an alias", "alias.example.org", b.account(), provider.Failed, "CNAME"},
	} {
		_, err := set(c.a, c.domain, addrB)
		if f := wantFault(t, err, c.kind, c.a.Token.Reveal()); !contains(f.Text, c.word) || f.Action == "" {
			t.Errorf("%s: fault is %+v", c.what, f)
		}
	}

	for _, ahead := range []time.Duration{-2 * time.Hour, 2 * time.Hour} {
		p := update(t, loopbackDial, "home.example.org", b.account())
		provider.AtClock(p, ahead)
		_, err := p.Set(t.Context(), "home.example.org", addrB)
		if f := wantFault(t, err, provider.Failed, tsigSecret); !contains(f.Text, "clock") || !contains(f.Action, "clock") {
			t.Errorf("fault is %+v", f)
		}
	}
	if got := b.has(t, "home.example.org.", dns.TypeA); got != "300 11.22.33.44" {
		t.Errorf("what was refused has changed the record to %q", got)
	}

	home := update(t, loopbackDial, "home.example.org", b.account())
	for _, addr := range []netip.Addr{addrB, addrA, addrA} { // another's, ours, and once more
		if err := home.Delete(t.Context(), "home.example.org", addr); err != nil {
			t.Error(err)
		}
		if got := b.has(t, "home.example.org.", dns.TypeA); addr == addrB && got != "300 11.22.33.44" || addr == addrA && strings.Contains(got, "300") {
			t.Errorf("after deleting %s the server has %q", addr, got)
		}
	}
	if got := b.has(t, "home.example.org.", dns.TypeAAAA); got != "120 2001:db8:1::7" {
		t.Errorf("the other family is %q", got)
	}
}

// Where UDP brings nothing, or what anybody may have made up, TCP is tried.
func TestRFC2136FallsBackToTCP(t *testing.T) {
	b := startBind(t)
	for what, answer := range map[string]func(q *dns.Msg) *dns.Msg{
		"silence": func(*dns.Msg) *dns.Msg { return nil },
		"spoofed success": func(q *dns.Msg) *dns.Msg {
			return new(dns.Msg).SetReply(q)
		},
		"spoofed refusal": func(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeRefused) },
		"truncated": func(q *dns.Msg) *dns.Msg {
			m := new(dns.Msg).SetReply(q)
			m.Truncated = true
			return m
		},
		"another's answer": func(q *dns.Msg) *dns.Msg {
			m := new(dns.Msg).SetReply(q)
			m.Id++
			return m
		},
	} {
		t.Run(what, func(t *testing.T) {
			liar := serveUDP(t, answer)
			name := strings.ReplaceAll(strings.ReplaceAll(what, " ", ""), "'", "") + ".example.org"
			dial := func(ctx context.Context, network, address string) (net.Conn, error) {
				if network == "udp" {
					address = liar
				}
				return loopbackDial(ctx, network, address)
			}
			shown, err := update(t, dial, name, b.account()).Set(t.Context(), name, addrA)
			if err != nil || shown != addrA || b.has(t, name+".", dns.TypeA) != "60 11.22.33.44" {
				t.Errorf("Set = %v, %v; the server has %q", shown, err, b.has(t, name+".", dns.TypeA))
			}
		})
	}
}

// serveUDP answers every datagram with what answer makes of it.
func serveUDP(t *testing.T, answer func(q *dns.Msg) *dns.Msg) string {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			q := new(dns.Msg)
			if q.Unpack(buf[:n]) != nil {
				continue
			}
			q.Extra = nil
			if m := answer(q); m != nil {
				if raw, err := m.Pack(); err == nil {
					_, _ = conn.WriteTo(raw, from)
				}
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().String()
}

// A server over TCP that nobody has given the key, or that is none.
func TestRFC2136AnswersWithoutASignature(t *testing.T) {
	for what, c := range map[string]struct {
		answer func(q *dns.Msg) []byte
		kind   provider.FaultKind
	}{
		"unsigned success": {func(q *dns.Msg) []byte { return pack(new(dns.Msg).SetReply(q)) }, provider.Failed},
		"unsigned refusal": {func(q *dns.Msg) []byte { return pack(new(dns.Msg).SetRcode(q, dns.RcodeRefused)) }, provider.Doubtful},
		"signed by another": {func(q *dns.Msg) []byte {
			m := new(dns.Msg).SetReply(q)
			m.SetTsig("home-key.", dns.HmacSHA256, 300, time.Now().Unix())
			raw, _, err := dns.TsigGenerate(m, tsigSecret2, "", false)
			if err != nil {
				panic(err)
			}
			return raw
		}, provider.Failed},
		"garbage":     {func(*dns.Msg) []byte { return []byte("garbage") }, provider.Failed},
		"hanging up":  {func(*dns.Msg) []byte { return nil }, provider.Failed},
		"another's":   {func(q *dns.Msg) []byte { q.Id++; return pack(new(dns.Msg).SetReply(q)) }, provider.Failed},
		"other names": {func(q *dns.Msg) []byte { m := new(dns.Msg).SetReply(q); m.Question[0].Name = "x."; return pack(m) }, provider.Failed},
	} {
		t.Run(what, func(t *testing.T) {
			at := serveTCP(t, c.answer)
			udp := serveUDP(t, func(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetReply(q) })
			a := provider.Account{Provider: "rfc2136", Server: at, User: "home-key", Token: secret.New(tsigSecret)}
			dial := func(ctx context.Context, network, address string) (net.Conn, error) {
				if network == "udp" {
					address = udp
				}
				return loopbackDial(ctx, network, address)
			}
			_, err := update(t, dial, "home.example.org", a).Set(t.Context(), "home.example.org", addrA)
			wantFault(t, err, c.kind, tsigSecret)
			// The same answers to the update itself leave open what happened.
			err = update(t, dial, "home.example.org", a).Delete(t.Context(), "home.example.org", addrA)
			kind := provider.Unclear
			if c.kind == provider.Doubtful {
				kind = provider.Doubtful
			}
			wantFault(t, err, kind, tsigSecret)
		})
	}
	a := provider.Account{Provider: "rfc2136", Server: "ns.example.org", User: "home-key", Token: secret.New(tsigSecret)}
	var asked []string
	p := update(t, func(_ context.Context, network, address string) (net.Conn, error) {
		asked = append(asked, network+" "+address)
		return nil, errDown
	}, "home.example.org", a)
	_, err := p.Set(t.Context(), "home.example.org", addrA)
	wantFault(t, err, provider.Failed, tsigSecret)
	if got := strings.Join(asked, ", "); got != "udp ns.example.org:53, tcp ns.example.org:53" {
		t.Errorf("dialed %s", got)
	}
}

func pack(m *dns.Msg) []byte {
	raw, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return raw
}

// serveTCP answers one message on every connection.
func serveTCP(t *testing.T, answer func(q *dns.Msg) []byte) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			answerOnce(conn, answer)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func answerOnce(conn net.Conn, answer func(q *dns.Msg) []byte) {
	defer conn.Close()
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	q := new(dns.Msg)
	if _, err := io.ReadFull(conn, buf); err != nil || q.Unpack(buf) != nil {
		return
	}
	q.Extra = nil
	if raw := answer(q); raw != nil {
		_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(raw))), raw...))
	}
}
