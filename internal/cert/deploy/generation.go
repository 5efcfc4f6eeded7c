package deploy

// Generations: all files in a folder of their own, swapped by one rename.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	// link is the name that points to the generation in force.
	link = "current"
	// fresh ends the name of what is to be moved into place.
	fresh = ".new"
	// prefix begins the name of a generation; its number follows.
	prefix = "gen-"
	// maxNumber bounds the number of a generation. At one a second it lasts for
	// millions of years.
	maxNumber = 1e14
)

// errNoLinks means that the file system of the folder has no symbolic links.
var errNoLinks = errors.New("there are no symbolic links")

// generation is the name of the generation of a number.
func generation(n int64) string { return fmt.Sprintf("%s%08d", prefix, n) }

// numberOf is the number of the generation of a name; 0 where it is not the name
// of one, as ours begin at 1.
func numberOf(name string) int64 {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > maxNumber || generation(n) != name {
		return 0
	}
	return n
}

// inForce is the number of the generation in force; 0 where there is none, or
// one that is not ours. Not being able to look is an error and not "none".
func (f *folder) inForce() (int64, error) {
	info, err := f.root.Lstat(link)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	case info.Mode().Type() != fs.ModeSymlink:
		return 0, inWords(nil, "the broker keeps the certificate that it has: %s holds a file or folder named %s, and edgeguard needs that name for a link of its own. Move it away", f.dir, link)
	}
	target, err := f.root.Readlink(link)
	if err != nil {
		return 0, err
	}
	n := numberOf(target)
	if n == 0 {
		return 0, nil
	}
	// A link of that name could lead elsewhere, so it must be a folder itself.
	info, err = f.root.Lstat(target)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return 0, nil
	}
	return n, err
}

// sweep removes what crashes left behind and generations that nobody has open
// any more: all but that of the number at and the one before it.
func (f *folder) sweep(at int64) error {
	list, err := f.list()
	if err != nil {
		return err
	}
	var before int64
	for _, name := range list {
		if n := numberOf(name); n < at {
			before = max(before, n)
		}
	}
	for _, name := range list {
		n := numberOf(name)
		if n == 0 && !leftover(name) || n != 0 && (n == at || n == before) {
			continue
		}
		if err := f.root.RemoveAll(name); err != nil {
			f.warn(wordsLeft) // a nuisance, and no reason to let a certificate run out
		}
	}
	return nil
}

// unused is the first number after at that no generation has: what sweep could
// not remove must not stop us.
func (f *folder) unused(at int64) (int64, error) {
	list, err := f.list()
	if err != nil {
		return 0, err
	}
	for n := at + 1; ; n++ {
		if !slices.Contains(list, generation(n)) {
			return n, nil
		}
	}
}

// leftover reports whether name is of something that was not moved into place.
func leftover(name string) bool {
	base, ok := strings.CutSuffix(name, fresh)
	return ok && (base == link || slices.Contains(names, base))
}

// list returns the names in the folder.
func (f *folder) list() ([]string, error) {
	folder, err := f.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	list, err := folder.Readdirnames(maxEntries)
	if errors.Is(err, io.EOF) { // it is empty
		err = nil
	}
	return list, err
}

// hold makes the folder hold want and reports whether it changed anything that
// readers see.
func (f *folder) hold(want []file) (changed bool, err error) {
	at, err := f.inForce()
	if err != nil {
		return false, err
	}
	if err := f.sweep(at); err != nil {
		return false, err
	}
	if at == 0 && f.flatHolds(want) {
		return f.tend("", want)
	}
	if at != 0 && f.holds(generation(at), want) {
		changed, err = f.tend(generation(at), want)
	} else {
		changed, err = f.replace(at, want)
	}
	if at == 0 && errors.Is(err, errNoLinks) {
		return f.writeFlat(want)
	}
	if err != nil {
		return changed, err
	}
	linked, err := f.link(want)
	return changed || linked, err
}

// replace puts a new generation of want in force in the place of that of the
// number at, which alone stays beside it.
func (f *folder) replace(at int64, want []file) (changed bool, err error) {
	n, err := f.unused(at)
	if err != nil {
		return false, err
	}
	if err := f.write(n, want); err != nil {
		return false, err
	}
	return true, f.sweep(n)
}

// holds reports whether a folder below the root holds just want.
func (f *folder) holds(dir string, want []file) bool {
	sub, err := f.root.OpenRoot(dir)
	if err != nil {
		return false
	}
	defer sub.Close()
	for _, x := range want {
		if !same(sub, x) {
			return false
		}
	}
	return !holdsMore(sub, want)
}

// holdsMore reports whether root has a file that want has not: a CRL of before.
func holdsMore(root *os.Root, want []file) bool {
	for _, name := range names {
		if _, err := root.Lstat(name); err == nil && !has(want, name) {
			return true
		}
	}
	return false
}

func has(want []file, name string) bool {
	return slices.ContainsFunc(want, func(x file) bool { return x.name == name })
}

// same reports whether a file holds what it should. A key that only the broker
// may read is known by its size here, and by the certificate beside it.
func same(root *os.Root, x file) bool {
	info, err := root.Lstat(x.name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(x.text)) {
		return false
	}
	text, err := read(root, x.name)
	if x.secret && errors.Is(err, fs.ErrPermission) {
		return true
	}
	return err == nil && bytes.Equal(text, x.text)
}

// write makes generation n of want and puts it in force.
func (f *folder) write(n int64, want []file) (err error) {
	name := generation(n)
	// The link first, as it tells whether there can be any.
	if err := f.root.Symlink(name, link+fresh); err != nil {
		if noLinks(err) {
			return fmt.Errorf("%w: %w", errNoLinks, err)
		}
		return err
	}
	defer func() {
		if err != nil {
			_ = f.root.RemoveAll(name)
			_ = f.root.Remove(link + fresh)
		}
	}()
	if err := f.fill(name, want); err != nil {
		return err
	}
	f.sync()
	if err := f.root.Rename(link+fresh, link); err != nil { // the moment
		return err
	}
	f.sync()
	return nil
}

// noLinks reports whether an error of symlink(2) is that of a file system that
// has none.
func noLinks(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EOPNOTSUPP)
}

// fill makes a folder that holds want, on the disk when it returns.
func (f *folder) fill(name string, want []file) error {
	if err := f.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	sub, err := f.root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer sub.Close()
	for _, x := range want {
		if err := f.create(sub, x.name, x); err != nil {
			return err
		}
	}
	self, err := sub.Open(".")
	if err != nil {
		return err
	}
	defer self.Close()
	if err := self.Chmod(0o755); err != nil { // our umask may be narrower
		f.warn(wordsModes)
	}
	_ = self.Sync()
	return nil
}

// link makes every name lead to the generation in force, and reports whether it
// had to.
func (f *folder) link(want []file) (changed bool, err error) {
	for _, name := range names {
		target := link + "/" + name
		is, err := f.root.Readlink(name)
		switch {
		case !has(want, name):
			if is != target {
				continue // not ours, or not there
			}
			err = f.root.Remove(name)
		case err == nil && is == target:
			continue
		default:
			if err = f.root.Symlink(target, name+fresh); err == nil {
				err = f.root.Rename(name+fresh, name)
			}
		}
		if err != nil {
			return changed, err
		}
		changed = true
	}
	if changed {
		f.sync()
	}
	return changed, nil
}
