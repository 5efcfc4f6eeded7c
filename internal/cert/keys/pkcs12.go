package keys

// A pair in one file with a password, as phones want it.

import (
	"crypto/x509"
	"errors"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

const (
	// modernRounds is how often the password is hashed in the modern form: a
	// tenth of a second on a small NAS, and so in the way of whoever guesses.
	modernRounds = 100_000
	// legacyRounds is what OpenSSL 1.1 wrote, and old systems are known to read.
	legacyRounds = 2048
	// maxPassword bounds a password, in bytes: it is typed by hand on a phone.
	maxPassword = 256
)

// PKCS12 is a pair with the rest of its chain and the given authorities, which
// may be nil, in one file under a password (RFC 7292). The password must not be
// empty, as iPhones refuse that, and every character of it must be printable
// ASCII, as systems differ in what others mean.
//
// The modern form is AES-256 and HMAC-SHA-256; OpenSSL 1.1.1 reads it, and iOS
// and Android do since about 2020. The legacy one is 3DES and HMAC-SHA-1, which
// everything reads, for older phones and the apps that bring their own reader:
// its password alone is what protects it.
func PKCS12(p Pair, authorities []*x509.Certificate, password string, legacy bool) ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if err := checkPassword(password); err != nil {
		return nil, err
	}
	encoder := pkcs12.Modern2023.WithIterations(modernRounds)
	if legacy {
		encoder = pkcs12.LegacyDES.WithIterations(legacyRounds)
	}
	file, err := encoder.Encode(p.Key, p.Leaf(), others(p, authorities), password)
	if err != nil {
		return nil, fmt.Errorf("encoding PKCS#12: %w", err)
	}
	return file, nil
}

func checkPassword(password string) error {
	switch {
	case password == "":
		return errors.New("the password of a PKCS#12 file must not be empty")
	case len(password) > maxPassword:
		return fmt.Errorf("the password of a PKCS#12 file is at most %d characters long", maxPassword)
	}
	for _, r := range password {
		if r < ' ' || r > '~' {
			return errors.New("the password of a PKCS#12 file must be printable ASCII: what else means the same on all phones is not known")
		}
	}
	return nil
}

// others are the certificates beside the leaf, each once.
func others(p Pair, authorities []*x509.Certificate) (list []*x509.Certificate) {
	seen := map[string]bool{string(p.Leaf().Raw): true}
	for _, group := range [][]*x509.Certificate{p.Chain[1:], authorities} {
		for _, c := range group {
			if !seen[string(c.Raw)] {
				seen[string(c.Raw)] = true
				list = append(list, c)
			}
		}
	}
	return list
}
