package relay

// The two directions of a connection, and when it has lasted long enough.

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// errIdle and errStopped are why a link is broken off besides what its two
// connections say.
var (
	errIdle    = errors.New("nothing has come for too long")
	errStopped = errors.New("the relay stops")
)

// link is a client's connection and the one to the service.
type link struct {
	in, out direction // to the service, and back
	idle    time.Duration
	start   time.Time
	// active is when a byte last came, as a time since start.
	active atomic.Int64

	mu     sync.Mutex
	timer  *time.Timer // guarded by mu; nil once all is over
	broken error       // guarded by mu; why it was broken off, nil if it was not
}

// direction is one of the two.
type direction struct {
	from  source
	to    net.Conn
	total *atomic.Uint64 // octets, of all connections of the relay
	ended atomic.Bool    // its FIN has been carried
	stuck atomic.Int64   // since when octets wait to be taken, as active is; 0 if none do

}

func newLink(r *Relay, client, service net.Conn) *link {
	l := &link{idle: r.cfg.Idle, start: time.Now()}
	l.in = direction{from: newSource(client), to: service, total: &r.bytesIn}
	l.out = direction{from: newSource(service), to: client, total: &r.bytesOut}
	return l
}

// carry carries both ways until both have ended or the link is broken off, and
// closes both connections.
func (l *link) carry(ctx context.Context) {
	l.mu.Lock()
	l.timer = time.AfterFunc(min(l.limit(), patience), l.look)
	l.mu.Unlock()
	defer context.AfterFunc(ctx, func() { l.breakOff(errStopped) })()
	back := make(chan struct{})
	go func() {
		defer close(back)
		l.pass(&l.out)
	}()
	l.pass(&l.in)
	<-back
	l.over()
}

// over ends the watch, and closes what has not been broken off.
func (l *link) over() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer.Stop()
	l.timer = nil
	if l.broken == nil {
		l.in.to.Close()
		l.out.to.Close()
	}
}

// pass carries one direction to its end.
func (l *link) pass(d *direction) {
	for {
		buffer, n, err := d.from.next()
		if n > 0 {
			now := l.now()
			l.active.Store(now)
			d.stuck.Store(now)
			_, werr := d.to.Write((*buffer)[:n])
			d.stuck.Store(0)
			if werr == nil {
				d.total.Add(uint64(n))
			} else {
				err = werr
			}
		}
		if buffer != nil {
			buffers.Put(buffer)
		}
		switch {
		case errors.Is(err, io.EOF):
			l.finish(d)
			return
		case err != nil:
			l.breakOff(err)
			return
		}
	}
}

// finish carries a FIN. The other direction goes on, for as long as it is used.
func (l *link) finish(d *direction) {
	d.ended.Store(true)
	l.active.Store(l.now())
	half, ok := d.to.(interface{ CloseWrite() error })
	if !ok {
		l.breakOff(errors.ErrUnsupported)
		return
	}
	// Where this fails the other side is gone, which the other direction finds.
	_ = half.CloseWrite()
	l.look()
}

// breakOff ends both directions at once, with a reset. A side that has been sent
// its FIN gets what is still under way to it first: it is whole.
func (l *link) breakOff(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer == nil || l.broken != nil {
		return
	}
	l.broken = why
	for _, d := range []*direction{&l.in, &l.out} {
		if d.ended.Load() {
			d.to.Close()
		} else {
			reset(d.to)
		}
	}
}

// look breaks the link off if it has lasted long enough as it is, or else looks
// again when that may be so.
func (l *link) look() {
	left := l.left()
	if left <= 0 {
		l.breakOff(errIdle)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil && l.broken == nil {
		l.timer.Reset(min(left, patience)) // a direction may be stuck from now on
	}
}

// left is how long the link may stay as it is.
func (l *link) left() time.Duration {
	now := time.Duration(l.now())
	left := time.Duration(l.active.Load()) + l.limit() - now
	for _, d := range []*direction{&l.in, &l.out} {
		if since := d.stuck.Load(); since != 0 {
			left = min(left, time.Duration(since)+min(l.idle, patience)-now)
		}
	}
	return left
}

// limit is how long nothing may come.
func (l *link) limit() time.Duration {
	switch {
	case l.in.ended.Load() || l.out.ended.Load():
		return min(l.idle, patience)
	case l.active.Load() == 0:
		return min(l.idle, firstByte)
	}
	return l.idle
}

// now is the time since the start, never 0.
func (l *link) now() int64 { return int64(max(time.Since(l.start), 1)) }
