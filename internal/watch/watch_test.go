package watch_test

import (
	"sync"
	"testing"

	"github.com/edgeguard/edgeguard/internal/watch"
)

func equalInts(a, b int) bool { return a == b }

func TestStorePublishesOnlyWhatDiffers(t *testing.T) {
	v := watch.New(1, equalInts)
	_, changed := v.Get()
	if v.Store(1) {
		t.Error("Store(1) over 1 reported a change")
	}
	select {
	case <-changed:
		t.Fatal("an equal value woke the readers")
	default:
	}
	if !v.Store(2) {
		t.Error("Store(2) over 1 reported no change")
	}
	<-changed
	if got := v.Load(); got != 2 {
		t.Errorf("Load() = %d, want 2", got)
	}
}

func TestReadersSeeTheLastValue(t *testing.T) {
	const last = 1000
	v := watch.New(0, equalInts)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				value, changed := v.Get()
				if value == last {
					return
				}
				<-changed
			}
		})
	}
	for i := 1; i <= last; i++ {
		v.Store(i)
	}
	readers.Wait()
}

func TestNewWithoutEqualPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("New(…, nil) did not panic")
		}
	}()
	watch.New(0, nil)
}
