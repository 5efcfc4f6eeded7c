// Package watch holds Value, the one way in which concerns of edgeguard hand
// each other what they know: the latest value, swapped whole, with a signal
// when it changed. It is a leaf.
package watch

import (
	"sync"
	"sync/atomic"
)

// Value holds the latest T. A T is immutable once stored; readers share it.
// Values are published only when they differ, so a reader that wakes has
// something new to look at. Make one with New.
type Value[T any] struct {
	equal func(a, b T) bool

	// latest is never nil. It is swapped with mu held, and read without: a
	// packet loop does so for each batch, and must not wait for another.
	latest atomic.Pointer[T]

	mu      sync.Mutex
	changed chan struct{} // guarded by mu; closed at the next change
}

// New returns a Value that holds initial and compares with equal, which must
// not be nil and must not block.
func New[T any](initial T, equal func(a, b T) bool) *Value[T] {
	if equal == nil {
		panic("watch.New: equal is nil")
	}
	v := &Value[T]{equal: equal, changed: make(chan struct{})}
	v.latest.Store(&initial)
	return v
}

// Load returns the latest value. It never waits.
func (v *Value[T]) Load() T { return *v.latest.Load() }

// Get returns the latest value and a channel that is closed once a different
// one is stored. Both are taken in one step, so no change is missed between
// them; changes in quick succession are seen as one.
func (v *Value[T]) Get() (T, <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return *v.latest.Load(), v.changed
}

// Store publishes value if it differs from the latest one, and reports whether
// it did.
func (v *Value[T]) Store(value T) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.equal(*v.latest.Load(), value) {
		return false
	}
	v.latest.Store(&value)
	close(v.changed)
	v.changed = make(chan struct{})
	return true
}
