package deploy

// One new file, with its owner and mode, on the disk.

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// create makes a file of x's text under a name that is not taken, gives it its
// owner and mode, forces it to the disk and reads it back: what is put in place
// afterwards is whole.
func (f *folder) create(root *os.Root, name string, x file) error {
	// O_EXCL: whoever may write to the folder must not lead us elsewhere.
	file, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(x.text)
	if err == nil {
		_, err = f.settle(file, x)
	}
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		var back []byte
		if back, err = readOpen(file); err == nil && !bytes.Equal(back, x.text) {
			err = inWords(nil, "the broker keeps the certificate that it has: %s gives back something else than what was written to it. Check its drive", f.dir)
		}
	}
	return errors.Join(err, file.Close())
}

// settled is a file whose owner and mode can be set: an open one, or a named.
type settled interface {
	Stat() (fs.FileInfo, error)
	Chown(uid, gid int) error
	Chmod(mode fs.FileMode) error
}

// named is a file below a root by its name, where it cannot be opened; it is
// not followed if it is a link.
type named struct {
	root *os.Root
	name string
}

func (n named) Stat() (fs.FileInfo, error)   { return n.root.Lstat(n.name) }
func (n named) Chown(uid, gid int) error     { return n.root.Lchown(n.name, uid, gid) }
func (n named) Chmod(mode fs.FileMode) error { return n.root.Chmod(n.name, mode) }

// settle gives a file the owner and the mode that it shall have, and reports
// whether it had others. An owner that it cannot be given is an error: a broker
// that cannot read a new key is worse off than with the old one. A mode is not,
// as shares decide it by themselves.
func (f *folder) settle(s settled, x file) (changed bool, err error) {
	info, err := s.Stat()
	if err != nil {
		return false, err
	}
	before := info.Mode().Perm()
	if before != x.mode {
		_ = s.Chmod(x.mode) // before it is given away, as then it may be too late
	}
	owned := f.owned(info)
	var failed error
	if !owned {
		failed = s.Chown(f.uid, f.gid)
	}
	if info, err = s.Stat(); err != nil {
		return false, err
	}
	// Some shares refuse, some pretend: what counts is how it is now.
	if !f.owned(info) {
		return false, inWords(failed, "the broker keeps the certificate that it has: the files in %s cannot be given to user %d, group %d (-1: as it is), and the broker could not read the new key. Run edgeguard as root or with CAP_CHOWN, or run the broker with the user of edgeguard and leave certificate.owner out", f.dir, f.uid, f.gid)
	}
	if info.Mode().Perm() != x.mode {
		f.warn(wordsModes)
	}
	return !owned || info.Mode().Perm() != before, nil
}

// owned reports whether a file has the owner that it shall have.
func (f *folder) owned(info fs.FileInfo) bool {
	is, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true // nobody can tell
	}
	return (f.uid < 0 || int(is.Uid) == f.uid) && (f.gid < 0 || int(is.Gid) == f.gid)
}

// tend gives files that are there already their owner and mode, in the folder
// dir below the root; the empty one is the root itself.
func (f *folder) tend(dir string, want []file) (changed bool, err error) {
	root := f.root
	if dir != "" {
		if root, err = f.root.OpenRoot(dir); err != nil {
			return false, err
		}
		defer root.Close()
	}
	for _, x := range want {
		did, err := f.settle(named{root, x.name}, x)
		changed = changed || did
		if err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// wordsModes says that a mode could not be set.
const wordsModes = "The drive or share of the folder decides by itself who may read files in it: see that the broker may read the private key there, and others may not"

// wordsLeft says that something old could not be removed.
const wordsLeft = "An old generation of the certificate could not be removed from the folder. It holds a private key: see that edgeguard may write to that folder and nobody else may"
