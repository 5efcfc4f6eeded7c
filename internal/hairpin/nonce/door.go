package nonce

// The door: a listener that waits for the one call that says the nonce.

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// size is the length of a nonce, in bytes.
	size = 16
	// maxCalls is how many calls a door answers before it shuts: it waits for
	// one, and whoever scans ports brings few in so short a time.
	maxCalls = 64
	// atOnce bounds those that are read at the same time.
	atOnce = 8
	// patience bounds the reading of one call.
	patience = 3 * time.Second
	// lowest and highest bound the ports of doors: those that belong to nobody
	// (RFC 6335, section 6).
	lowest, highest = 49152, 65535
	// portTries is how many ports are tried.
	portTries = 8
)

// door is an open door. Use it once.
type door struct {
	listener net.Listener
	nonce    [size]byte
}

// open opens a door on a port of the address own that is drawn by lot.
func open(own netip.Addr) (*door, error) {
	d := &door{}
	_, _ = rand.Read(d.nonce[:]) // never fails
	var failed error
	for range portTries {
		n, err := rand.Int(rand.Reader, big.NewInt(highest-lowest+1))
		if err != nil {
			return nil, fmt.Errorf("drawing a port: %w", err)
		}
		at := netip.AddrPortFrom(own, uint16(lowest+n.Int64()))
		if d.listener, failed = net.Listen("tcp", at.String()); failed == nil {
			return d, nil
		}
	}
	return nil, fmt.Errorf("listening for a call of our own: %w", failed)
}

// address is where the door is.
func (d *door) address() netip.AddrPort {
	at := d.listener.Addr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// errShut means that a door was shut before the nonce came.
var errShut = errors.New("the nonce did not come")

// await returns the address from which the nonce came. It shuts the door, and
// returns after everybody has been hung up.
func (d *door) await(ctx context.Context) (netip.Addr, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = d.listener.Close() })()
	var group sync.WaitGroup
	found := make(chan netip.Addr, 1)
	places := make(chan struct{}, atOnce)
	group.Go(func() {
		defer cancel()
		var calls sync.WaitGroup
		defer calls.Wait()
		for range maxCalls {
			conn, err := d.listener.Accept()
			if err != nil {
				return // shut, as a rule
			}
			select {
			case places <- struct{}{}:
			default: // too many at once: they are no call of ours
				_ = conn.Close()
				continue
			}
			calls.Go(func() {
				defer func() { <-places }()
				if source, ok := d.hear(ctx, conn); ok {
					select {
					case found <- source:
					default:
					}
					cancel()
				}
			})
		}
	})
	<-ctx.Done()
	_ = d.listener.Close()
	group.Wait()
	select {
	case source := <-found:
		return source, nil
	default:
		return netip.Addr{}, errShut
	}
}

// hear reads the beginning of a call, and hangs up. It reports from where it
// came and whether it said the nonce.
func (d *door) hear(ctx context.Context, conn net.Conn) (netip.Addr, bool) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	var said [size]byte
	if _, err := io.ReadFull(conn, said[:]); err != nil || subtle.ConstantTimeCompare(said[:], d.nonce[:]) != 1 {
		return netip.Addr{}, false
	}
	from, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	return from.Addr().Unmap(), err == nil
}
