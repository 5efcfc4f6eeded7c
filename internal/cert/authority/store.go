package authority

// The folder of the authority: a lock around every change, and the state file.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
)

const (
	// lockPatience is for how long another process is waited for. The longest
	// that anybody holds the lock is the making of two RSA keys.
	lockPatience = 30 * time.Second
	lockInterval = 20 * time.Millisecond
)

// store is the folder. Commands and the daemon have one each.
type store struct {
	folder string
	// reached is told of every step of a change, before it is taken; for tests
	// that end the process there. May be nil.
	reached func(step string)
	// iterations are those of seal; zero means the usual number.
	iterations int
}

func (s store) step(name string) {
	if s.reached != nil {
		s.reached(name)
	}
}

func (s store) stateFile() string { return filepath.Join(s.folder, "authority.json") }

// lock waits until no other process, and nobody else in this one, is changing
// anything. The kernel lets go of the lock where its holder is killed.
func (s store) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.folder, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockPatience); ; time.Sleep(lockInterval) {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		busy := errors.Is(err, syscall.EWOULDBLOCK)
		if busy && time.Now().Before(end) || errors.Is(err, syscall.EINTR) {
			continue
		}
		f.Close()
		if busy {
			return nil, ErrBusy
		}
		return nil, fmt.Errorf("locking the folder of the certificate authority: %w", err)
	}
}

// load reads the state, which is whole with or without the lock. It returns
// ErrNone where there is none, and ErrDamaged where it cannot be believed.
func (s store) load() (*state, error) {
	text, err := durable.ReadFile(s.stateFile(), maxState)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNone
	case errors.Is(err, durable.ErrTooLarge):
		return nil, damaged(s.stateFile(), err)
	case err != nil:
		return nil, fmt.Errorf("reading the state of the certificate authority: %w", err)
	}
	st, err := parseState(text)
	if err != nil {
		return nil, damaged(s.stateFile(), err)
	}
	return st, nil
}

// save makes st the state. It is called with the lock.
func (s store) save(st *state) error {
	text, err := st.encode()
	if err != nil {
		return err
	}
	s.step("save")
	if err := durable.Save(s.stateFile(), text); err != nil {
		return fmt.Errorf("writing the state of the certificate authority: %w", err)
	}
	s.step("saved")
	return nil
}
