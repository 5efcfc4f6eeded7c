package authority

// Encryption of a key with a passphrase: an EncryptedPrivateKeyInfo of PKCS#8
// (RFC 5958, section 3) by PBES2 (RFC 8018, section 6.2) with PBKDF2,
// HMAC-SHA-256 and AES-256-CBC, the form that `openssl pkcs8 -topk8` writes. It
// carries no sum of its own: the key is right where it is that of its
// certificate.

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"

	"github.com/edgeguard/edgeguard/internal/secret"
)

const (
	// sealIterations is how many rounds a guess at the passphrase costs: what
	// OWASP asks of PBKDF2 with SHA-256 since 2023, half a second on a small NAS.
	sealIterations = 600_000
	// maxIterations bounds what a file may make us do.
	maxIterations = 10_000_000
	// saltLength is the length of a salt, and keyLength of AES-256's key, in bytes.
	saltLength, keyLength = 16, 32
)

var (
	oidPBES2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMACSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidAES256CBC  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

// sealed is EncryptedPrivateKeyInfo with PBES2-params and PBKDF2-params spelled
// out, as only these are written and read.
type sealed struct {
	Algorithm struct {
		OID    asn1.ObjectIdentifier
		Params struct {
			KDF struct {
				OID    asn1.ObjectIdentifier
				Params kdfParams
			}
			Cipher struct {
				OID asn1.ObjectIdentifier
				IV  []byte
			}
		}
	}
	Data []byte
}

type kdfParams struct {
	Salt       []byte
	Iterations int
	KeyLength  int `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier
}

// seal encrypts a key in DER; no iterations means sealIterations.
func seal(der []byte, passphrase secret.Value, iterations int) ([]byte, error) {
	if iterations == 0 {
		iterations = sealIterations
	}
	var s sealed
	kdf, with := &s.Algorithm.Params.KDF, &s.Algorithm.Params.Cipher
	s.Algorithm.OID, kdf.OID, with.OID = oidPBES2, oidPBKDF2, oidAES256CBC
	kdf.Params = kdfParams{Salt: make([]byte, saltLength), Iterations: iterations,
		PRF: pkix.AlgorithmIdentifier{Algorithm: oidHMACSHA256, Parameters: asn1.NullRawValue}}
	with.IV = make([]byte, aes.BlockSize)
	_, _ = rand.Read(kdf.Params.Salt) // never fails, and ends the process where it would
	_, _ = rand.Read(with.IV)
	block, err := s.block(passphrase)
	if err != nil {
		return nil, err
	}
	padding := aes.BlockSize - len(der)%aes.BlockSize
	s.Data = append(bytes.Clone(der), bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, with.IV).CryptBlocks(s.Data, s.Data)
	return asn1.Marshal(s)
}

// unseal decrypts what seal has made, or openssl in the same way. It returns
// ErrLocked where the passphrase is missing or wrong.
func unseal(text []byte, passphrase secret.Value) ([]byte, error) {
	var s sealed
	rest, err := asn1.Unmarshal(text, &s)
	kdf, with := s.Algorithm.Params.KDF, s.Algorithm.Params.Cipher
	switch {
	case err != nil || len(rest) > 0, !s.Algorithm.OID.Equal(oidPBES2), !kdf.OID.Equal(oidPBKDF2),
		!kdf.Params.PRF.Algorithm.Equal(oidHMACSHA256), !with.OID.Equal(oidAES256CBC):
		return nil, errors.New("it is not encrypted with PBES2, PBKDF2, HMAC-SHA-256 and AES-256-CBC")
	case kdf.Params.KeyLength != 0 && kdf.Params.KeyLength != keyLength,
		len(with.IV) != aes.BlockSize, len(s.Data) == 0, len(s.Data)%aes.BlockSize != 0,
		len(kdf.Params.Salt) == 0:
		return nil, errors.New("its parts do not have the lengths that they must have")
	case kdf.Params.Iterations < 1, kdf.Params.Iterations > maxIterations:
		return nil, errors.New("its number of rounds is not one that is read here")
	case passphrase.IsZero():
		return nil, ErrLocked
	}
	block, err := s.block(passphrase)
	if err != nil {
		return nil, err
	}
	der := bytes.Clone(s.Data)
	cipher.NewCBCDecrypter(block, with.IV).CryptBlocks(der, der)
	n := int(der[len(der)-1])
	if n < 1 || n > aes.BlockSize || !bytes.HasSuffix(der, bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, ErrLocked
	}
	return der[:len(der)-n], nil
}

// block is the cipher with the key that the passphrase gives.
func (s *sealed) block(passphrase secret.Value) (cipher.Block, error) {
	p := s.Algorithm.Params.KDF.Params
	key, err := pbkdf2.Key(sha256.New, passphrase.Reveal(), p.Salt, p.Iterations, keyLength)
	if err != nil {
		return nil, err
	}
	return aes.NewCipher(key)
}
