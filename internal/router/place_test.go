package router

// Internal: how often Run looks where the router is.

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/watch"
)

// placeHome runs followPlace in a bubble with a gateway that a test moves.
// Whether somebody tells of that is told.
func placeHome(t *testing.T, told bool, happens func(moved chan<- struct{}, gateway *atomic.Value, looks *atomic.Int32, at *watch.Value[place])) {
	synctest.Test(t, func(t *testing.T) {
		var moved chan struct{}
		if told {
			moved = make(chan struct{}, 1)
		}
		var gateway atomic.Value
		var looks atomic.Int32
		gateway.Store("127.0.0.2")
		r := New(Config{AllowLoopback: true, Moved: moved, Gateway: func() (netip.Addr, error) {
			looks.Add(1)
			if text := gateway.Load().(string); text != "" {
				return netip.ParseAddr(text)
			}
			return netip.Addr{}, errors.New("there is none now")
		}})
		at := watch.New(place{}, func(a, b place) bool { return a == b })
		ctx, cancel := context.WithCancel(t.Context())
		var task sync.WaitGroup
		task.Go(func() { r.followPlace(ctx, at) })
		happens(moved, &gateway, &looks, at)
		cancel()
		task.Wait()
	})
}

func wantPlace(t *testing.T, at *watch.Value[place], gateway string) {
	t.Helper()
	if got := at.Load().gateway.String(); got != gateway {
		t.Errorf("the router is taken to be at %s, it is at %s", got, gateway)
	}
}

func TestPlaceIsLookedAtWhenTold(t *testing.T) {
	placeHome(t, true, func(moved chan<- struct{}, gateway *atomic.Value, looks *atomic.Int32, at *watch.Value[place]) {
		time.Sleep(time.Hour)
		wantPlace(t, at, "127.0.0.2")
		if looks.Load() != 1 {
			t.Errorf("%d looks in an hour in which nothing was told, want 1", looks.Load())
		}
		gateway.Store("127.0.0.3")
		moved <- struct{}{}
		synctest.Wait()
		wantPlace(t, at, "127.0.0.3")
	})
}

// Without a gateway, nobody need tell when there is one.
func TestPlaceIsLookedForWhileThereIsNone(t *testing.T) {
	placeHome(t, true, func(moved chan<- struct{}, gateway *atomic.Value, looks *atomic.Int32, at *watch.Value[place]) {
		gateway.Store("")
		moved <- struct{}{}
		synctest.Wait()
		gateway.Store("127.0.0.4")
		time.Sleep(placeEvery)
		synctest.Wait()
		wantPlace(t, at, "127.0.0.4")
	})
}

func TestPlaceIsLookedAtByTheClockWhereNobodyTells(t *testing.T) {
	placeHome(t, false, func(_ chan<- struct{}, gateway *atomic.Value, looks *atomic.Int32, at *watch.Value[place]) {
		time.Sleep(time.Minute + time.Second)
		if looks.Load() != 21 {
			t.Errorf("%d looks in a minute, want 21", looks.Load())
		}
		gateway.Store("127.0.0.3")
		time.Sleep(placeEvery)
		synctest.Wait()
		wantPlace(t, at, "127.0.0.3")
	})
}
