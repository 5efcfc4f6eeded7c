package ssdp

// A search under way: what is sent when, and what is made of the replies.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// listener is a search under way.
type listener struct {
	search  Search
	sockets []socket
	in      <-chan datagram
	until   time.Time // when to stop listening
	lanes   [2]lane
	found   Result
	others  map[netip.Addr]Other
}

// run sends, and sends again after a tenth and a third of the window where
// nothing came: datagrams get lost, and routers that start miss the first.
// failed is what is wrong with the sockets already.
func (l *listener) run(ctx context.Context, failed error) error {
	sent, err := l.send()
	l.found.Unsent = errors.Join(failed, err)
	if !sent {
		if l.found.Unsent == nil {
			return errors.New("there is no address to send to")
		}
		return l.found.Unsent
	}
	began := time.Now()
	for _, part := range []time.Duration{10, 3} {
		if err := l.listen(ctx, began.Add(l.search.Window/part)); err != nil {
			return err
		}
		if l.spent() || !time.Now().Before(l.until) {
			return nil
		}
		// The first sending went out, so an error now is no reason to give up.
		_, _ = l.send()
	}
	return l.listen(ctx, l.until)
}

// send sends every search once on every way that brought no answer.
func (l *listener) send() (sent bool, err error) {
	var errs []error
	for _, s := range l.sockets {
		if len(l.lanes[s.lane].kept) > 0 {
			continue
		}
		ok, err := s.send(l.search.Targets)
		sent = sent || ok
		errs = append(errs, err)
	}
	return sent, errors.Join(errs...)
}

// listen takes replies until the earlier of end and l.until.
func (l *listener) listen(ctx context.Context, end time.Time) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !l.spent() {
		if l.until.Before(end) {
			end = l.until
		}
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		timer.Reset(left)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case d := <-l.in:
			l.take(d)
		case <-timer.C:
		}
	}
	return nil
}

// spent reports whether every lane has been read as often as may be, so that
// nothing that comes would count.
func (l *listener) spent() bool {
	return !slices.ContainsFunc(l.lanes[:], func(k lane) bool { return k.open && !k.spent() })
}

// take judges one datagram. Only the gateway's count against the bounds, so
// that nobody else can use them up.
func (l *listener) take(d datagram) {
	k := &l.lanes[d.lane]
	switch {
	case d.from != l.search.Gateway:
		l.takeOther(d.packet, d.from)
		return
	case l.search.OthersOnly, k.spent():
		return
	}
	k.read++
	reply, err := ParseReply(d.packet, d.from)
	if err != nil {
		l.refuse(fmt.Sprintf("a reply from the gateway: %v", err))
		return
	}
	k.good++
	location := reply.Location.String()
	if slices.Contains(l.search.Tried, location) {
		return
	}
	reply.Direct = d.lane == directLane
	k.keep(reply)
	known := location == l.search.Known
	switch promises := rank(reply.Target); {
	case l.search.Patient && !reply.Direct:
	case known && reply.Direct:
		l.stopIn(0)
	case known, promises == rankGateway:
		l.stopIn(l.search.Settle)
	case promises == rankService:
		l.stopIn(4 * l.search.Settle)
	}
}

// takeOther notes another host that answers as a router.
func (l *listener) takeOther(packet []byte, from netip.Addr) {
	near, own := within(l.search.Networks, from)
	if _, known := l.others[from]; known || own {
		return
	}
	if near {
		if o, err := ParseOther(packet, from); err == nil && len(l.others) < maxOthers {
			l.others[from] = o
		}
		return // media servers and the like: nothing to speak of
	}
	l.refuse(fmt.Sprintf("a reply from %s, which is not the gateway", from))
}

func (l *listener) stopIn(d time.Duration) {
	if t := time.Now().Add(d); t.Before(l.until) {
		l.until = t
	}
}

func (l *listener) refuse(reason string) {
	if len(l.found.Refused) < maxReasons && !slices.Contains(l.found.Refused, reason) {
		l.found.Refused = append(l.found.Refused, reason)
	}
}
