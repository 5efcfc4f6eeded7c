package snippet_test

// The texts on the certificate in the real programs: Mosquitto, and clients of
// the kinds that people have.

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/snippet"
)

// house is a folder with an authority, what it issued, and the input of texts
// for a broker on loopback.
type house struct {
	folder string
	ca     *authority.Authority
	server keys.Pair
	in     snippet.Certificate
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{folder: t.TempDir()}
	var err error
	if h.ca, err = authority.Create(filepath.Join(h.folder, "ca"), authority.Options{Key: keys.P256}); err != nil {
		t.Fatal(err)
	}
	at := free(t)
	key := p256(t)
	h.server, err = h.ca.IssueServer(authority.ServerRequest{Names: []string{"mqtt.example.org"}, Addresses: []netip.Addr{at.Addr()}}, key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(h.folder, "combined.pem"), string(h.server.Combined()))
	write(t, filepath.Join(h.folder, "ca.crt"), string(keys.EncodeCertificates(h.ca.Root())))
	h.writeCRL(t)
	h.in = snippet.Certificate{Names: []string{at.Addr().String()}, Port: at.Port(), Folder: h.folder, OwnCA: true, Clients: true}
	return h
}

func p256(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := keys.P256.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (h *house) writeCRL(t *testing.T) {
	t.Helper()
	der, err := h.ca.CRL()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(h.folder, "crl.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})))
}

// client writes name.crt and name.key.
func (h *house) client(t *testing.T, ca *authority.Authority, name string) {
	t.Helper()
	pair, err := ca.IssueClient(authority.ClientRequest{Name: name}, p256(t))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(h.folder, name+".crt"), string(pair.FullChain()))
	write(t, filepath.Join(h.folder, name+".key"), string(pair.PrivateKey()))
}

// logged is a program's output, which grows while it is read.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// mosquitto runs the broker with a text and waits until it serves the pair.
func (h *house) mosquitto(t *testing.T, text string) (*os.Process, *logged) {
	t.Helper()
	log := &logged{}
	conf := write(t, filepath.Join(h.folder, "mosquitto.conf"), "user root\nlog_type all\n"+text)
	cmd := exec.Command(program(t, "mosquitto"), "-c", conf)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	until(t, log, func() bool {
		select {
		case <-ended:
			t.Fatalf("mosquitto has ended:\n%s", log)
		default:
		}
		leaf := h.served()
		return leaf != nil && leaf.Equal(h.server.Leaf())
	})
	return cmd.Process, log
}

// served is the leaf that the broker serves; nil where it does not answer.
func (h *house) served() (leaf *x509.Certificate) {
	_, _ = tls.Dial("tcp", fmt.Sprintf("%s:%d", h.in.Names[0], h.in.Port), &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		leaf = s.PeerCertificates[0]
		return os.ErrClosed // that is all we came for
	}})
	return leaf
}

func until(t *testing.T, log fmt.Stringer, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to that:\n%s", log)
		}
	}
}

