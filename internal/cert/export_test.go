package cert

// What the tests reach that nobody else does.

import "time"

// SetNow gives k a wall clock of its own.
func (k *Keeper) SetNow(now func() time.Time) { k.clock.now = now }

// SetTick sets the longest wait between two rounds, so that years go by fast.
func (k *Keeper) SetTick(d time.Duration) { k.tick = d }

// SetWrote calls f after each change on the disk.
func (k *Keeper) SetWrote(f func(file string)) { k.store.wrote = f }

// Life is what RenewAt goes by.
type Life = life

// NewWindow makes a CA's window.
func NewWindow(start, end time.Time) *window { return &window{start, end} }

// RenewAt is renewAt.
func RenewAt(l Life) time.Time { return l.renewAt() }

// ReadState and ReadOwn parse what a file of the folder holds.
func ReadState(text []byte) error { _, err := parseState(text); return err }

// ReadOwn reports whether there was a root.
func ReadOwn(text []byte) (root bool, err error) {
	var o own
	err = o.parse(text)
	return o.root != nil, err
}
