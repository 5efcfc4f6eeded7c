package keys_test

// PKCS#12 as OpenSSL and NSS read it, and Tasmota's forms.

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

func TestOpenSSLReadsPKCS12(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		for _, p := range []keys.Pair{all().ecdsa, all().rsa} {
			der, err := keys.PKCS12(p, []*x509.Certificate{all().root, p.Leaf()}, "correct horse", legacy)
			if err != nil {
				t.Fatal(err)
			}
			path := file(t, "phone.p12", der)
			// OpenSSL 3 reads both, and with -legacy as old ones do.
			for _, extra := range [][]string{nil, {"-legacy"}} {
				text := must(t, "openssl", append([]string{"pkcs12", "-in", path, "-passin", "pass:correct horse", "-nodes"}, extra...)...)
				if n := strings.Count(text, "BEGIN CERTIFICATE"); n != 2 {
					t.Errorf("legacy %v: it holds %d certificates, want the leaf and the root:\n%s", legacy, n, text)
				}
				// What openssl wrote is the pair again: its comments are no PEM.
				got, err := keys.ParsePair([]byte(text))
				if err != nil || got.Fingerprint() != p.Fingerprint() || !got.Chain[1].Equal(all().root) {
					t.Errorf("legacy %v: another pair came back: %v", legacy, err)
				}
			}
			if out, err := tool(t, "openssl", "pkcs12", "-in", path, "-passin", "pass:battery staple", "-noout"); err == nil {
				t.Errorf("it opens with another password:\n%s", out)
			}
			info := must(t, "openssl", "pkcs12", "-in", path, "-passin", "pass:correct horse", "-info", "-noout")
			modern := strings.Contains(info, "AES-256-CBC, Iteration 100000, PRF hmacWithSHA256") && strings.Contains(info, "MAC: sha256, Iteration 100000")
			old := strings.Contains(info, "pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048") && strings.Contains(info, "MAC: sha1, Iteration 2048")
			if modern == legacy || old != legacy {
				t.Errorf("legacy %v:\n%s", legacy, info)
			}
		}
	}
}

// Firefox, Thunderbird and many desktops read with NSS.
func TestNSSReadsPKCS12(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		der, err := keys.PKCS12(all().ecdsa, []*x509.Certificate{all().root}, "correct horse", legacy)
		if err != nil {
			t.Fatal(err)
		}
		out := must(t, "pk12util", "-l", file(t, "phone.p12", der), "-W", "correct horse")
		if !strings.Contains(out, "CN=phone") || !strings.Contains(out, "CN=house") {
			t.Errorf("legacy %v:\n%s", legacy, out)
		}
	}
}

func TestPasswordsThatAreRefused(t *testing.T) {
	for _, password := range []string{"", "grün", "a\nb", "\x00", strings.Repeat("a", 257), "\xff", "😀"} {
		for _, legacy := range []bool{false, true} {
			if _, err := keys.PKCS12(all().ecdsa, nil, password, legacy); err == nil || password != "" && strings.Contains(err.Error(), password) {
				t.Errorf("%q: %v", password, err)
			}
		}
	}
}

// The fingerprint as it comes out of other programs' work: openssl says what the
// key is and computes the hash, ssh-keygen says how the parts are put together,
// but for the zero that it sets before a number whose first bit is set.
func TestTasmotaFingerprint(t *testing.T) {
	public := all().rsaKey.Public().(*rsa.PublicKey)
	got := keys.TasmotaFingerprint(public)
	if !regexp.MustCompile(`^([0-9A-F]{2} ){19}[0-9A-F]{2}$`).MatchString(got) {
		t.Fatalf("%q", got)
	}
	leaf := file(t, "leaf.pem", keys.EncodeCertificates(all().rsa.Leaf()))
	modulus, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(must(t, "openssl", "x509", "-in", leaf, "-noout", "-modulus")), "Modulus="))
	if err != nil {
		t.Fatal(err)
	}
	blob := slicesOf([]byte("ssh-rsa"), []byte{1, 0, 1}, modulus)
	sum := must(t, "openssl", "dgst", "-sha1", "-r", file(t, "blob", blob))
	if want, _, _ := strings.Cut(sum, " "); strings.ToLower(strings.ReplaceAll(got, " ", "")) != want {
		t.Errorf("it is %s, want %s", got, want)
	}

	key := file(t, "key.pem", all().rsa.PrivateKey())
	line := strings.Fields(must(t, "ssh-keygen", "-y", "-f", key))
	ssh, err := base64.StdEncoding.DecodeString(line[1])
	if err != nil {
		t.Fatal(err)
	}
	if want := slicesOf([]byte("ssh-rsa"), []byte{1, 0, 1}, append([]byte{0}, modulus...)); !bytes.Equal(ssh, want) {
		t.Errorf("ssh-keygen puts %x together, and we %x", ssh, want)
	}
	for _, none := range []any{all().ecKey.Public(), nil, (*ecdsa.PublicKey)(nil), &rsa.PublicKey{}, &rsa.PublicKey{N: big.NewInt(-5), E: 3}, &rsa.PublicKey{N: big.NewInt(5)}} {
		if got := keys.TasmotaFingerprint(none); got != "" {
			t.Errorf("%T has the fingerprint %q", none, got)
		}
	}
}

// slicesOf puts each part after its length.
func slicesOf(parts ...[]byte) (all []byte) {
	for _, part := range parts {
		all = append(binary.BigEndian.AppendUint32(all, uint32(len(part))), part...)
	}
	return all
}

func TestTasmotaKeys(t *testing.T) {
	private, certificate, err := keys.TasmotaKeys(all().ecdsa)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(private.Reveal())
	if err != nil || len(raw) != 32 {
		t.Fatalf("the key has %d bytes, %v", len(raw), err)
	}
	// The same as openssl shows of the key.
	shown := must(t, "openssl", "ec", "-in", file(t, "key.pem", all().ecdsa.PrivateKey()), "-noout", "-text")
	_, shown, _ = strings.Cut(shown, "priv:")
	shown, _, _ = strings.Cut(shown, "pub:")
	if hexOf := strings.NewReplacer(":", "", "\n", "", " ", "").Replace(shown); hexOf != hex.EncodeToString(raw) {
		t.Error("openssl shows another private key")
	}
	der, err := base64.StdEncoding.DecodeString(certificate)
	if err != nil || !bytes.Equal(der, all().ecdsa.Leaf().Raw) {
		t.Errorf("another certificate, %v", err)
	}
	if shown := fmt.Sprintf("%v %+v", private, private); strings.Contains(shown, private.Reveal()) {
		t.Error("the key shows")
	}
	if _, _, err := keys.TasmotaKeys(all().rsa); err == nil {
		t.Error("an RSA key was taken")
	}
	long := sign(strings.Repeat("x", 800), all().ecKey, all().root, all().rootKey)
	p, err := keys.New([]*x509.Certificate{long}, all().ecKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := keys.TasmotaKeys(p); err == nil || !strings.Contains(err.Error(), "room for 257 to 960") {
		t.Errorf("a certificate of %d bytes: %v", len(long.Raw), err)
	}
}
