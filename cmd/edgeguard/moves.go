package main

// This host's own addresses and routes: who goes by them is told when they may
// have changed, so that nobody has to look every few seconds.

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/lan"
)

const (
	// moveEvery is how often those who go by our addresses look at them where
	// the kernel does not tell of changes, and how long after a change that it
	// told of they look once more: it may have been half of one.
	moveEvery = 3 * time.Second
	// moveRarely is how often they look where it does: events get lost, and some
	// changes are none to it.
	moveRarely = 30 * time.Second
)

// moves tells those who go by this host's addresses and routes to look at them:
// when the kernel says so, and now and then in any case. Each has a channel of
// one slot.
type moves struct {
	router, dns, listen, handed chan struct{}

	located chan struct{} // one slot: a service has another address
	rooted  chan struct{} // one slot: there is another authority of the house's own

	kick chan struct{} // one slot: tell them now
	// changes and look are lan.Changes and surroundings outside of tests.
	changes func(ctx context.Context, changed func(kind string)) error
	look    func() string
}

func newMoves() *moves {
	slot := func() chan struct{} { return make(chan struct{}, 1) }
	return &moves{router: slot(), dns: slot(), listen: slot(), handed: slot(), located: slot(), rooted: slot(), kick: slot(), changes: lan.Changes, look: surroundings}
}

// poke puts into a channel of one slot, and never waits.
func poke(slot chan struct{}) {
	select {
	case slot <- struct{}{}:
	default:
	}
}

// tell has everybody look now.
func (m *moves) tell() {
	for _, who := range []chan struct{}{m.router, m.dns, m.listen, m.handed} {
		poke(who)
	}
}

// run tells until ctx ends. Hint is called as well with the kind of each change
// that the kernel tells of.
func (m *moves) run(ctx context.Context, hint func(kind string), log *slog.Logger) error {
	listens, deaf := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		begin := sync.OnceFunc(func() { close(listens) })
		err := m.changes(ctx, func(kind string) {
			begin()
			if kind != lan.ChangeNone {
				hint(kind)
				poke(m.kick)
			}
		})
		if err != nil && ctx.Err() == nil {
			log.Info("the kernel does not tell of changes of this host's addresses, so they are found by asking", "err", err)
			close(deaf)
		}
	})
	m.follow(ctx, listens, deaf, log)
	return nil
}

// follow tells at the kernel's word and by the clock: rarely once it listens,
// until it turns out to be deaf.
func (m *moves) follow(ctx context.Context, listens, deaf <-chan struct{}, log *slog.Logger) {
	timer := time.NewTimer(moveEvery)
	defer timer.Stop()
	var told, soon, odd bool // odd: the last look found what nobody had told of
	before := m.look()
	for {
		word := false
		select {
		case <-ctx.Done():
			return
		case <-listens:
			told, listens = true, nil
		case <-deaf:
			told, deaf = false, nil
		case <-m.kick:
			word = true
		case <-timer.C:
		}
		now := m.look()
		changed := now != before
		switch before = now; {
		case word:
			odd = false
		case odd:
			log.Info("the kernel did not tell of a change of this host's addresses, so they are looked at more often", "every", moveEvery)
			told, odd, listens = false, false, nil
		case changed && told && !soon:
			odd = true // unless it is told of just now
		}
		m.tell()
		soon = word || odd
		if told && !soon {
			timer.Reset(moveRarely)
		} else {
			timer.Reset(moveEvery)
		}
	}
}

// surroundings are our addresses and the routers by default, as text that is
// another one where any of it that the kernel tells of is.
func surroundings() string {
	own := slices.DeleteFunc(ownAddresses(), func(a netip.Addr) bool { return a.IsLoopback() || a.IsLinkLocalUnicast() })
	slices.SortFunc(own, netip.Addr.Compare)
	gateway, _ := lan.Gateway()
	gateway6, _ := lan.GatewayIPv6()
	return fmt.Sprint(own, gateway, gateway6)
}
