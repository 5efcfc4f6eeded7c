package cert

// What is kept on the disk, so that a crash at any point loses nothing that a CA
// counts: the pair as one file, the key of the order under way, and what is known
// of both.

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/durable"
)

// The files, and how much is read of them.
const (
	pairFile  = "current.pem"
	keyFile   = "next.key"
	stateFile = "state.json"
	ownFile   = "own-ca.pem"
	maxFile   = 256 << 10
	maxOwn    = 8 << 20 // a list of a hundred thousand revoked certificates
)

// about is what is known of a pair beside what stands in it.
type about struct {
	Mode       Mode      `json:"mode"`
	Server     string    `json:"server,omitempty"` // the directory of the public CA
	ObtainedAt time.Time `json:"obtained_at"`
	// Draw decides when within its time it is renewed.
	Draw float64 `json:"draw"`
	// Window and AskAgain are what the CA said of it; nil and zero: nothing.
	Window   *window   `json:"window,omitempty"`
	AskAgain time.Time `json:"ask_again,omitzero"`
	// FormerKey is the kind of the key before, where that was another, and
	// FormerEnds when its certificate ends.
	FormerKey  keys.Kind `json:"former_key,omitempty"`
	FormerEnds time.Time `json:"former_ends,omitzero"`
}

// state is the state file.
type state struct {
	// Pairs is by the SHA-256 of the leaf: the pair on the disk, and for the time
	// of a change the one that is about to replace it.
	Pairs map[string]about `json:"pairs"`
	// Told is the mark of what the broker was last told to read.
	Told string `json:"told,omitempty"`
}

// store is the folder.
type store struct {
	folder string
	state  state
	wrote  func(file string) // called after each change on the disk; nil but in tests of a crash
}

func (s *store) path(name string) string { return filepath.Join(s.folder, name) }

// load reads the pair, zero where there is none that can be used, and what is
// known of it. An error means that it is not known what there is.
func (s *store) load(log *slog.Logger) (keys.Pair, about, error) {
	var pair keys.Pair
	s.state = state{}
	err := setAside(log, pairFile, durable.Load(s.path(pairFile), maxFile, func(text []byte) (err error) {
		pair, err = keys.ParsePair(text)
		return err
	}))
	if err != nil {
		return keys.Pair{}, about{}, err
	}
	err = setAside(log, stateFile, durable.Load(s.path(stateFile), maxFile, func(text []byte) (err error) {
		s.state, err = parseState(text)
		return err
	}))
	if err == nil {
		err = s.finish(pair, log)
	}
	return pair, s.state.Pairs[name(pair)], err
}

// finish removes the key of an order that a crash has left behind although the
// order was done.
func (s *store) finish(pair keys.Pair, log *slog.Logger) error {
	next, err := s.nextKey(log)
	if err != nil || next == nil || pair.IsZero() {
		return err
	}
	if public, ok := next.Public().(interface{ Equal(crypto.PublicKey) bool }); ok && public.Equal(pair.Key.Public()) {
		return s.dropNextKey()
	}
	return nil
}

// parseState reads the state file.
func parseState(text []byte) (state, error) {
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return state{}, err
	}
	for _, a := range s.Pairs {
		if a.Draw < 0 || a.Draw >= 1 || a.FormerKey != "" && !slices.Contains(keys.Kinds(), a.FormerKey) {
			return state{}, errors.New("it says what is never written")
		}
	}
	return s, nil
}

// setAside logs a file that was damaged and is out of the way; that is no error.
func setAside(log *slog.Logger, file string, err error) error {
	if damaged := (*durable.DamagedError)(nil); errors.As(err, &damaged) {
		log.Warn("a file of the certificate is damaged and set aside", "file", file, "moved_to", damaged.MovedTo, "err", damaged.Err)
		if _, gone := os.Lstat(damaged.MovedTo); gone == nil {
			return nil
		}
	}
	return err
}

// name is the name of a pair in the state.
func name(pair keys.Pair) string {
	sum := pair.Fingerprint()
	return hex.EncodeToString(sum[:])
}

// nextKey returns the key of the order under way; nil where there is none.
func (s *store) nextKey(log *slog.Logger) (key crypto.Signer, err error) {
	err = setAside(log, keyFile, durable.Load(s.path(keyFile), maxFile, func(text []byte) (err error) {
		key, err = keys.ParseKey(text)
		return err
	}))
	if err != nil {
		return nil, err
	}
	return key, nil
}

// saveNextKey writes the key down, before it is used.
func (s *store) saveNextKey(key crypto.Signer) error {
	text, err := keys.EncodeKey(key)
	if err != nil {
		return err
	}
	return s.save(keyFile, text)
}

// dropNextKey ends the order.
func (s *store) dropNextKey() error {
	if err := os.Remove(s.path(keyFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.changed(keyFile)
	return nil
}

func (s *store) changed(file string) {
	if s.wrote != nil {
		s.wrote(file)
	}
}

// savePair replaces the pair. What is known of it goes first, beside what is
// known of the pair that it replaces, so that either is known whichever of the
// two a crash leaves.
func (s *store) savePair(pair, before keys.Pair, a about) error {
	if err := pair.Check(); err != nil {
		return err
	}
	next := map[string]about{name(pair): a}
	if known, ok := s.state.Pairs[name(before)]; ok && !before.IsZero() {
		next[name(before)] = known
	}
	s.state.Pairs = next
	if err := s.saveState(); err != nil {
		return err
	}
	return s.save(pairFile, pair.Combined())
}

// saveAbout replaces what is known of the pair on the disk.
func (s *store) saveAbout(pair keys.Pair, a about) error {
	s.state.Pairs = map[string]about{name(pair): a}
	return s.saveState()
}

func (s *store) saveState() error {
	text, err := json.MarshalIndent(s.state, "", "  ")
	if err != nil {
		return err
	}
	return s.save(stateFile, text)
}

func (s *store) save(file string, text []byte) error {
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return err
	}
	if err := durable.Save(s.path(file), bytes.TrimRight(text, "\n")); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	s.changed(file)
	return nil
}

// loadOwn reads what was last known of the own CA.
func (s *store) loadOwn(o *own) error {
	err := durable.Load(s.path(ownFile), maxOwn, func(text []byte) error { return o.parse(text) })
	if damaged := (*durable.DamagedError)(nil); errors.As(err, &damaged) {
		return nil // it is asked for each minute
	}
	return err
}

// typeCRL is the PEM type of a list of revoked certificates.
const typeCRL = "X509 CRL"

// parse takes over a root, what issues for it where that is another, and the
// list of what is revoked where there is one, in this order. On an error o stays
// as it was.
func (o *own) parse(text []byte) error {
	var list []*x509.Certificate
	var crl []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == typeCRL {
			crl = block.Bytes
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		list = append(list, c)
	}
	if len(list) == 0 || len(list) > 2 {
		return fmt.Errorf("there are %d certificates, want the root and perhaps what issues for it", len(list))
	}
	o.root, o.issuer, o.crl = list[0], list[len(list)-1], crl
	return nil
}

// saveOwn remembers the own CA; none is remembered as none.
func (s *store) saveOwn(o *own) error {
	if o.root == nil {
		if err := os.Remove(s.path(ownFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	text := keys.EncodeCertificates(o.root)
	if !o.issuer.Equal(o.root) {
		text = append(text, keys.EncodeCertificates(o.issuer)...)
	}
	if o.crl != nil {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: typeCRL, Bytes: o.crl})...)
	}
	return s.save(ownFile, text)
}
