//go:build linux

package lab_test

// Small helpers of the tests of certificates.

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
)

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func count(text, part string) int { return strings.Count(text, part) }
