package handed

// One look without a watcher's life.

import (
	"context"
	"errors"
	"sync"
	"time"
)

// soliciting is how long the IPv6 routers may take to answer (RFC 4861, section
// 6.2.6: half a second, and three where they have just spoken).
const soliciting = 3500 * time.Millisecond

// Look asks the DHCP servers and the IPv6 routers once, and returns what is known
// then, within half a minute. Who comes through the router only time shows, so
// that is not looked at. An error is that of cfg's Place: there is no network, or
// nothing to look for in it, and nobody was asked.
func Look(ctx context.Context, cfg Config) (Status, error) {
	w := New(cfg)
	place, err := w.cfg.Place()
	if err != nil {
		return Status{}, err
	}
	w.place = place
	s := Status{Local: place.Local, Router: place.Router, Own: place.Own, Boxed: place.Boxed}
	if place.Interface == "" {
		s.DHCPError = notHere
		return s, nil
	}
	hearing, end := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer end()
	ready := make(chan struct{})
	begun := sync.OnceFunc(func() { close(ready) })
	group.Go(func() {
		defer begun()
		err := w.cfg.listen(hearing, func() { w.hears(); begun() }, w.heard)
		if hearing.Err() == nil {
			w.deaf(err)
		}
	})
	<-ready
	w.solicit()
	asked := time.NewTimer(soliciting)
	defer asked.Stop()
	for s.DHCP == nil && w.silent < askSilent {
		if w.askDHCP(ctx, &s); s.DHCPError != "" || ctx.Err() != nil {
			break
		}
	}
	select { // DHCP may have had nothing to wait for
	case <-asked.C:
	case <-ctx.Done():
	}
	w.fillRouters(&s)
	if ctx.Err() != nil && s.DHCP == nil {
		s.DHCPError = "there was no time to ask the DHCP servers"
	}
	return s, nil
}

// deaf notes that nobody hears the routers any more, and reports whether that is
// news.
func (w *Watcher) deaf(err error) bool {
	if err == nil {
		err = errors.New("the hearing of IPv6 routers has ended")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	news := w.unheard != err.Error()
	w.routers, w.unheard = nil, err.Error()
	return news
}
