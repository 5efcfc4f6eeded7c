package provider_test

// Name servers on loopback: BIND 9, and servers that lie.

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
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
texts   777 IN TXT "another's"
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
	deadline := time.After(3 * time.Minute)
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

// serveSigned answers everything over TCP with a code, and signs it with the
// key; tsig is the error in the signature.
func serveSigned(t *testing.T, rcode int, tsig uint16) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	up, done := make(chan struct{}), make(chan error, 1)
	s := &dns.Server{Listener: l, TsigSecret: map[string]string{"home-key.": tsigSecret}, NotifyStartedFunc: func() { close(up) },
		MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept },
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetRcode(q, rcode)
			m.SetTsig("home-key.", dns.HmacSHA256, 300, time.Now().Unix())
			m.IsTsig().Error = tsig
			if err := w.WriteMsg(m); err != nil {
				t.Errorf("answering: %v", err)
			}
		})}
	go func() { done <- s.ActivateAndServe() }()
	<-up
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Errorf("shutting down: %v", err)
		}
		<-done
	})
	return l.Addr().String()
}
