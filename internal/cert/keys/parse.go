package keys

// Reading pairs, certificates and keys back from PEM.

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ParsePair reads a pair from a PEM text in which the certificates stand in the
// order in which they are served, and the key anywhere. Its errors hold nothing
// of the text. What it returns has passed Check.
func ParsePair(text []byte) (Pair, error) {
	var p Pair
	err := blocks(text, func(b *pem.Block) error {
		if b.Type == typeCertificate {
			c, err := x509.ParseCertificate(b.Bytes)
			p.Chain = append(p.Chain, c)
			return err
		}
		if p.Key != nil {
			return errors.New("there is more than one private key")
		}
		key, err := parseKey(b)
		p.Key = key
		return err
	})
	if err != nil {
		return Pair{}, err
	}
	if err := p.Check(); err != nil {
		return Pair{}, err
	}
	return p, nil
}

// ParseCertificates reads one certificate or more, and nothing else, from PEM.
func ParseCertificates(text []byte) (list []*x509.Certificate, err error) {
	err = blocks(text, func(b *pem.Block) error {
		if b.Type != typeCertificate {
			return fmt.Errorf("there is a PEM block of another type than %s", typeCertificate)
		}
		c, err := x509.ParseCertificate(b.Bytes)
		list = append(list, c)
		return err
	})
	if err == nil && len(list) == 0 {
		err = errors.New("there is no certificate")
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

// ParseKey reads the one private key of a PEM text: PKCS#8, PKCS#1 or SEC 1,
// not encrypted. Its errors hold nothing of the text.
func ParseKey(text []byte) (key crypto.Signer, err error) {
	err = blocks(text, func(b *pem.Block) (err error) {
		if key != nil {
			return errors.New("there is more than one private key")
		}
		key, err = parseKey(b)
		return err
	})
	if err == nil && key == nil {
		err = errors.New("there is no private key")
	}
	if err != nil {
		return nil, err
	}
	return key, nil
}

// blocks calls each with every PEM block of a text of bounded size.
func blocks(text []byte, each func(*pem.Block) error) error {
	if len(text) > maxPEM {
		return fmt.Errorf("the PEM text has %d bytes, and at most %d are read", len(text), maxPEM)
	}
	for n := 1; ; n++ {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			return nil
		}
		if n > maxChain+1 {
			return fmt.Errorf("there are more than %d PEM blocks", maxChain+1)
		}
		if err := each(b); err != nil {
			return fmt.Errorf("PEM block %d: %w", n, err)
		}
	}
}

// errKey is all that is said of a key that cannot be read: the libraries' errors
// might quote it.
var errKey = errors.New("the private key cannot be read; it must be PKCS#8, PKCS#1 or SEC 1, without a passphrase")

// maxKey bounds the DER of a private key, in bytes: RSA with 8192 bits has 4.7
// KB.
const maxKey = 8 << 10

func parseKey(b *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	if len(b.Bytes) > maxKey && b.Type != typeCertificate {
		return nil, errKey
	}
	switch b.Type {
	case typeKey:
		key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(b.Bytes)
	default:
		return nil, errors.New("the PEM block is neither a certificate nor a private key")
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, errKey
	}
	return signer, nil
}
