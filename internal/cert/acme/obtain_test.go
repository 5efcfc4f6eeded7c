package acme

// Certificates from a real ACME server.

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
)

func mustEC(t testing.TB, key crypto.Signer) *ecdsa.PrivateKey {
	t.Helper()
	k, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("no ECDSA key")
	}
	return k
}

// mustObtain obtains, and checks that the chain is whole, for these names and
// this key, and of the CA.
func mustObtain(t *testing.T, f *front, i *Issuer, r Request) []*x509.Certificate {
	t.Helper()
	chain, err := i.Obtain(t.Context(), r)
	if err != nil {
		t.Fatalf("%v\n%s", err, f.world.log.String())
	}
	leaf := chain[0]
	if !sameNames(leaf.DNSNames, r.Names) || !mustEC(t, r.Key).PublicKey.Equal(leaf.PublicKey) {
		t.Errorf("the certificate is for %v", leaf.DNSNames)
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: f.world.caRoots(t), Intermediates: between}); err != nil {
		t.Error(err)
	}
	return chain
}

// caRoots are pebble's own, new at each start.
func (w *world) caRoots(t *testing.T) *x509.CertPool {
	t.Helper()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: w.roots},
	}}
	res, err := client.Get("https://" + w.manage + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

func (f *front) noTXT(t *testing.T, name string) {
	t.Helper()
	if list, err := f.zone().values(t.Context(), name); err != nil || len(list) != 0 {
		t.Errorf("%s still has %v, %v", name, list, err)
	}
}

func TestDNS01WithAWildcardBesideItsBase(t *testing.T) {
	f := newFront(t, usual(t))
	i := mustNew(t, f.config(t))
	mustObtain(t, f, i, newRequest(t, "home.example.net", "*.home.example.net", "mqtt.example.net"))
	f.noTXT(t, "_acme-challenge.home.example.net")
	f.noTXT(t, "_acme-challenge.mqtt.example.net")
}

func TestDNS01WhereAllNamesShareOneValue(t *testing.T) {
	f := newFront(t, usual(t))
	cfg := f.config(t)
	z := f.zone()
	z.single = true
	cfg.Records, cfg.Names = z, z
	mustObtain(t, f, mustNew(t, cfg), newRequest(t, "single.example.net", "*.single.example.net"))
	f.noTXT(t, "_acme-challenge.single.example.net")
}

func TestDNS01AtTheEndOfAnAlias(t *testing.T) {
	f := newFront(t, usual(t))
	z := f.zone()
	alias := map[string]string{"host": "_acme-challenge.alias.example.net.", "target": "proof.example.org."}
	if err := z.tell(t.Context(), "set-cname", alias); err != nil {
		t.Fatal(err)
	}
	seen := &watched{zone: z}
	cfg := f.config(t)
	cfg.Records, cfg.Names = seen, seen
	mustObtain(t, f, mustNew(t, cfg), newRequest(t, "alias.example.net"))
	if !slices.Equal(seen.added, []string{"proof.example.org"}) {
		t.Errorf("the record was written at %v", seen.added)
	}
}

func TestExternalAccountBinding(t *testing.T) {
	w := theWorld(t, settings{
		env:   []string{"PEBBLE_WFE_NONCEREJECT=0"},
		extra: `"externalAccountBindingRequired":true,"externalAccountMACKeys":{"kid-1":"zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"},`,
	})
	f := newFront(t, w)
	cfg := f.config(t)
	_, err := mustNew(t, cfg).Obtain(t.Context(), newRequest(t, "eab.example.net"))
	wantFault(t, err, "wants an account that it knows already", "eab_key_id")
	cfg = f.config(t)
	cfg.EABKeyID, cfg.EABKey = "kid-1", secret.New("zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W")
	mustObtain(t, f, mustNew(t, cfg), newRequest(t, "eab.example.net"))
}

func TestProfile(t *testing.T) {
	f := newFront(t, usual(t))
	for profile, days := range map[string]int{"shortlived": 6, "no-such": 90} {
		cfg := f.config(t)
		cfg.Profile = profile
		leaf := mustObtain(t, f, mustNew(t, cfg), newRequest(t, "profile.example.net"))[0]
		if life := leaf.NotAfter.Sub(leaf.NotBefore).Round(time.Hour); profile == "shortlived" && life != time.Duration(days)*24*time.Hour {
			t.Errorf("with profile %q it lives %v", profile, life)
		}
	}
}

func TestHalfOfTheNoncesAreRefused(t *testing.T) {
	f := newFront(t, theWorld(t, settings{env: []string{"PEBBLE_WFE_NONCEREJECT=50"}}))
	mustObtain(t, f, mustNew(t, f.config(t)), newRequest(t, "nonce.example.net"))
	if got := f.ordered("nonce.example.net"); got != 1 {
		t.Errorf("it was ordered %d times", got)
	}
}

func TestDebiansPebble(t *testing.T) {
	f := newFront(t, theWorld(t, settings{program: "/usr/bin/pebble", env: []string{"PEBBLE_WFE_NONCEREJECT=5"}}))
	i := mustNew(t, f.config(t))
	r := newRequest(t, "debian.example.net")
	r.Replaces = mustObtain(t, f, i, r)[0]
	mustObtain(t, f, i, r)
}
