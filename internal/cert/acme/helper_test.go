package acme

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
)

// watched is a zone that notes where records were written.
type watched struct {
	*zone
	mu    sync.Mutex
	added []string
	// onAdd is called after each; may be nil.
	onAdd func()
}

func (w *watched) Add(ctx context.Context, name, value string) error {
	err := w.zone.Add(ctx, name, value)
	w.mu.Lock()
	w.added = append(w.added, name)
	w.mu.Unlock()
	if w.onAdd != nil {
		w.onAdd()
	}
	return err
}

// wantFault checks that err is a Fault whose text and action hold these.
func wantFault(t *testing.T, err error, text, action string) *Fault {
	t.Helper()
	f := (*Fault)(nil)
	if !errors.As(err, &f) {
		t.Fatalf("the error is no Fault: %v", err)
	}
	if !strings.Contains(f.Text, text) || !strings.Contains(f.Action, action) {
		t.Errorf("it says %q, %q", f.Text, f.Action)
	}
	return f
}
