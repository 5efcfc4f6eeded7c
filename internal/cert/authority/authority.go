package authority

// The authority itself: made, opened, looked at.

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// Authority is an authority that can issue. Its methods may be called by many
// goroutines, and beside other processes with the same folder.
type Authority struct {
	store        store
	root, issuer *x509.Certificate
	// key is that of issuer.
	key crypto.Signer
}

// Create makes an authority in a folder, which is made where it is not there. It
// returns ErrExists where there is one, and leaves everything as it was where it
// fails, but for a key file that nothing refers to.
func Create(folder string, o Options) (*Authority, error) {
	return store{folder: folder}.create(o)
}

func (s store) create(o Options) (*Authority, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(s.folder, 0o700); err != nil {
		return nil, err
	}
	if err := checkOffline(s.folder, o.OfflineFolder); err != nil {
		return nil, err
	}
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := s.load(); !errors.Is(err, ErrNone) {
		if err == nil {
			err = ErrExists
		}
		return nil, err
	}
	return s.build(o)
}

// build makes keys and certificates and writes them, the state last: before it
// stands, there is no authority.
func (s store) build(o Options) (*Authority, error) {
	now := time.Now()
	key, ski, err := newKey(o.Key)
	if err != nil {
		return nil, err
	}
	pathLength, keep := 0, s.folder
	if o.OfflineFolder != "" {
		pathLength, keep = 1, o.OfflineFolder
	}
	t := rootTemplate(o, ski, now, pathLength)
	root, err := sign(t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	s.step("write root key")
	if _, err := writeKey(keep, ski, key, o.Passphrase, s.iterations); err != nil {
		return nil, fmt.Errorf("writing the key of the certificate authority: %w", err)
	}
	st := &state{root: root, crlURL: o.CRLURL}
	if o.OfflineFolder != "" {
		by := key
		if key, ski, err = newKey(o.Key); err != nil {
			return nil, err
		}
		st.intermediate, err = sign(intermediateTemplate(root, ski, now), root, key.Public(), by)
		if err != nil {
			return nil, err
		}
		s.step("write intermediate key")
		if _, err := writeKey(s.folder, ski, key, o.Passphrase, s.iterations); err != nil {
			return nil, fmt.Errorf("writing the key of the certificate authority: %w", err)
		}
	}
	if err := st.signCRL(key, now); err != nil {
		return nil, err
	}
	if err := s.save(st); err != nil {
		return nil, err
	}
	return &Authority{store: s, root: root, issuer: st.issuer(), key: key}, nil
}

// newKey makes a key of a kind, and its identifier.
func newKey(kind keys.Kind) (key crypto.Signer, ski []byte, err error) {
	if key, err = kind.Generate(); err != nil {
		return nil, nil, err
	}
	ski, err = keyID(key.Public())
	return key, ski, err
}

// checkOffline returns what is wrong with a folder for the root's key.
func checkOffline(folder, offline string) error {
	if offline == "" {
		return nil
	}
	info, err := os.Stat(offline)
	if err != nil {
		return fmt.Errorf("the folder for the root's key: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s, which is to hold the root's key, is no folder", offline)
	}
	// Every folder above offline, so that none of ours is one.
	own, err := os.Stat(folder)
	if err != nil {
		return err
	}
	path, err := filepath.EvalSymlinks(offline)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return err
	}
	for {
		if at, err := os.Stat(path); err == nil && os.SameFile(at, own) {
			return errors.New("the root's key is to be kept off line, so its folder cannot lie in that of the certificate authority")
		}
		if above := filepath.Dir(path); above != path {
			path = above
			continue
		}
		return nil
	}
}

// Open opens the authority of a folder. It returns ErrNone where there is none,
// ErrLocked where the passphrase is missing or wrong, and ErrDamaged; one that
// needs no passphrase takes any.
func Open(folder string, passphrase secret.Value) (*Authority, error) {
	return store{folder: folder}.open(passphrase)
}

func (s store) open(passphrase secret.Value) (*Authority, error) {
	st, err := s.load()
	if err != nil {
		return nil, err
	}
	key, err := readKey(s.folder, st.issuer(), passphrase)
	if err != nil {
		return nil, err
	}
	return &Authority{store: s, root: st.root, issuer: st.issuer(), key: key}, nil
}

// Root is the certificate that devices are told of.
func (a *Authority) Root() *x509.Certificate { return a.root }

// Issuer is the certificate that issues: Root itself, or the intermediate where
// the root is off line. Clients that send no more than their own certificate, as
// Tasmota does, are verified only by who has it.
func (a *Authority) Issuer() *x509.Certificate { return a.issuer }

// Overview is what can be told of an authority without its key.
type Overview struct {
	// Root is the certificate that devices are told of, Issuer the one that
	// issues: the root, or an intermediate where the root's key is off line.
	Root, Issuer *x509.Certificate
	// Issued are all certificates that were issued, the oldest first.
	Issued []Issued
	// CRL is the list of revoked ones in DER, as it was last signed.
	CRL []byte
	// CRLURL is where it is served; may be empty.
	CRLURL string
}

// Read looks at the authority of a folder, and needs no passphrase. It returns
// ErrNone where there is none, and ErrDamaged.
func Read(folder string) (Overview, error) {
	st, err := store{folder: folder}.load()
	if err != nil {
		return Overview{}, err
	}
	return Overview{Root: st.root, Issuer: st.issuer(), Issued: st.issued, CRL: st.crl.Raw, CRLURL: st.crlURL}, nil
}

// change calls f with the state as it is now, alone, and makes what f leaves the
// state, unless f returns an error.
func (a *Authority) change(f func(st *state, now time.Time) error) error {
	unlock, err := a.store.lock()
	if err != nil {
		return err
	}
	defer unlock()
	st, err := a.store.load()
	if err != nil {
		return err
	}
	if !sameKey(a.key.Public(), st.issuer().PublicKey) {
		return errors.New("another certificate authority stands in the folder since it was opened; start again")
	}
	if err := f(st, time.Now()); err != nil {
		return err
	}
	return a.store.save(st)
}
