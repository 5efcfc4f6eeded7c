package certs_test

import (
	"testing"

	"github.com/edgeguard/edgeguard/internal/hairpin/certs"
)

// vector is a certificate whose fingerprint was computed apart, with openssl and
// sha1sum.
const vector = `-----BEGIN CERTIFICATE-----
MIIDBTCCAe2gAwIBAgIUDYlo+k5jFs86ulxkgvVNzdn4u7cwDQYJKoZIhvcNAQEL
BQAwETEPMA0GA1UEAwwGdmVjdG9yMCAXDTI2MTEyMjA3MTY0MVoYDzIxMjYxMDI5
MDcxNjQxWjARMQ8wDQYDVQQDDAZ2ZWN0b3IwggEiMA0GCSqGSIb3DQEBAQUAA4IB
DwAwggEKAoIBAQC1z0liKL/5eE3p9d6a/pk+djx74MOk8SDfjE1rFVOu7pyeQuff
8Wg8Gt9f0llatFIxRq9gT0jbY1WCHqwHycZojgOp+dpSmFC1gvaMMUgxM2aDxSut
l+opj0+ZxFPwks8MlC+VsmbOCu90OuNbIZmxqTQtnBVQBcB6I2moaXPk+k0Vy3Lq
36WdA7rJMF8s6YmhNsquA07F9b9yWsrYKwMJp4X3Ap/VnO8xV4qtQLjpbwqltj6y
xLZzKm1U93i7WqMhG19LINxqP9s/BqTRT7FAISeUky0kXZUH2J1hpvZapbS1mDqN
2XMfWNSDSW77Xni3mm8GwWZp2GZj6y/IN3HzAgMBAAGjUzBRMB0GA1UdDgQWBBQv
xxXQezdX4gLAoTXDmxtZWjx3sDAfBgNVHSMEGDAWgBQvxxXQezdX4gLAoTXDmxtZ
Wjx3sDAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4IBAQCM7gYS/G6M
f7wHH5UdMjwYYp89aaS5Kov0U0I+J5hdrFMS6ytJodcGTnGyVx+8bqLLosEVGVEQ
fTd72akYBJ8DBNNzKa/Q44YTfVbBkIw3QQyibDkLIeV0PWWG/zyRir4T/zGcQL+u
mFwo5+GP5CqfQ067MnHkrDY7aYVqfSEa78SKJ2EwCOmRTbP+kx4v6bNVxtwE6fK7
l747J93ylEkbPSPkhtIpLLn2oTTlN2ftj5XKTqC0e9i07/oHQ4z3ZL+98IR6ePYA
NfZ4EvVkRE9J8L4xsdCS1oiX+JobHAadhFtXRLpAU2oOWvyn7yJ/mK4nkOPkGwk5
yXvP1fchC71a
-----END CERTIFICATE-----
`

const vectorFingerprint = "12 23 FD 05 41 65 A5 FA EF E4 FF B8 6B F8 B0 27 D9 30 4D 14"

func TestTasmotaFingerprint(t *testing.T) {
	chain, err := certs.ParsePEM([]byte(vector))
	if err != nil {
		t.Fatal(err)
	}
	if got := certs.TasmotaFingerprint(chain[0]); got != vectorFingerprint {
		t.Errorf("got %s, want %s", got, vectorFingerprint)
	}
	if got := certs.Key(chain[0]); got != "RSA 2048" || certs.RSABits(chain[0]) != 2048 {
		t.Errorf("key %s", got)
	}
	if other := leafOf(t, newAuthority(t, "Home CA", nil), nil); certs.TasmotaFingerprint(other) != "" || certs.Key(other) != "ECDSA P-256" || certs.RSABits(other) != 0 {
		t.Errorf("another key: %q, %s", certs.TasmotaFingerprint(other), certs.Key(other))
	}
}
