// Package stun asks a STUN server (RFC 8489) from which address our datagrams
// reach it. It sends one kind of message, the Binding request over UDP, and
// reads one kind of answer. Nothing is kept between two questions.
package stun

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v3"
)

const (
	// maxAnswer is more than any Binding response holds: RFC 8489, section 6.1,
	// keeps messages below the path's MTU.
	maxAnswer = 1500
	// firstWait is the retransmission timeout to begin with; it doubles, and
	// mostSent bounds how often the request goes out (RTO and Rc of section
	// 6.2.1).
	firstWait = 500 * time.Millisecond
	mostSent  = 7
	// mostStray bounds the datagrams that are read and thrown away in one
	// question.
	mostStray = 64
)

// Ask asks over conn, which must be a connected UDP socket so that the kernel
// drops what others send, and returns the address in XOR-MAPPED-ADDRESS. It
// ends with ctx; closing conn is the caller's.
func Ask(ctx context.Context, conn net.Conn) (netip.Addr, error) {
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("making request: %w", err)
	}
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	stray := 0
	for sent, wait := 0, firstWait; sent < mostSent; sent, wait = sent+1, 2*wait {
		if _, err := conn.Write(request.Raw); err != nil {
			return netip.Addr{}, err
		}
		addr, err := listen(ctx, conn, request.TransactionID, time.Now().Add(wait), &stray)
		if !errors.Is(err, errNothing) {
			return addr, err
		}
		if ctx.Err() != nil {
			return netip.Addr{}, ctx.Err()
		}
	}
	return netip.Addr{}, context.DeadlineExceeded
}

// errNothing means that no answer came in time.
var errNothing = errors.New("no answer")

// listen waits until deadline for the answer to id. Datagrams that are not are
// passed over, as others may forge them.
func listen(ctx context.Context, conn net.Conn, id [stun.TransactionIDSize]byte, deadline time.Time, stray *int) (netip.Addr, error) {
	if err := conn.SetReadDeadline(deadline); err != nil {
		return netip.Addr{}, err
	}
	if ctx.Err() != nil {
		return netip.Addr{}, ctx.Err()
	}
	buffer := make([]byte, maxAnswer+1)
	for {
		n, err := conn.Read(buffer)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return netip.Addr{}, errNothing
		case err != nil:
			return netip.Addr{}, err
		}
		addr, err := Parse(buffer[:n], id)
		if !errors.Is(err, ErrNotOurs) {
			return addr, err
		}
		if *stray++; *stray > mostStray {
			return netip.Addr{}, errors.New("too many datagrams that are no answer to our request")
		}
	}
}
