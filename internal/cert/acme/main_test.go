package acme

// The counterparts: pebble, the CA of Let's Encrypt's own tests, with its
// challenge test server as the public DNS, and a front before it that counts
// and disturbs.

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		os.Exit(child(text))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		for _, w := range worlds {
			w.stop()
		}
		os.Exit(code)
	}))
}

// world is one pebble with its DNS.
type world struct {
	pebble   string // host:port of ACME
	manage   string // of its management
	dns      string // of the test server's DNS
	dnsAdmin string // of its management
	httpPort int
	roots    *x509.CertPool
	rootFile string
	pair     tls.Certificate
	dir      string
	running  []*exec.Cmd
	log      *lockedBuffer
}

var (
	worldsMu sync.Mutex
	worlds   = map[string]*world{}
)

// settings are what differs between worlds.
type settings struct {
	program string   // empty: pebble of the PATH
	env     []string // of pebble
	extra   string   // of its config, in JSON, with a comma at the end
}

// theWorld returns the world of these settings, started where it was not yet.
func theWorld(t testing.TB, s settings) *world {
	t.Helper()
	if s.program == "" {
		s.program = "pebble"
	}
	for _, program := range []string{s.program, "pebble-challtestsrv"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("EDGEGUARD_LAB") == "require" {
				t.Fatalf("EDGEGUARD_LAB=require, but there is no %s; scripts/lab-deps installs it", program)
			}
			t.Skipf("there is no %s; scripts/lab-deps installs it", program)
		}
	}
	worldsMu.Lock()
	defer worldsMu.Unlock()
	key := fmt.Sprint(s)
	if worlds[key] == nil {
		worlds[key] = startWorld(t, s)
	}
	return worlds[key]
}

// usual is the world of most tests.
func usual(t testing.TB) *world {
	return theWorld(t, settings{env: []string{"PEBBLE_WFE_NONCEREJECT=0"}})
}

func startWorld(t testing.TB, s settings) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "edgeguard-acme-")
	if err != nil {
		t.Fatal(err)
	}
	ports := freePorts(t, 5)
	at := func(n int) string { return fmt.Sprintf("127.0.0.1:%d", ports[n]) }
	w := &world{pebble: at(0), manage: at(1), dns: at(2), dnsAdmin: at(3), httpPort: ports[4], dir: dir, log: new(lockedBuffer)}
	w.makePair(t)
	conf := fmt.Sprintf(`{"pebble":{%s"listenAddress":%q,"managementListenAddress":%q,"certificate":%q,"privateKey":%q,
		"httpPort":%d,"tlsPort":5001,"keyAlgorithm":"ecdsa","retryAfter":{"authz":0,"order":0},
		"domainBlocklist":["blocked.example.net"],"caaIdentities":["pebble.example.net"],
		"profiles":{"default":{"description":"x","validityPeriod":7776000},"shortlived":{"description":"y","validityPeriod":518400}}}}`,
		s.extra, w.pebble, w.manage, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), w.httpPort)
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	w.start(t, nil, "pebble-challtestsrv", "-http01", "", "-https01", "", "-doh", "", "-tlsalpn01", "",
		"-dnsserver", w.dns, "-management", w.dnsAdmin, "-defaultIPv6", "")
	w.start(t, append([]string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0", "PEBBLE_WFE_ORDERS_PER_PAGE=5"}, s.env...),
		s.program, "-config", file, "-dnsserver", w.dns)
	w.awaitTCP(t, w.pebble)
	w.awaitTCP(t, w.dnsAdmin)
	return w
}

// start runs a program until the tests are over.
func (w *world) start(t testing.TB, env []string, argv ...string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = w.log, w.log
	cmd.SysProcAttr = dieWithUs()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.running = append(w.running, cmd)
}

func (w *world) stop() {
	for _, cmd := range w.running {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	_ = os.RemoveAll(w.dir)
}

func (w *world) awaitTCP(t testing.TB, address string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v\n%s", address, err, w.log.String())
		}
	}
}

// makePair makes the certificate of pebble and of the fronts, its own root.
func (w *world) makePair(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "front"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	w.rootFile = filepath.Join(w.dir, "cert.pem")
	for name, text := range map[string][]byte{"cert.pem": certPEM, "key.pem": keyPEM} {
		if err := os.WriteFile(filepath.Join(w.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if w.pair, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	w.roots = x509.NewCertPool()
	w.roots.AppendCertsFromPEM(certPEM)
}

func freePorts(t testing.TB, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// lockedBuffer is a buffer for two writers.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// zone is the public DNS as the test server has it: Records and Names of an
// Issuer. It has no memory of its own, so that a process can die.
type zone struct {
	dns, admin string
	single     bool
	caa        []string // what CAA answers
	addresses  []string // what Addresses answers
}

// ask puts one question to the test server.
func (z *zone) ask(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(name+".", kind)
	client := &dns.Client{Timeout: 30 * time.Second}
	res, _, err := client.ExchangeContext(ctx, q, z.dns)
	return res, err
}

// tell calls the test server's management.
func (z *zone) tell(ctx context.Context, what string, body map[string]string) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+z.admin+"/"+what, bytes.NewReader(text))
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", what, res.Status)
	}
	return nil
}

func (z *zone) values(ctx context.Context, name string) (list []string, err error) {
	res, err := z.ask(ctx, name, dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	for _, rr := range res.Answer {
		if t, ok := rr.(*dns.TXT); ok {
			list = append(list, strings.Join(t.Txt, ""))
		}
	}
	return list, nil
}

func (z *zone) Add(ctx context.Context, name, value string) error {
	if z.single {
		if err := z.tell(ctx, "clear-txt", map[string]string{"host": name + "."}); err != nil {
			return err
		}
	}
	return z.tell(ctx, "set-txt", map[string]string{"host": name + ".", "value": value})
}

func (z *zone) Remove(ctx context.Context, name, value string) error {
	list, err := z.values(ctx, name)
	if err != nil {
		return err
	}
	if err := z.tell(ctx, "clear-txt", map[string]string{"host": name + "."}); err != nil {
		return err
	}
	for _, other := range list {
		if other != value {
			if err := z.tell(ctx, "set-txt", map[string]string{"host": name + ".", "value": other}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (z *zone) Single(string) (bool, error) { return z.single, nil }

func (z *zone) Target(ctx context.Context, name string) (string, error) {
	res, err := z.ask(ctx, name, dns.TypeTXT)
	if err != nil {
		return "", err
	}
	for _, rr := range res.Answer {
		if c, ok := rr.(*dns.CNAME); ok {
			return strings.TrimSuffix(c.Target, "."), nil
		}
	}
	return name, nil
}

func (z *zone) TXT(ctx context.Context, name string) ([]View, error) {
	list, err := z.values(ctx, name)
	return []View{{Server: z.dns, Values: list, Err: err}}, nil
}

func (z *zone) Addresses(context.Context, string) ([]string, error) { return z.addresses, nil }

func (z *zone) CAA(context.Context, string) ([]string, error) { return z.caa, nil }