// sh runs a text in the house's folder.
func (h *house) sh(t *testing.T, text string) (string, error) {
	t.Helper()
	cmd := exec.Command("sh", "-c", text)
	cmd.Dir = h.folder
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestMosquittoAsksClientsForACertificate(t *testing.T) {
	program(t, "mosquitto_sub")
	h := newHouse(t)
	h.client(t, h.ca, "phone")
	h.client(t, h.ca, "lost")
	stranger, err := authority.Create(filepath.Join(h.folder, "strange"), authority.Options{Key: keys.P256})
	if err != nil {
		t.Fatal(err)
	}
	h.client(t, stranger, "stranger")
	// What each may do goes by its user name, which must be the certificate's.
	acl := write(t, filepath.Join(h.folder, "acl"), "pattern readwrite home/%u\n")
	broker, log := h.mosquitto(t, certificateText(t, "mosquitto-clients", h.in)+"acl_file "+acl+"\n")

	line := strings.TrimSpace(certificateText(t, "mosquitto_sub", h.in))
	as := func(name, args string) string {
		return strings.ReplaceAll(strings.Replace(line, "-t '#' -v", "", 1), "phone", name) + args
	}
	publish := func(name string) (string, error) {
		return h.sh(t, strings.Replace(as(name, " -r -q 1 -m hello -t home/"+name), "mosquitto_sub", "mosquitto_pub", 1))
	}
	for _, name := range []string{"phone", "lost"} {
		if out, err := publish(name); err != nil {
			t.Fatalf("%s: %v %s\n%s", name, err, out, log)
		}
	}
	// The line as it stands, until a message comes: its own and no other one's.
	out, err := h.sh(t, line+" -C 1 -W 120")
	if err != nil || out != "home/phone hello\n" {
		t.Errorf("%v, %q\n%s", err, out, log)
	}
	if !strings.Contains(log.String(), "u'phone'") {
		t.Errorf("the user is not phone:\n%s", log)
	}
	for name, text := range map[string]string{
		"no certificate": strings.Split(line, " --cert")[0] + " -t x -E", "a stranger": as("stranger", " -t x -E"),
	} {
		if out, err := h.sh(t, text); err == nil {
			t.Errorf("%s got in: %s\n%s", name, out, log)
		}
	}

	// One that is connected stays, and the revoked one does not come back.
	live := exec.Command("sh", "-c", "exec "+as("phone", " -t home/phone -C 2 -W 120"))
	live.Dir = h.folder
	var heard bytes.Buffer
	live.Stdout, live.Stderr = &heard, &heard
	before := strings.Count(log.String(), "Sending SUBACK")
	if err := live.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, log, func() bool { return strings.Count(log.String(), "Sending SUBACK") > before })
	if revoked, err := h.ca.Revoke("lost"); err != nil || len(revoked) != 1 {
		t.Fatalf("%v, %v", revoked, err)
	}
	h.writeCRL(t)
	if err := broker.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until(t, log, func() bool { _, err := publish("lost"); return err != nil })
	if out, err := publish("phone"); err != nil {
		t.Errorf("phone is out as well: %s\n%s", out, log)
	}
	if err := live.Wait(); err != nil || heard.String() != "hello\nhello\n" {
		t.Errorf("the client that was connected: %v, %q\n%s", err, heard.String(), log)
	}
}

// A broker that asks for no certificate, and one that does, with the clients of
// scripts: each text connects as it stands.
func TestScriptsConnect(t *testing.T) {
	for _, clients := range []bool{false, true} {
		h := newHouse(t)
		h.client(t, h.ca, "phone")
		h.in.Clients = clients
		text := certificateText(t, "mosquitto", h.in) + "allow_anonymous true\n"
		if clients {
			text = certificateText(t, "mosquitto-clients", h.in)
		}
		_, log := h.mosquitto(t, text)

		paho := strings.Replace(certificateText(t, "paho", h.in), "client.loop_forever()",
			"client.on_connect = lambda c, u, f, rc, *more: (print('answer', rc), c.disconnect())\nclient.loop_forever()", 1)
		write(t, filepath.Join(h.folder, "script.py"), paho)
		needs(t, "/usr/bin/python3", "-c", "import paho.mqtt.client")
		if out, err := h.sh(t, "/usr/bin/python3 script.py"); err != nil || !strings.Contains(out, "answer 0") && !strings.Contains(out, "answer Success") {
			t.Errorf("paho: %v\n%s\n%s", err, out, log)
		}

		js := certificateText(t, "mqttjs", h.in) + "client.on('connect', () => { console.log('connected'); client.end() })\nclient.on('error', e => { console.log(e); process.exit(1) })\n"
		write(t, filepath.Join(h.folder, "script.js"), js)
		t.Setenv("NODE_PATH", "/usr/share/nodejs")
		needs(t, "node", "-e", "require('mqtt')")
		if out, err := h.sh(t, "node script.js"); err != nil || !strings.Contains(out, "connected") {
			t.Errorf("MQTT.js: %v\n%s\n%s", err, out, log)
		}
		// Told of no authority, they refuse the broker: they do check.
		h.in.OwnCA = false
		write(t, filepath.Join(h.folder, "blind.js"), strings.Replace(js, "  ca: fs.readFileSync('ca.crt'),\n", "", 1))
		if out, err := h.sh(t, "node blind.js"); err == nil {
			t.Errorf("MQTT.js trusts an authority that it was not told of:\n%s", out)
		}
	}
}

// needs skips the test where a program does not do what it is needed for.
func needs(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(program(t, name), args...).CombinedOutput(); err != nil {
		if os.Getenv("EDGEGUARD_LAB") == "require" {
			t.Fatalf("%v\n%s", err, out)
		}
		t.Skipf("%v\n%s", err, out)
	}
}
