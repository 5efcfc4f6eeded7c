package upstream

// Where a server is, and how it is reached.

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// leastDial is the least time that one of several addresses is given.
const leastDial = 500 * time.Millisecond

// target is where one server is.
type target struct {
	spec    Spec
	host    *host // nil where the address is in spec
	connect func(ctx context.Context, network, address string) (net.Conn, error)
	own     func(netip.AddrPort) bool
	at      atomic.Uint32 // which address is in use, counted on
}

// known lists where the server is, as far as it is known.
func (t *target) known() []netip.AddrPort {
	if t.host == nil {
		return []netip.AddrPort{t.spec.AddrPort()}
	}
	var list []netip.AddrPort
	for _, addr := range t.host.known() {
		list = append(list, netip.AddrPortFrom(addr, t.spec.Port))
	}
	return list
}

// inUse returns the address that is asked; invalid while none is known.
func (t *target) inUse() netip.AddrPort {
	list := t.known()
	if len(list) == 0 {
		return netip.AddrPort{}
	}
	return list[int(t.at.Load())%len(list)]
}

// turn makes another address the one in use, after that one failed. When all
// have, the name is looked up again.
func (t *target) turn() {
	if t.host != nil && int(t.at.Add(1))%max(len(t.host.known()), 1) == 0 {
		t.host.doubt()
	}
}

// dial connects to the first address that takes the connection, from the one
// in use on. The port is not always the server's own.
func (t *target) dial(ctx context.Context, network string, port uint16) (net.Conn, error) {
	list := []netip.Addr{t.spec.Addr}
	if t.host != nil {
		var err error
		if list, err = t.host.find(ctx); err != nil {
			return nil, err
		}
	}
	var failed errorList
	first := t.at.Load()
	for i := range list {
		at := first + uint32(i)
		addr := netip.AddrPortFrom(list[int(at)%len(list)], port)
		if t.own(addr) {
			failed = append(failed, fmt.Errorf("%s is this server itself, so a question would go round in a loop", addr))
			continue
		}
		conn, err := t.dialOne(ctx, network, addr.String(), len(list)-i)
		if err == nil {
			t.at.CompareAndSwap(first, at)
			return conn, nil
		}
		failed = append(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// dialOne connects to one address, while left of them, with it, are left.
func (t *target) dialOne(ctx context.Context, network, address string, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		share := max(time.Until(deadline)/time.Duration(left), leastDial)
		bounded, cancel := context.WithTimeout(ctx, share)
		defer cancel()
		ctx = bounded
	}
	return t.connect(ctx, network, address)
}
