package deploy

// What a Deployer needs, and what it is given.

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// Reload is how the broker is told, as it is written in the config.
type Reload string

// The ways.
const (
	// ReloadNone leaves it to others: a watcher beside the broker, or a person.
	ReloadNone Reload = "none"
	// ReloadSignal sends SIGHUP to a process that we can see.
	ReloadSignal Reload = "signal"
	// ReloadCommand runs a command of the config.
	ReloadCommand Reload = "command"
)

// ErrNoReload means that the reload is left to others.
var ErrNoReload = errors.New("nobody is told to reload: a watcher beside the broker sees the new file")

// Config is where and how to hand over.
type Config struct {
	// Directory is the folder; empty means that nothing is handed over. It is
	// made where it is not there.
	Directory string
	// UID and GID own the files; -1 leaves what they would have.
	UID, GID int
	// Mode is the mode of the files that hold a key; zero means 0600. Others are
	// world-readable.
	Mode fs.FileMode
	// Reload is how the broker is told; empty is ReloadNone.
	Reload Reload
	// Process is the name of the process that gets the signal; empty means
	// mosquitto. PIDFile names it instead, where it is not empty.
	Process, PIDFile string
	// Command is the command and its arguments, run without a shell; never empty
	// for ReloadCommand. It gets the folder as EDGEGUARD_CERT_DIR.
	Command []string
	// Timeout bounds the command; zero means 30 s.
	Timeout time.Duration
	// Log; nil means none.
	Log *slog.Logger
}

// Handed is what is handed over.
type Handed struct {
	// Pair is the certificate with its chain and key; it must pass its Check.
	Pair keys.Pair
	// Authorities are the certificates that clients and client certificates are
	// verified against: the own CA's; nil means none, and ca.crt is then the
	// pair's last certificate.
	Authorities []*x509.Certificate
	// CRL is the list of revoked client certificates in DER; nil means none.
	CRL []byte
}
