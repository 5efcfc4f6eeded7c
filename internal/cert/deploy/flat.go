package deploy

// Plain files, for file systems without symbolic links.
//
// Each file is swapped whole, but one after the other. combined.pem is the last,
// for two reasons. It is the file whose change makes a watcher tell the broker:
// when it changes, all others are in place, so that a broker that was pointed at
// privkey.pem and fullchain.pem finds a pair. And after a crash on the way, the
// broker that uses combined.pem still has the old pair, whole. What stands beside
// it may be of two kinds until the next Write, which begins anew; the key and its
// chain follow each other, so that this is short.

import (
	"os"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// wordsFlat says what it means that there are no links.
const wordsFlat = "The drive or share of the folder has no symbolic links, so its files are replaced one after the other and not all at once: let the broker use combined.pem as its certfile and as its keyfile, and not privkey.pem with fullchain.pem"

// flatHolds reports whether plain files in the folder hold just want.
func (f *folder) flatHolds(want []file) bool {
	for _, x := range want {
		if !same(f.root, x) {
			return false
		}
	}
	return !holdsMore(f.root, want)
}

// writeFlat puts want in place as plain files. All of them are on the disk
// before the first is moved.
func (f *folder) writeFlat(want []file) (changed bool, err error) {
	f.warn(wordsFlat)
	defer func() {
		if err != nil {
			for _, x := range want {
				_ = f.root.Remove(x.name + fresh)
			}
		}
	}()
	for _, x := range want {
		if err := f.create(f.root, x.name+fresh, x); err != nil {
			return false, err
		}
	}
	f.sync()
	for _, x := range want { // in the order of names
		if err := f.root.Rename(x.name+fresh, x.name); err != nil {
			return changed, err
		}
		changed = true
	}
	if !has(want, FileCRL) {
		if info, err := f.root.Lstat(FileCRL); err == nil && info.Mode().IsRegular() {
			if err := f.root.Remove(FileCRL); err != nil {
				return true, err
			}
		}
	}
	f.sync()
	return true, nil
}

// readBack returns an error unless whoever opens the files now gets the pair, in
// one file and in two.
func (f *folder) readBack(want keys.Pair) error {
	odd := func(err error) error {
		return inWords(err, "what stands in %s is not what was written there: another program writes to it, or its drive is damaged. See that only edgeguard writes there; it is tried again", f.dir)
	}
	full, err := read(f.root, FileFullChain)
	if err != nil {
		return err
	}
	chain, err := keys.ParseCertificates(full)
	if err != nil {
		return odd(err)
	}
	if (keys.Pair{Chain: chain}).Fingerprint() != want.Fingerprint() {
		return odd(nil)
	}
	combined, err := read(f.root, FileCombined)
	if os.IsPermission(err) {
		return nil // the broker alone may read keys; they were read back before they were given away
	} else if err != nil {
		return err
	}
	pair, err := keys.ParsePair(combined)
	if err != nil || pair.Fingerprint() != want.Fingerprint() {
		return odd(err)
	}
	text, err := read(f.root, FileKey)
	if err != nil {
		return err
	}
	key, err := keys.ParseKey(text)
	if err == nil {
		_, err = keys.New(chain, key)
	}
	if err != nil {
		return odd(err)
	}
	return nil
}
