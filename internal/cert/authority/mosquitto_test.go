package authority

// A broker that asks for client certificates.

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// The broker knows the root alone; server and clients bring the intermediate.
func TestMosquittoTakesClientsByTheirCertificate(t *testing.T) {
	broker, pub := program(t, "mosquitto"), program(t, "mosquitto_pub")
	o := home
	o.OfflineFolder, o.Permitted = t.TempDir(), append([]string{"localhost"}, o.Permitted...)
	a := mustCreate(t, o)
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	root := write("ca.crt", keys.EncodeCertificates(a.Root()))
	server, err := a.IssueServer(ServerRequest{Names: []string{"localhost"}}, leafKeys[keys.P256]())
	if err != nil {
		t.Fatal(err)
	}
	write("server.pem", server.Combined())
	for _, name := range []string{"kitchen plug", "lost"} {
		client, err := a.IssueClient(ClientRequest{Name: name}, leafKeys[keys.P256]())
		if err != nil {
			t.Fatal(err)
		}
		write(name+".pem", client.Combined())
	}
	if _, err := a.Revoke("lost"); err != nil {
		t.Fatal(err)
	}
	crl, err := a.CRL()
	if err != nil {
		t.Fatal(err)
	}
	write("crl.pem", pemCRL(crl))
	// Only the user "kitchen plug" may write to "t": the name must arrive whole.
	write("acl", []byte("user kitchen plug\ntopic write t\n"))

	port := startMosquitto(t, broker, dir)
	for name, want := range map[string]bool{"kitchen plug": true, "lost": false} {
		own := filepath.Join(dir, name+".pem")
		says, ok := run(t, pub, "-h", "localhost", "-p", port, "--cafile", root, "--cert", own, "--key", own, "-V", "5", "-q", "1", "-t", "t", "-m", "x")
		if ok = ok && !strings.Contains(says, "Not authorized"); ok != want {
			t.Errorf("%q: accepted is %v: %s", name, ok, says)
		}
	}
	if says, ok := run(t, pub, "-h", "localhost", "-p", port, "--cafile", root, "-t", "t", "-m", "x"); ok {
		t.Errorf("one without a certificate is taken: %s", says)
	}
}

// startMosquitto starts a broker with the files in dir, and ends it with the
// test.
func startMosquitto(t *testing.T, broker, dir string) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	config := put(t, "mosquitto.conf", fmt.Appendf(nil, `listener %[1]s localhost
user root
certfile %[2]s/server.pem
keyfile %[2]s/server.pem
cafile %[2]s/ca.crt
crlfile %[2]s/crl.pem
acl_file %[2]s/acl
require_certificate true
use_identity_as_username true
`, port, dir))
	cmd := exec.CommandContext(t.Context(), broker, "-c", config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", "localhost:"+port)
		if err == nil {
			c.Close()
			return port
		}
		if time.Now().After(end) {
			t.Fatalf("the broker does not start: %v", err)
		}
	}
}
