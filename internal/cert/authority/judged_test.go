package authority

// What we issue, before the judges.

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// bearCritical is BearSSL's error for an extension that is critical and that it
// does not know.
const bearCritical = "57"

// home limits an authority to a domain and a network.
var home = Options{Key: keys.P256, Permitted: []string{"home.example"}, PermittedAddresses: []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16")}}

// variants are the authorities whose certificates are judged.
var variants = []struct {
	name    string
	options Options
	offline bool
	leaves  []keys.Kind
}{
	{"RSA", Options{}, false, []keys.Kind{keys.RSA2048, keys.P256}},
	{"P-256, limited", home, false, []keys.Kind{keys.P256, keys.RSA2048}},
	{"P-256, limited, off line", home, true, []keys.Kind{keys.P256}},
	{"RSA, limited to names, off line", Options{Permitted: home.Permitted}, true, []keys.Kind{keys.RSA2048}},
}

func TestJudgesAcceptServers(t *testing.T) {
	for _, v := range variants {
		o := v.options
		if v.offline {
			o.OfflineFolder = t.TempDir()
		}
		a := mustCreate(t, o)
		for _, kind := range v.leaves {
			r := ServerRequest{Names: []string{"mqtt.home.example", "*.home.example"}}
			if len(o.PermittedAddresses) > 0 {
				r.Addresses = []netip.Addr{netip.MustParseAddr("192.168.1.2")}
			}
			pair, err := a.IssueServer(r, leafKeys[kind]())
			if err != nil {
				t.Fatal(err)
			}
			if len(pair.Chain) == 2 != v.offline {
				t.Errorf("%s: the chain has %d certificates", v.name, len(pair.Chain))
			}
			for who, judge := range judges {
				t.Run(v.name+"/"+string(kind)+"/"+who, func(t *testing.T) {
					for _, host := range []string{"", "other.home.example"} {
						if says, ok := judge(t, exhibit{root: a.Root(), pair: pair, host: host}); !ok {
							t.Errorf("%q is refused: %s", host, says)
						}
					}
				})
			}
		}
	}
}

// A name or an address outside the limits, signed with the stolen key, is refused
// by every judge but BearSSL, which knows of no limits.
func TestJudgesRefuseWhatIsOutsideTheLimits(t *testing.T) {
	for _, offline := range []bool{false, true} {
		for what, r := range map[string]ServerRequest{
			"name":    {Names: []string{"bank.example"}},
			"address": {Names: []string{"mqtt.home.example"}, Addresses: []netip.Addr{netip.MustParseAddr("10.1.2.3")}},
		} {
			o := home
			if offline {
				o.OfflineFolder = t.TempDir()
			}
			a := mustCreate(t, o)
			if _, err := a.IssueServer(r, leafKeys[keys.P256]()); err == nil {
				t.Errorf("we issue for a foreign %s", what)
			}
			e := exhibit{root: a.Root(), pair: forge(t, a, r)}
			for who, judge := range judges {
				t.Run(who, func(t *testing.T) {
					if says, ok := judge(t, e); ok != (who == "bearssl") {
						t.Errorf("off line %v, foreign %s: accepted is %v: %s", offline, what, ok, says)
					}
				})
			}
		}
	}
}

// The limits in the intermediate alone hold too, for clients that read none in a
// root, although they are not critical there.
func TestJudgesReadTheLimitsOfTheIntermediate(t *testing.T) {
	o := home
	o.OfflineFolder = t.TempDir()
	a := mustCreate(t, o)
	e := exhibit{pair: forge(t, a, ServerRequest{Names: []string{"bank.example"}})}
	rootKey, err := readKey(o.OfflineFolder, a.Root(), o.Passphrase)
	if err != nil {
		t.Fatal(err)
	}
	bare := rootTemplate(Options{Name: "edgeguard CA", Lifetime: day}, a.Root().SubjectKeyId, time.Now(), 1)
	if e.root, err = sign(bare, bare, rootKey.Public(), rootKey); err != nil {
		t.Fatal(err)
	}
	for who, judge := range judges {
		t.Run(who, func(t *testing.T) {
			if says, ok := judge(t, e); ok != (who == "bearssl") {
				t.Errorf("accepted is %v: %s", ok, says)
			}
		})
	}
}

// forge signs a server's certificate that the authority itself does not issue:
// what a thief of its key would do.
func forge(t *testing.T, a *Authority, r ServerRequest) keys.Pair {
	t.Helper()
	st, err := a.store.load()
	if err != nil {
		t.Fatal(err)
	}
	c, err := leafTemplate(st.issuer(), time.Now(), day)
	if err != nil {
		t.Fatal(err)
	}
	c.Subject.CommonName, c.DNSNames = r.Names[0], r.Names
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, addr := range r.Addresses {
		c.IPAddresses = append(c.IPAddresses, net.IP(addr.AsSlice()))
	}
	key := leafKeys[keys.P256]()
	leaf, err := sign(c, st.issuer(), key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := keys.New(append([]*x509.Certificate{leaf}, st.chain()...), key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// A server whose first name fits no common name has none at all.
func TestJudgesAcceptALongName(t *testing.T) {
	a := mustCreate(t, Options{Key: keys.P256})
	long := strings.Repeat("long-", 9) + "name.and-one-more.home.example"
	pair, err := a.IssueServer(ServerRequest{Names: []string{long}}, leafKeys[keys.P256]())
	if err != nil {
		t.Fatal(err)
	}
	if name := pair.Leaf().Subject.CommonName; name != "" {
		t.Errorf("the common name is %q", name)
	}
	for who, judge := range judges {
		t.Run(who, func(t *testing.T) {
			if says, ok := judge(t, exhibit{root: a.Root(), pair: pair}); !ok {
				t.Error(says)
			}
		})
	}
}

// Clients are accepted as clients and refused as servers, whatever their name: a
// device must not be able to play the broker for others.
func TestJudgesAcceptClientsAsClientsOnly(t *testing.T) {
	for _, offline := range []bool{false, true} {
		o := home
		o.CRLURL = "http://192.168.1.2/ca/crl"
		if offline {
			o.OfflineFolder = t.TempDir()
		}
		a := mustCreate(t, o)
		for _, name := range []string{"kitchen plug_1", "mqtt.home.example"} {
			pair, err := a.IssueClient(ClientRequest{Name: name}, leafKeys[keys.P256]())
			if err != nil {
				t.Fatal(err)
			}
			for who, judge := range judges {
				t.Run(name+"/"+who, func(t *testing.T) {
					e := exhibit{root: a.Root(), pair: pair, host: name}
					says, ok := judge(t, e)
					if ok || who == "bearssl" && strings.TrimSpace(says) != bearCritical {
						t.Errorf("as a server, accepted is %v: %s", ok, says)
					}
					e.client = true
					if says, ok := judge(t, e); !ok && who != "bearssl" { // it judges servers only
						t.Errorf("refused as a client: %s", says)
					}
				})
			}
		}
	}
}

// BearSSL, as in Tasmota, authenticates with a P-256 key given as 32 bytes.
func TestBearSSLAuthenticatesWithAClientCertificate(t *testing.T) {
	client, err := bearClient()
	if err != nil {
		unable(t, "a client with BearSSL (libbearssl-dev) cannot be compiled: %v", err)
	}
	a := mustCreate(t, Options{Key: keys.P256})
	server, err := a.IssueServer(ServerRequest{Names: []string{"mqtt.home.example"}}, leafKeys[keys.RSA2048]())
	if err != nil {
		t.Fatal(err)
	}
	own := ecdsaKey(t)
	pair, err := a.IssueClient(ClientRequest{Name: "plug"}, own)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := own.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.Root())
	user := make(chan string, 1)
	port, done := serve(t, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate(server)},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots,
		VerifyConnection: func(c tls.ConnectionState) error {
			user <- c.PeerCertificates[0].Subject.CommonName
			return nil
		}})
	says, ok := run(t, client, port, "mqtt.home.example", put(t, "root.der", a.Root().Raw), put(t, "own.der", pair.Leaf().Raw), hex.EncodeToString(raw))
	if err := <-done; err != nil || !ok {
		t.Fatalf("the server says %v, BearSSL says %s", err, says)
	}
	if name := <-user; name != "plug" {
		t.Errorf("the server takes it for %q", name)
	}
}

// Revoked ones are refused, others are not.
func TestJudgesReadTheListOfRevoked(t *testing.T) {
	for _, offline := range []bool{false, true} {
		o := Options{Key: keys.P256}
		if offline {
			o.OfflineFolder = t.TempDir()
		}
		a := mustCreate(t, o)
		key := leafKeys[keys.P256]()
		lost, err := a.IssueClient(ClientRequest{Name: "lost"}, key)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := a.IssueClient(ClientRequest{Name: "kept"}, key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := a.Revoke("lost"); err != nil || len(got) != 1 {
			t.Fatalf("revoked %v, %v", got, err)
		}
		crl, err := a.CRL()
		if err != nil {
			t.Fatal(err)
		}
		for _, who := range []string{"openssl", "gnutls", "nss"} {
			t.Run(who, func(t *testing.T) {
				if says, ok := judges[who](t, exhibit{root: a.Root(), pair: kept, client: true, crl: crl}); !ok {
					t.Errorf("off line %v: one that is not revoked is refused: %s", offline, says)
				}
				if says, ok := judges[who](t, exhibit{root: a.Root(), pair: lost, client: true, crl: crl}); ok {
					t.Errorf("off line %v: a revoked one is accepted: %s", offline, says)
				}
			})
		}
	}
}
