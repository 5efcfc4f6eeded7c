package gena_test

// Keeping a subscription, in a bubble of time.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/gena"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// fakeRouter is a router of funcs that notes what it is asked, and when.
type fakeRouter struct {
	target    *watch.Value[gena.Target]
	began     time.Time
	notes     []string
	subscribe func() (gena.Grant, error)
	renew     func(gena.Target) (gena.Grant, error)
	lost      func()
}

func newFake() *fakeRouter {
	good := func() (gena.Grant, error) { return gena.Grant{SID: "uuid:1", For: 30 * time.Minute}, nil }
	f := &fakeRouter{
		target:    watch.New(gena.Target{}, func(a, b gena.Target) bool { return a == b }),
		began:     time.Now(),
		subscribe: good, renew: func(gena.Target) (gena.Grant, error) { return good() }, lost: func() {},
	}
	f.find(1, "http://192.168.1.1:5000/evt")
	return f
}

// find publishes a target.
func (f *fakeRouter) find(generation uint64, url string) {
	f.target.Store(gena.Target{URL: url, Gateway: netip.MustParseAddr("192.168.1.1"), Local: netip.MustParseAddr("192.168.1.10"), Generation: generation})
}

func (f *fakeRouter) note(format string, args ...any) {
	f.notes = append(f.notes, fmt.Sprintf("%v ", time.Since(f.began).Round(time.Second))+fmt.Sprintf(format, args...))
}

func (f *fakeRouter) Target() (gena.Target, <-chan struct{}) { return f.target.Get() }

func (f *fakeRouter) Subscribe(_ context.Context, at gena.Target, callback string) (gena.Grant, error) {
	f.note("subscribe %d %s", at.Generation, callback)
	return f.subscribe()
}

func (f *fakeRouter) Renew(_ context.Context, at gena.Target, sid string) (gena.Grant, error) {
	f.note("renew %d %s", at.Generation, sid)
	return f.renew(at)
}

func (f *fakeRouter) Unsubscribe(ctx context.Context, _ gena.Target, sid string) error {
	f.note("unsubscribe %s %v", sid, ctx.Err())
	return nil
}

func (f *fakeRouter) Lost(context.Context, gena.Target, error) {
	f.note("lost")
	f.lost()
}

// callback is a receiver without a socket.
type callback struct{ f *fakeRouter }

func (callback) Callback() string     { return "us" }
func (c callback) Confirm(sid string) { c.f.note("confirm %s", sid) }
func (c callback) Close()             { c.f.note("close") }

// keep runs a Keeper in the bubble for a time, and returns what was noted.
func keep(f *fakeRouter, during time.Duration) []string {
	ctx, cancel := context.WithCancel(context.Background())
	on := false
	k := &gena.Keeper{
		Router: f, Log: quiet, Rand: rand.New(rand.NewPCG(1, 2)),
		Listen: func(gena.Target) (gena.Callback, error) { return callback{f}, nil },
		Report: func(now bool, why string) {
			if now != on {
				f.note("on=%t", now)
			}
			if on = now; !now && why == "" {
				f.note("no reason is given")
			}
		},
	}
	done := make(chan struct{})
	go func() { k.Run(ctx); close(done) }()
	time.Sleep(during)
	cancel()
	<-done
	return f.notes
}

func wantNotes(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestKeeperRenewsAtHalfAndGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.renew = func(gena.Target) (gena.Grant, error) { return gena.Grant{SID: "uuid:1", For: 10 * time.Minute}, nil }
		wantNotes(t, keep(f, 23*time.Minute),
			"0s subscribe 1 us", "0s confirm uuid:1", "0s on=true", "15m0s renew 1 uuid:1", "20m0s renew 1 uuid:1",
			"23m0s unsubscribe uuid:1 <nil>", "23m0s close", "23m0s on=false")
	})
}

func TestKeeperSubscribesAnewWhenTheRouterForgot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.renew = func(gena.Target) (gena.Grant, error) {
			return gena.Grant{}, &gena.StatusError{Method: "SUBSCRIBE", Status: 412}
		}
		f.lost = func() {
			f.find(2, "http://192.168.1.1:5000/evt")
			f.renew = newFake().renew
		}
		wantNotes(t, keep(f, 20*time.Minute),
			"0s subscribe 1 us", "0s confirm uuid:1", "0s on=true", "15m0s renew 1 uuid:1", "15m0s on=false", "15m0s lost", "15m0s close",
			"15m0s subscribe 2 us", "15m0s confirm uuid:1", "15m0s on=true", "20m0s unsubscribe uuid:1 <nil>", "20m0s close", "20m0s on=false")
	})
}

func TestKeeperAsksARouterThatWasFoundAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		time.AfterFunc(time.Minute, func() { f.find(2, "http://192.168.1.1:5000/evt") })
		time.AfterFunc(2*time.Minute, func() { f.find(3, "http://192.168.1.1:5000/evt") })
		f.renew = func(at gena.Target) (gena.Grant, error) {
			if at.Generation == 3 {
				return gena.Grant{}, &gena.StatusError{Method: "SUBSCRIBE", Status: 412}
			}
			return gena.Grant{SID: "uuid:1", For: 30 * time.Minute}, nil
		}
		time.AfterFunc(3*time.Minute, func() { f.find(4, "http://192.168.1.1:6000/evt") })
		wantNotes(t, keep(f, 4*time.Minute),
			"0s subscribe 1 us", "0s confirm uuid:1", "0s on=true",
			"1m0s renew 2 uuid:1", // it knows us still
			"2m0s renew 3 uuid:1", "2m0s on=false", "2m0s close", "2m0s subscribe 3 us", "2m0s confirm uuid:1", "2m0s on=true",
			"3m0s close", "3m0s subscribe 4 us", "3m0s confirm uuid:1", // another place: nobody to ask
			"4m0s unsubscribe uuid:1 <nil>", "4m0s close", "4m0s on=false")
	})
}

// A router that refuses, or that grants and forgets, costs a request now and
// then and no more.
func TestKeeperBacksOff(t *testing.T) {
	for name, spoil := range map[string]func(*fakeRouter){
		"refuses": func(f *fakeRouter) {
			f.subscribe = func() (gena.Grant, error) { return gena.Grant{}, errors.New("refused") }
		},
		"forgets": func(f *fakeRouter) {
			f.subscribe = func() (gena.Grant, error) { return gena.Grant{SID: "uuid:1", For: 10 * time.Second}, nil }
			f.renew = func(gena.Target) (gena.Grant, error) { return gena.Grant{}, errors.New("gone") }
			generation := uint64(1)
			f.lost = func() {
				generation++
				f.find(generation, "http://192.168.1.1:5000/evt")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				spoil(f)
				asked := 0
				for _, note := range keep(f, 24*time.Hour) {
					if len(note) > 12 && note[len(note)-3:] == " us" {
						asked++
					}
				}
				// Ten minutes at the most, five at the least.
				if asked < 140 || asked > 310 {
					t.Errorf("%d subscriptions in a day", asked)
				}
			})
		})
	}
}

func TestKeeperWaitsForARouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.target.Store(gena.Target{})
		time.AfterFunc(time.Hour, func() { f.find(1, "http://192.168.1.1:5000/evt") })
		wantNotes(t, keep(f, 61*time.Minute),
			"1h0m0s subscribe 1 us", "1h0m0s confirm uuid:1", "1h0m0s on=true", "1h1m0s unsubscribe uuid:1 <nil>", "1h1m0s close", "1h1m0s on=false")
	})
}
