package deploy_test

// A real broker on loopback: mosquitto with TLS.

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/deploy"
)

// patience is for what happens soon on any machine that is not stuck.
const patience = 3 * time.Minute

// need returns the path of a program, or skips the test; with EDGEGUARD_LAB=require
// it fails.
func need(t *testing.T, program string) string {
	t.Helper()
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("EDGEGUARD_LAB") == "require" {
		t.Fatalf("EDGEGUARD_LAB=require, but %s is missing; scripts/lab-deps gets it", program)
	}
	t.Skipf("%s is not installed; scripts/lab-deps gets it", program)
	return ""
}

// eventually waits until check returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(limit) {
			t.Fatal(err)
		}
	}
}

// output keeps what a program says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// program is one that was started, and is ended with the test.
type program struct {
	*exec.Cmd
	out   output
	ended chan struct{} // closed when it has ended; ProcessState is set then
}

func start(t *testing.T, env []string, argv ...string) *program {
	t.Helper()
	p := &program{Cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	p.Env = append(os.Environ(), env...)
	p.Stdout, p.Stderr = &p.out, &p.out
	p.WaitDelay = 10 * time.Second
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.Wait(); close(p.ended) }()
	t.Cleanup(func() {
		_ = p.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(patience):
			_ = p.Process.Kill()
			<-p.ended
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", argv[0], p.out.String())
		}
	})
	return p
}

// broker is a mosquitto that reads its certificate from dir.
type broker struct {
	*program
	dir, addr string
	pidFile   string
}

// startBroker starts mosquitto by a command that it is the end of; nil is
// mosquitto alone.
func startBroker(t *testing.T, dir string, env []string, by ...string) *broker {
	t.Helper()
	mosquitto := need(t, "mosquitto")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{dir: dir, addr: l.Addr().String(), pidFile: filepath.Join(t.TempDir(), "broker.pid")}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	// As another user than root it could not read the files of the test.
	conf := fmt.Sprintf("user root\npid_file %s\nlog_dest stderr\nallow_anonymous true\nlistener %d 127.0.0.1\ncertfile %s/combined.pem\nkeyfile %s/combined.pem\n",
		b.pidFile, port, dir, dir)
	file := filepath.Join(filepath.Dir(b.pidFile), "mosquitto.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	b.program = start(t, env, append(by, mosquitto, "-c", file)...)
	eventually(t, func() error {
		select {
		case <-b.ended:
			t.Fatalf("the broker has ended: %s", b.out.String())
		default:
		}
		_, err := b.served(nil)
		return err
	})
	return b
}

// rsaOnly is a client that knows no ECDSA.
var rsaOnly = &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}

// served is the certificate that a new connection gets.
func (b *broker) served(cfg *tls.Config) (*x509.Certificate, error) {
	conn, err := b.dial(cfg)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

func (b *broker) dial(cfg *tls.Config) (*tls.Conn, error) {
	if cfg == nil {
		cfg = &tls.Config{}
	}
	cfg = cfg.Clone()
	cfg.InsecureSkipVerify = true // which one is served is the question
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", b.addr, cfg)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(patience))
}

// serves fails the test unless new connections get want before long.
func (b *broker) serves(t *testing.T, want *x509.Certificate) {
	t.Helper()
	eventually(t, func() error {
		leaf, err := b.served(nil)
		if err == nil && !leaf.Equal(want) {
			err = fmt.Errorf("certificate %v is served, not %v", leaf.SerialNumber, want.SerialNumber)
		}
		return err
	})
}

// session is one that lives through a renewal.
type session struct{ *tls.Conn }

func (b *broker) session(t *testing.T) session {
	t.Helper()
	conn, err := b.dial(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := session{conn}
	if answer, err := s.ask("\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01s", 4); err != nil || answer != "\x20\x02\x00\x00" {
		t.Fatalf("CONNECT is answered %q, %v", answer, err)
	}
	return s
}

func (s session) ask(packet string, length int) (string, error) {
	if _, err := io.WriteString(s, packet); err != nil {
		return "", err
	}
	answer := make([]byte, length)
	_, err := io.ReadFull(s, answer)
	return string(answer), err
}

// lives fails the test unless the session answers a PINGREQ.
func (s session) lives(t *testing.T) {
	t.Helper()
	if answer, err := s.ask("\xc0\x00", 2); err != nil || answer != "\xd0\x00" {
		t.Errorf("the session did not live: %q, %v", answer, err)
	}
}

// bySignal returns a deployer that signals this broker and no other.
func (b *broker) bySignal() *deploy.Deployer {
	cfg := config(b.dir)
	cfg.Reload, cfg.PIDFile = deploy.ReloadSignal, b.pidFile
	return deploy.New(cfg)
}

func TestARenewalBySignal(t *testing.T) {
	dir := t.TempDir()
	p := house()
	first := p.issue(p.rsa[0])
	write(t, deploy.New(config(dir)), handed(first), true)
	b := startBroker(t, dir, nil)
	d := b.bySignal()
	b.serves(t, first.Leaf())
	s := b.session(t)
	for _, key := range []int{0, 1} { // the same key, then a new one
		next := p.issue(p.rsa[key])
		write(t, d, handed(next), true)
		if err := d.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.serves(t, next.Leaf())
		s.lives(t)
	}
}

// What RestartWords says is so: OpenSSL keeps a certificate of each kind.
func TestAnotherKindOfKeyNeedsARestart(t *testing.T) {
	dir := t.TempDir()
	p := house()
	first := p.issue(p.rsa[0])
	write(t, deploy.New(config(dir)), handed(first), true)
	b := startBroker(t, dir, nil)
	d := b.bySignal()
	write(t, d, handed(p.pairs[0]), true)
	if err := d.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.serves(t, p.pairs[0].Leaf())
	if leaf, err := b.served(rsaOnly); err != nil || !leaf.Equal(first.Leaf()) {
		t.Errorf("to a client that knows RSA only: %v; the broker has learned it: change RestartWords", err)
	}
	// And back again: whoever knows both gets the old one.
	second := p.issue(p.rsa[0])
	write(t, d, handed(second), true)
	if err := d.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		leaf, err := b.served(rsaOnly)
		if err == nil && !leaf.Equal(second.Leaf()) {
			err = errors.New("the new one is not served to a client that knows RSA only")
		}
		return err
	})
	if leaf, err := b.served(nil); err != nil || !leaf.Equal(p.pairs[0].Leaf()) {
		t.Errorf("to a client that knows both: %v; the broker has learned it: change RestartWords", err)
	}
}

// A broker that is not told goes on with what it has; a restart finds the new one.
func TestABrokerThatDoesNotReload(t *testing.T) {
	dir := t.TempDir()
	p := house()
	d := deploy.New(config(dir))
	write(t, d, handed(p.pairs[0]), true)
	b := startBroker(t, dir, nil)
	write(t, d, handed(p.pairs[1]), true)
	if err := d.Reload(t.Context()); !errors.Is(err, deploy.ErrNoReload) {
		t.Errorf("Reload gives %v", err)
	}
	if leaf, err := b.served(nil); err != nil || !leaf.Equal(p.pairs[0].Leaf()) {
		t.Errorf("it serves something else: %v", err)
	}
	again := startBroker(t, dir, nil)
	again.serves(t, p.pairs[1].Leaf())
	if strings.Contains(again.out.String(), "rror") {
		t.Errorf("it says %s", again.out.String())
	}
}
