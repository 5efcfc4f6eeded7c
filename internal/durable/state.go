package durable

// State files: small, whole, and never a reason not to start.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// DamagedError means that a state file could not be used and was set aside.
type DamagedError struct {
	// MovedTo is where the file is now, or was to be moved where Err says that
	// this failed too.
	MovedTo string
	// Err is what is wrong with it.
	Err error
}

// Error implements error.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("the file is damaged or not ours, and is set aside as %s: %v", e.MovedTo, e.Err)
}

// Unwrap returns Err.
func (e *DamagedError) Unwrap() error { return e.Err }

// Load reads the state file at path, of at most limit bytes, and hands its text
// to parse. Where path is empty or there is no such file, parse is not called
// and nothing is wrong. A file that is too large, or that parse refuses, is set
// aside, and the error is a *DamagedError. With any other error the file could
// not be read and stays where it is.
func Load(path string, limit int64, parse func(text []byte) error) error {
	if path == "" {
		return nil
	}
	text, err := ReadFile(path, limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil && !errors.Is(err, ErrTooLarge):
		return err
	}
	if err == nil {
		err = parse(text)
	}
	if err == nil {
		return nil
	}
	aside, failed := SetAside(path)
	return &DamagedError{MovedTo: aside, Err: errors.Join(err, failed)}
}

// Save writes text and a line's end to the state file at path, as WriteFile
// does.
func Save(path string, text []byte) error {
	return WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(append(text[:len(text):len(text)], '\n'))
		return err
	})
}
