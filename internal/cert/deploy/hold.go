package deploy

// What the folder holds, and whether that has to change.

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
)

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
