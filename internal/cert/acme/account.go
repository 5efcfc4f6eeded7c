package acme

// Our account at a CA: its key is written down before the CA hears of it.

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/mholt/acmez/v3/acme"

	"github.com/edgeguard/edgeguard/internal/durable"
)

// maxAccount bounds the file of an account, in bytes.
const maxAccount = 16 << 10

// account is what is written down. The file is for its owner's eyes only, and
// the value has no business in a log.
type account struct {
	// Key is PKCS#8 in DER. URL is empty until the CA has given it.
	Key   []byte `json:"key"`
	URL   string `json:"url,omitempty"`
	Email string `json:"email,omitempty"`

	signer crypto.Signer
}

// parseAccount reads what saveAccount wrote. Its errors hold nothing of the key.
func parseAccount(text []byte) (account, error) {
	var a account
	if json.Unmarshal(text, &a) != nil {
		return account{}, errors.New("the account's file is no JSON of ours")
	}
	key, err := x509.ParsePKCS8PrivateKey(a.Key)
	signer, ok := key.(*ecdsa.PrivateKey)
	if err != nil || !ok || signer.Curve != elliptic.P256() {
		return account{}, errors.New("the account's key cannot be read")
	}
	if a.URL != "" && !isHTTPS(a.URL) {
		a.URL = "" // it is found again by the key
	}
	a.signer = signer
	return a, nil
}

func (s *session) accountFile() string { return filepath.Join(s.folder, "account.json") }

func (s *session) saveAccount(a account) error {
	text, err := json.Marshal(a)
	if err != nil {
		return errors.New("encoding the account failed") // the error could quote the key
	}
	return durable.Save(s.accountFile(), text)
}

// newKey makes an account without a URL, and writes it down.
func (s *session) newKey() (account, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return account{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return account{}, err
	}
	a := account{Key: der, signer: key}
	return a, s.saveAccount(a)
}

// logIn sets s.account to our account at the CA, made where there is none.
// fresh gives up the one that is written down, as the CA does not want it.
func (s *session) logIn(ctx context.Context, fresh bool) error {
	var a account
	if !fresh {
		err := durable.Load(s.accountFile(), maxAccount, func(text []byte) (err error) { a, err = parseAccount(text); return err })
		if damaged := (*durable.DamagedError)(nil); errors.As(err, &damaged) {
			s.log.Warn("the account at the CA is lost, and a new one is made", "error", err)
		} else if err != nil {
			return failed("", "The account at the CA could not be read: %v.", err)
		}
	}
	found := a.signer != nil // whether the CA may know this key already
	if !found {
		var err error
		if a, err = s.newKey(); err != nil {
			return failed("", "The key of the account at the CA could not be written: %v.", err)
		}
	}
	if a.URL == "" {
		if err := s.register(ctx, &a, found); err != nil {
			return err
		}
		if err := s.saveAccount(a); err != nil {
			return failed("", "The account at the CA could not be written: %v.", err)
		}
	}
	s.account = acme.Account{Location: a.URL, PrivateKey: a.signer, Contact: contact(a.Email)}
	s.tellEmail(ctx, a)
	return nil
}

// register gets a's URL: by the key where the CA may know it, else by making
// the account.
func (s *session) register(ctx context.Context, a *account, known bool) error {
	if known {
		got, err := s.accountByKey(ctx, a.signer)
		if err == nil {
			a.URL = got.Location
			return nil
		}
		if f := (*failure)(nil); !errors.As(err, &f) || f.problem != "accountDoesNotExist" {
			return err
		}
	}
	wanted := acme.Account{Contact: contact(s.cfg.Email), TermsOfServiceAgreed: true, PrivateKey: a.signer}
	if s.cfg.EABKeyID != "" && !s.rehearsal {
		// Keys are handed out with and without padding.
		key := strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(s.cfg.EABKey.Reveal())
		if _, err := base64.RawURLEncoding.DecodeString(key); err != nil {
			return failed("Copy it from the CA once more.", "certificate.acme.eab_key is not a key in base64url.")
		}
		err := wanted.SetExternalAccountBinding(ctx, s.client, acme.EAB{KeyID: s.cfg.EABKeyID, MACKey: key})
		if err != nil {
			return judge(ctx, err, new(ask), "binding the account")
		}
	} else if s.dir.Meta != nil && s.dir.Meta.ExternalAccountRequired {
		return ofProblem(acme.Problem{Type: acme.ProblemTypeExternalAccountRequired}, new(ask), "making an account")
	}
	return s.do(ctx, "making an account", &ask{}, func(ctx context.Context) error {
		got, err := s.client.NewAccount(ctx, wanted)
		if err == nil && !isHTTPS(got.Location) {
			err = errors.New("the account has no address")
		}
		a.URL, a.Email = got.Location, s.cfg.Email
		return err
	})
}

// accountByKey asks for the account of a key (RFC 8555, section 7.3.1).
func (s *session) accountByKey(ctx context.Context, key crypto.Signer) (got acme.Account, err error) {
	err = s.do(ctx, "looking our account up", &ask{}, func(ctx context.Context) (err error) {
		got, err = s.client.GetAccount(ctx, acme.Account{PrivateKey: key})
		switch {
		case err != nil:
		case !isHTTPS(got.Location):
			err = errors.New("the account has no address")
		case got.Status != "" && got.Status != acme.StatusValid:
			err = acme.Problem{Type: acme.ProblemTypeAccountDoesNotExist, Status: http.StatusForbidden, Detail: "the account is " + got.Status}
		}
		return err
	})
	return got, err
}

// tellEmail tells the CA of another address than the one that it has. Nothing
// hangs on it.
func (s *session) tellEmail(ctx context.Context, a account) {
	if a.Email == s.cfg.Email {
		return
	}
	told := s.account
	told.Contact = contact(s.cfg.Email)
	err := s.do(ctx, "telling the e-mail address", &ask{}, func(ctx context.Context) error {
		_, err := s.client.UpdateAccount(ctx, told)
		return err
	})
	if err == nil {
		a.Email, s.account.Contact = s.cfg.Email, told.Contact
		err = s.saveAccount(a)
	}
	if err != nil {
		s.log.Info("the CA was not told the new e-mail address", "error", err)
	}
}

func contact(email string) []string {
	if email == "" {
		return nil
	}
	return []string{"mailto:" + email}
}
