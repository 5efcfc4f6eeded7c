package cert_test

// A CA that issues real certificates, and a broker that reads what it is handed.

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/acme"
	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/cert/keys"

	cert "github.com/edgeguard/edgeguard/internal/cert"
)

// ca issues real certificates: as a public CA and as the own one.
type ca struct {
	mu       sync.Mutex
	t        *testing.T
	key      *ecdsa.PrivateKey
	root     *x509.Certificate
	issuer   *x509.Certificate // nil: root
	now      func() time.Time
	life     time.Duration
	takes    time.Duration                                // how long an order takes
	fail     func() error                                 // nil: none
	issued   func()                                       // called once an order is done, before it is handed out
	window   func(*x509.Certificate) (acme.Window, error) // nil: none
	names    func([]string) []string                      // changes what is issued; nil: not
	attempts []time.Time
	keys     []crypto.PublicKey // one for each attempt
	orders   int                // those that the CA counts
	asks     int
	serial   int64
	open     map[string][]*x509.Certificate // by key: the newest order's
	crl      []byte
	err      error // of Authority
}

func newCA(t *testing.T, name string) *ca {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &ca{t: t, key: key, now: time.Now, life: 90 * day, serial: 1, takes: 3 * time.Second, open: map[string][]*x509.Certificate{}, crl: []byte("no one")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c.root, _ = x509.ParseCertificate(der)
	return c
}

const day = 24 * time.Hour

// sign issues a certificate.
func (c *ca) sign(names []string, public crypto.PublicKey) []*x509.Certificate {
	c.serial++
	if c.names != nil {
		names = c.names(names)
	}
	now := c.now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(c.serial), Subject: pkix.Name{CommonName: "leaf"}, DNSNames: names,
		NotBefore: now, NotAfter: now.Add(c.life), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.root, public, c.key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return []*x509.Certificate{leaf, c.root}
}

// Obtain implements cert.Issuer. As the real one, it hands out again what it has
// for a key, unless that is what is to be replaced.
func (c *ca) Obtain(ctx context.Context, r acme.Request) ([]*x509.Certificate, error) {
	c.mu.Lock()
	c.attempts = append(c.attempts, c.now())
	c.keys = append(c.keys, r.Key.Public())
	fail := c.fail
	c.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(c.takes):
	}
	if fail != nil {
		if err := fail(); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	spki, err := x509.MarshalPKIXPublicKey(r.Key.Public())
	if err != nil {
		return nil, err
	}
	chain := c.open[string(spki)]
	if chain == nil || r.Replaces != nil && r.Replaces.Equal(chain[0]) {
		c.orders++
		chain = c.sign(r.Names, r.Key.Public())
		c.open[string(spki)] = chain
	}
	if c.issued != nil {
		c.issued()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return chain, nil
}

// Window implements cert.Issuer.
func (c *ca) Window(_ context.Context, leaf *x509.Certificate) (acme.Window, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asks++
	if c.window == nil {
		return acme.Window{}, acme.ErrNoWindow
	}
	return c.window(leaf)
}

// Root, Issuer, IssueServer and CRL implement cert.Authority.
func (c *ca) Root() *x509.Certificate   { return c.root }
func (c *ca) Issuer() *x509.Certificate { return cmp.Or(c.issuer, c.root) }

func (c *ca) IssueServer(r authority.ServerRequest, key crypto.Signer) (keys.Pair, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts = append(c.attempts, c.now())
	if c.fail != nil {
		if err := c.fail(); err != nil {
			return keys.Pair{}, err
		}
	}
	c.orders++
	return keys.New(c.sign(r.Names, key.Public()), key)
}

func (c *ca) CRL() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.crl, nil
}

func (c *ca) Authority() (cert.Authority, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	return c, nil
}

// set changes what others read meanwhile.
func (c *ca) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *ca) count() (orders, attempts int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.orders, len(c.attempts)
}

// broker is a folder, and a broker that reads it when it is told.
type broker struct {
	mu                  sync.Mutex
	now                 func() time.Time
	folder              deploy.Handed
	serves              *x509.Certificate // nil: it is not reached
	crl                 []byte            // that it has read
	seen                cert.Served
	stuck               bool // it does not read when it is told
	writeErr, reloadErr error
	reloads             []time.Time
	writes              int
	bad                 int // pairs that do not match
	down                bool
	crash               func(point string)
}

