// Package certfile gives the certificate of DNS over TLS out of files that
// somebody else renews. They are looked at once a minute, at the next handshake
// or look at the problem; a pair that does not match, or is half written, is
// left alone until it does, and the one from before stays in use.
package certfile

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	// MaxFile bounds each file, in bytes: a chain and a key are a few thousand.
	MaxFile = 1 << 20
	// lookEvery is how often the files are looked at.
	lookEvery = time.Minute
)

// Read returns the content of a file of at most MaxFile bytes; more is an
// error.
type Read func(path string) ([]byte, error)

// Loader gives a certificate. Make one with New. Its methods may be called from
// any goroutine.
type Loader struct {
	read      Read
	cert, key string
	log       *slog.Logger
	now       func() time.Time

	mu      sync.Mutex
	pair    *tls.Certificate // guarded by mu; never nil
	stamps  [2]stamp         // guarded by mu; of the files that were read last
	looked  time.Time        // guarded by mu
	problem string           // guarded by mu; empty while all is well
}

// stamp tells one state of a file from another, as far as that is seen from
// outside.
type stamp struct {
	modified time.Time
	size     int64
}

// New reads the chain in the file cert and the key in the file key, both PEM;
// an empty key means that it is in the same file. The error says what is wrong
// with them, without a word of what they hold. A nil log means none, a nil now
// the time as it is.
func New(cert, key string, read Read, log *slog.Logger, now func() time.Time) (*Loader, error) {
	if key == "" {
		key = cert
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if now == nil {
		now = time.Now
	}
	l := &Loader{read: read, cert: cert, key: key, log: log, now: now, looked: now()}
	stamps, _ := l.look() // without them the next look reads again
	pair, err := l.load()
	if err != nil {
		return nil, err
	}
	l.pair, l.stamps = pair, stamps
	return l, nil
}

// Certificate is the one in use.
func (l *Loader) Certificate() *tls.Certificate {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refresh()
	return l.pair
}

// GetCertificate implements the function of that name in tls.Config. It never
// fails.
func (l *Loader) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return l.Certificate(), nil
}

// Problem says in words why the files are not in use as they are now, or that
// the certificate has run out; empty while all is well.
func (l *Loader) Problem() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refresh()
	if l.problem != "" {
		return l.problem
	}
	if leaf := l.pair.Leaf; leaf != nil && l.now().After(leaf.NotAfter) {
		return fmt.Sprintf("the certificate in %s ran out on %s; clients that check it will not connect", l.cert, leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	return ""
}

// refresh reads the files again if they changed, with mu held.
func (l *Loader) refresh() {
	now := l.now()
	if since := now.Sub(l.looked); since >= 0 && since < lookEvery {
		return
	}
	l.looked = now
	stamps, err := l.look()
	if err == nil && stamps == l.stamps && l.problem == "" {
		return
	}
	var pair *tls.Certificate
	if err == nil {
		pair, err = l.load()
	}
	if err != nil {
		problem := fmt.Sprintf("the files cannot be used, so the certificate from before stays: %v", err)
		if problem != l.problem {
			l.problem = problem
			l.log.Warn("a changed certificate cannot be used; the one from before stays", "err", err)
		}
		return
	}
	l.pair, l.stamps, l.problem = pair, stamps, ""
	l.log.Info("a changed certificate is in use", "file", l.cert)
}

// look returns the stamps of both files.
func (l *Loader) look() (stamps [2]stamp, err error) {
	for i, path := range [2]string{l.cert, l.key} {
		info, err := os.Stat(path)
		if err != nil {
			return stamps, reading(path, err)
		}
		stamps[i] = stamp{info.ModTime(), info.Size()}
	}
	return stamps, nil
}

// load reads both files and makes a pair of them.
func (l *Loader) load() (*tls.Certificate, error) {
	chain, err := l.read(l.cert)
	if err != nil {
		return nil, reading(l.cert, err)
	}
	key := chain
	if l.key != l.cert {
		if key, err = l.read(l.key); err != nil {
			return nil, reading(l.key, err)
		}
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil { // what crypto/tls says of PEM names blocks, and quotes nothing
		return nil, fmt.Errorf("pairing %s and %s: %w", l.cert, l.key, err)
	}
	return &pair, nil
}

// reading wraps an error of the file system without naming the path twice.
func reading(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("reading %s: %w", path, err)
}
