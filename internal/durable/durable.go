// Package durable writes small state files so that a crash, a power cut or a
// full disk leaves the old file or the new one and never something between, and
// reads them within a bound. It is a leaf.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile replaces the file at path by what write writes, readable by its
// owner alone. The text is written beside path, forced to the disk and moved
// into place. On an error the old file stands as it was. Only one writer may be
// at work on a path at a time.
func WriteFile(path string, write func(w io.Writer) error) error {
	temp := path + ".tmp"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing what a crash left behind: %w", err)
	}
	// O_EXCL: whoever may write to the folder must not lead us elsewhere.
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
		return err
	}
	syncFolder(filepath.Dir(path))
	return nil
}

// syncFolder makes a rename last over a power cut, on file systems that can:
// some network file systems refuse, and the file itself is on the disk.
func syncFolder(path string) {
	if folder, err := os.Open(path); err == nil {
		_ = folder.Sync()
		folder.Close()
	}
}

// ErrTooLarge means that a file is larger than what it should hold.
var ErrTooLarge = errors.New("the file is too large to be what it should be")

// ReadFile returns the content of the file at path, at most limit bytes. More
// is ErrTooLarge; a file that is not there is fs.ErrNotExist.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, ErrTooLarge
	}
	return data, nil
}

// SetAside moves a file that is damaged or not ours out of the way, to the path
// that it returns, so that nothing is lost that somebody may still want.
func SetAside(path string) (aside string, err error) {
	aside = path + ".bad"
	return aside, os.Rename(path, aside)
}