func (b *broker) Write(h deploy.Handed) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writes++
	if b.writeErr != nil {
		return false, b.writeErr
	}
	if h.Pair.Fingerprint() != b.folder.Pair.Fingerprint() && h.Pair.Check() != nil {
		b.bad++
	}
	same := b.folder.Pair.Fingerprint() == h.Pair.Fingerprint() && bytes.Equal(b.folder.CRL, h.CRL) && len(b.folder.Authorities) == len(h.Authorities) &&
		(len(h.Authorities) == 0 || b.folder.Authorities[0].Equal(h.Authorities[0]))
	b.folder = h
	if b.crash != nil {
		b.crash("write")
	}
	return !same, nil
}

func (b *broker) Reload(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reloads = append(b.reloads, b.now())
	if b.crash != nil {
		b.crash("reload")
	}
	if b.reloadErr == nil && !b.stuck {
		b.serves, b.crl = b.folder.Pair.Leaf(), b.folder.CRL
	}
	return b.reloadErr
}

// Look looks a little later, as a call over the network does.
func (b *broker) Look() {
	time.AfterFunc(50*time.Millisecond, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.seen = cert.Served{Service: "broker", Leaf: b.serves, At: b.now()}
		if b.down {
			b.seen.Leaf = nil
		}
	})
}

func (b *broker) Served() []cert.Served {
	b.mu.Lock()
	defer b.mu.Unlock()
	return []cert.Served{{Service: "other", At: b.now()}, b.seen}
}

func (b *broker) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func (b *broker) told() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]time.Time(nil), b.reloads...)
}

// home is what a Keeper lives in.
type home struct {
	t      *testing.T
	ca     *ca
	broker *broker
	cfg    cert.Config
	keeper *cert.Keeper
	tick   time.Duration
	now    func() time.Time
	stop   func()
}

// newHome is a home with a public CA.
func newHome(t *testing.T) *home {
	h := &home{t: t, ca: newCA(t, "Public CA"), broker: &broker{now: time.Now}, now: time.Now}
	h.cfg = cert.Config{
		Mode: cert.ACME, Names: []string{"home.example.org"}, Key: keys.P256, Folder: memory(t) + "/cert",
		ACME: acme.Config{Directory: "https://ca.example/directory"}, Deploy: deploy.Config{Directory: "/shared"},
		Services: []string{"broker"}, Issuer: h.ca, Deployer: h.broker, Served: h.broker.Served, Look: h.broker.Look,
	}
	return h
}

// memory is a folder of the test's, in memory where there is such a place: the
// disk is forced to keep what is written, and years are a lot of that.
func memory(t *testing.T) string {
	folder, err := os.MkdirTemp("/dev/shm", "cert")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// own makes the home's CA the own one.
func (h *home) own() *home {
	h.cfg.Mode, h.cfg.Authority, h.cfg.Issuer = cert.OwnCA, h.ca.Authority, nil
	return h
}

// start starts a Keeper, which ends with the test or by stop.
func (h *home) start() {
	h.keeper = cert.New(h.cfg)
	h.keeper.SetNow(h.now)
	h.ca.set(func() { h.ca.now = h.now })
	h.broker.set(func() { h.broker.now = h.now })
	if h.tick != 0 {
		h.keeper.SetTick(h.tick)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.keeper.Run(ctx) }()
	var once sync.Once
	h.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				h.t.Errorf("Run: %v", err)
			}
		})
	}
}

// restart ends the Keeper and starts another on the same folder.
func (h *home) restart() {
	h.stop()
	h.start()
}

// sleep lets time go by, until nothing moves any more. What the test has read of
// the CA and the broker before, it has read before they go on.
func (h *home) sleep(d time.Duration) {
	h.ca.set(func() {})
	h.broker.set(func() {})
	time.Sleep(d)
	synctest.Wait()
}

func (h *home) status() cert.Status { return h.keeper.Status().Load() }

// phase fails the test unless the phase is want.
func (h *home) phase(want cert.Phase) {
	h.t.Helper()
	if s := h.status(); s.Phase != want {
		h.t.Fatalf("the phase is %q (%s), want %q", s.Phase, s.LastError, want)
	}
}

// orders fails the test unless so many orders were made.
func (h *home) orders(want int) {
	h.t.Helper()
	if got, _ := h.ca.count(); got != want {
		h.t.Fatalf("%d orders were made, want %d", got, want)
	}
}

func fault(format string, args ...any) func() error {
	return func() error { return &acme.Fault{Text: fmt.Sprintf(format, args...), Action: "Do it."} }
}

// cancellable is a context that stop ends, as often as it is called.
func cancellable(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	return ctx, func() { cancel() }
}
