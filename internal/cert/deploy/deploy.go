package deploy

// The deployer: what is to stand in the folder, and whether it does.

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

const (
	defaultMode    = 0o600
	defaultProcess = "mosquitto"
	defaultTimeout = 30 * time.Second
)

// Deployer hands over. It may be used by several goroutines.
type Deployer struct {
	cfg Config

	mu sync.Mutex // guards following
	// owed is set while the files were swapped and nobody was told so, because
	// something failed afterwards.
	owed bool
	// said are the warnings that were logged: once each.
	said map[string]bool
}

// New returns a Deployer. It touches nothing yet.
func New(cfg Config) *Deployer {
	if cfg.Mode == 0 {
		cfg.Mode = defaultMode
	}
	if cfg.Process == "" {
		cfg.Process = defaultProcess
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Deployer{cfg: cfg, said: map[string]bool{}}
}

// Write makes the folder hold h, and reports whether that changed anything which
// the broker has to read anew. It writes nothing where the folder holds h
// already, and nothing where h is not whole: a pair that fails its Check, a CRL
// that none of the authorities has signed. On an error before the swap the old
// files stand as they were; errors are in words for the user and hold no secret.
// With an empty Directory it does nothing.
//
// That a crash comes between Write and Reload is for the caller to notice, by
// what the broker serves.
func (d *Deployer) Write(h Handed) (changed bool, err error) {
	if d.cfg.Directory == "" {
		return false, nil
	}
	want, err := filesOf(h, d.cfg.Mode)
	if err != nil {
		return false, fmt.Errorf("the certificate is not handed to the broker, as it is not whole: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := openFolder(d.cfg.Directory, d.cfg.UID, d.cfg.GID, d.warn)
	if err != nil {
		return false, explain(d.cfg.Directory, err)
	}
	defer f.close()
	before := f.leaf()
	changed, err = f.hold(want)
	d.owed = d.owed || changed
	if err == nil {
		err = f.readBack(h.Pair)
	}
	if err != nil {
		return changed, explain(d.cfg.Directory, err)
	}
	changed, d.owed = d.owed, false
	if changed {
		d.cfg.Log.Info("The certificate was handed to the broker", "folder", d.cfg.Directory, "not_after", h.Pair.Leaf().NotAfter)
		d.noteKind(before, h.Pair)
	}
	return changed, nil
}

// warn logs a warning once.
func (d *Deployer) warn(text string) {
	if !d.said[text] {
		d.said[text] = true
		d.cfg.Log.Warn(text, "folder", d.cfg.Directory)
	}
}

// noteKind logs what a broker makes of a key of another kind.
func (d *Deployer) noteKind(before, after keys.Pair) {
	if before.IsZero() {
		return
	}
	was, _ := keys.KindOf(before.Leaf().PublicKey)
	is, _ := keys.KindOf(after.Leaf().PublicKey)
	if words := RestartWords(was, is); words != "" {
		d.cfg.Log.Warn(words, "folder", d.cfg.Directory)
	}
}
