package deploy

// The folder: made, locked, and never left by a link that somebody planted.

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// maxFile bounds what is read of a file in the folder, in bytes. We write less.
const maxFile = 512 << 10

// maxEntries bounds how many entries of the folder are looked at.
const maxEntries = 4096

// folder is the open folder. All names are below its root, links included.
type folder struct {
	root     *os.Root
	self     *os.File // the folder itself: its lock, and its way to the disk
	dir      string
	uid, gid int
	warn     func(string)
}

// openFolder opens the folder at dir, and makes it where it is not there. Only
// the last part of the path is made: where a drive is not mounted, the rest of it
// would come to lie below the empty mount point.
func openFolder(dir string, uid, gid int, warn func(string)) (*folder, error) {
	switch err := os.Mkdir(dir, 0o755); {
	case err == nil:
		if err := os.Chmod(dir, 0o755); err != nil { // whatever our umask is, the broker has to enter
			return nil, err
		}
	case errors.Is(err, fs.ErrNotExist):
		return nil, inWords(err, "the broker keeps the certificate that it has: there is no folder %s for %s to be made in. Make it, or see that its drive or share is mounted", filepath.Dir(dir), filepath.Base(dir))
	default:
		if info, there := os.Stat(dir); there != nil {
			return nil, errors.Join(err, there)
		} else if !info.IsDir() {
			return nil, syscall.ENOTDIR
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f := &folder{root: root, dir: dir, uid: uid, gid: gid, warn: warn}
	if f.self, err = root.Open("."); err != nil {
		root.Close()
		return nil, err
	}
	if err := f.lock(); err != nil {
		f.close()
		return nil, err
	}
	f.checkEntry()
	return f, nil
}

// checkEntry warns where the owner of the files cannot get at them. Access lists
// may let him in all the same, so it is no error.
func (f *folder) checkEntry() {
	info, err := f.self.Stat()
	if err != nil || f.uid <= 0 {
		return
	}
	is, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	if ok && mode&0o001 == 0 && (int(is.Uid) != f.uid || mode&0o100 == 0) && (int(is.Gid) != f.gid || mode&0o010 == 0) {
		f.warn("The user that owns the files may not enter their folder, so that the broker will hardly read them: let others enter it (chmod o+x)")
	}
}

// lock keeps a second edgeguard out: a command beside the daemon. A crash frees
// it. Shares that know no locks go without.
func (f *folder) lock() error {
	for {
		err := syscall.Flock(int(f.self.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return inWords(err, "another edgeguard is writing to %s at this moment; it is tried again", f.dir)
		default:
			return nil
		}
	}
}

func (f *folder) close() {
	f.self.Close()
	f.root.Close()
}

// sync forces the folder's names to the disk. Some network file systems can not,
// and what was renamed is renamed all the same.
func (f *folder) sync() { _ = f.self.Sync() }

// read returns the content of a file, whether it is reached by links or not.
func read(root *os.Root, name string) ([]byte, error) {
	// A pipe in the place of a file must not make us wait.
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readOpen(file)
}

// readOpen returns the content of an open file from its beginning.
func readOpen(file *os.File) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "reading", Path: file.Name(), Err: errors.New("not a file")}
	}
	text, err := io.ReadAll(io.NewSectionReader(file, 0, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = &fs.PathError{Op: "reading", Path: file.Name(), Err: errors.New("too large to be ours")}
	}
	return text, err
}

// leaf returns what the folder serves now; only its chain, and the zero Pair
// where that is not known.
func (f *folder) leaf() keys.Pair {
	text, err := read(f.root, FileFullChain)
	if err != nil {
		return keys.Pair{}
	}
	chain, err := keys.ParseCertificates(text)
	if err != nil {
		return keys.Pair{}
	}
	return keys.Pair{Chain: chain}
}
