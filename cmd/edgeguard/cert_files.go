package main

// New files with secrets: never over one that is there, and never readable by
// others.

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/edgeguard/edgeguard/internal/durable"
)

// newFiles are files that were made empty, so that what is to go into them can
// be: a full disk, or a file that is there, is noticed before anything is issued.
type newFiles struct {
	folder, stem string
	endings      []string
	made         []string // paths that abandon takes away
}

// fileStem is the name of a client as the beginning of a file's name.
func fileStem(name string) string {
	stem := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._@-", r) {
			return r
		}
		return '_'
	}, name)
	if strings.HasPrefix(stem, ".") || strings.HasPrefix(stem, "-") {
		stem = "_" + stem[1:]
	}
	if strings.EqualFold(stem, "ca") { // ca.crt is the authority's
		stem += "_"
	}
	return stem
}

// reserve makes the files, and ca.crt beside them with the authority's
// certificate. It fails where one is there already, but for the same ca.crt, and
// leaves none then.
func reserve(folder, stem string, endings []string, ca []byte) (*newFiles, error) {
	n := &newFiles{folder: folder, stem: stem, endings: endings}
	err := n.writeCA(ca)
	for _, ending := range endings {
		if err == nil {
			err = n.make(ending)
		}
	}
	if err != nil {
		n.abandon()
		return nil, err
	}
	return n, nil
}

// make makes one file, empty.
func (n *newFiles) make(ending string) error {
	f, err := os.OpenFile(n.path(ending), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and is left as it is; take another NAME, or another folder with --out", n.path(ending))
	}
	if err != nil {
		return err
	}
	n.made = append(n.made, n.path(ending))
	return f.Close()
}

func (n *newFiles) path(ending string) string { return filepath.Join(n.folder, n.stem+ending) }

// write fills the files.
func (n *newFiles) write(contents map[string][]byte) error {
	for _, ending := range n.endings {
		f, err := os.OpenFile(n.path(ending), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(contents[ending])
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("writing %s: %w", n.path(ending), err)
		}
	}
	n.made = nil // they stay
	return nil
}

// writeCA writes ca.crt, unless it is there and the same.
func (n *newFiles) writeCA(ca []byte) error {
	path := filepath.Join(n.folder, "ca.crt")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		old, err := durable.ReadFile(path, maxPairFile)
		if err == nil && !bytes.Equal(old, ca) {
			err = fmt.Errorf("%s is that of another authority, and is left as it is; take another folder with --out", path)
		}
		return err
	}
	if err != nil {
		return err
	}
	n.made = append(n.made, path)
	_, err = f.Write(ca)
	return errors.Join(err, f.Sync(), f.Close())
}

// paths are all files, for people.
func (n *newFiles) paths() (list []string) {
	for _, ending := range n.endings {
		list = append(list, n.path(ending))
	}
	return append(list, filepath.Join(n.folder, "ca.crt"))
}

// abandon takes away what was made and not filled.
func (n *newFiles) abandon() {
	for _, path := range n.made {
		_ = os.Remove(path)
	}
	n.made = nil
}
