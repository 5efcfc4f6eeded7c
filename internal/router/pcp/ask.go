package pcp

// One exchange over UDP: sent again while nothing comes.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
	"time"
)

const (
	firstWait = 250 * time.Millisecond // doubled for each try (RFC 6886, section 3.1)
	jitter    = 10                     // by how many percent a wait may differ (RFC 6887, section 8.1.1)
	maxStrays = 64                     // datagrams that are no answer, until we give up
)

// Ask sends request on conn, which must be connected to the router, and
// returns what parse makes of the answer. It sends again after about 250 ms,
// twice that, and so on, tries times in all, and then fails with ErrSilent;
// four tries take about 3.75 s. Where ctx ends before, the error is its cause.
//
// Each wait is drawn anew within a tenth, so that a house full of hosts does
// not ask a router that restarted in one breath, and what is sent again is the
// same message, octet by octet, as RFC 6887, section 8.1.1, has it. In two
// things we differ from that section. It waits 3 s first and goes on for ever,
// up to 1024 s apart, which is meant for servers across a provider's network:
// ours is one hop away, and a lost datagram shall not cost 3 s. And it is our
// callers who go on, in rounds of their own that get rarer, so that a router
// which speaks neither protocol is left alone, and none is asked for what
// nobody wants any more.
func Ask[T any](ctx context.Context, conn net.Conn, request []byte, tries int, parse func([]byte) (T, error)) (none T, err error) {
	// Reading ends; whoever comes after may still write.
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	buffer := make([]byte, maxPacket+1)
	strays := 0
	for try := range tries {
		// The deadline of an ended ctx must not be moved on.
		if ctx.Err() != nil {
			return none, context.Cause(ctx)
		}
		if err := conn.SetReadDeadline(time.Now().Add(wait(try))); err != nil {
			return none, err
		}
		if _, err := conn.Write(request); err != nil {
			return none, broken(ctx, err)
		}
		for {
			n, err := conn.Read(buffer)
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() && ctx.Err() == nil {
				break
			}
			if err != nil {
				return none, broken(ctx, err)
			}
			answer, err := parse(buffer[:n])
			if !errors.Is(err, ErrStray) {
				return answer, err
			}
			if strays++; strays >= maxStrays {
				return none, fmt.Errorf("%w among %d datagrams that are none", ErrSilent, strays)
			}
		}
	}
	return none, fmt.Errorf("%w to %d requests", ErrSilent, tries)
}

// wait draws how long to wait for the answer to a try, from 0.
func wait(try int) time.Duration {
	whole := firstWait << try
	return whole + whole*time.Duration(rand.IntN(2*jitter+1)-jitter)/100
}

// broken says what an error of the socket's means.
func broken(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: nothing listens there", ErrSilent)
	}
	return err
}
