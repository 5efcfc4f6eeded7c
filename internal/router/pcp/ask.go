package pcp

// One exchange over UDP: sent again while nothing comes.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

const (
	firstWait = 250 * time.Millisecond // doubled for each try (RFC 6886, section 3.1)
	maxStrays = 64                     // datagrams that are no answer, until we give up
)

// Ask sends request on conn, which must be connected to the router, and
// returns what parse makes of the answer. It sends again after 250 ms, twice
// that, and so on, tries times in all, and then fails with ErrSilent; four
// tries take 3.75 s. Where ctx ends before, the error is its cause.
func Ask(ctx context.Context, conn net.Conn, request []byte, tries int, parse func([]byte) (Address, error)) (Address, error) {
	// Reading ends; whoever comes after may still write.
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	buffer := make([]byte, maxPacket+1)
	strays := 0
	for try := range tries {
		// The deadline of an ended ctx must not be moved on.
		if ctx.Err() != nil {
			return Address{}, context.Cause(ctx)
		}
		if err := conn.SetReadDeadline(time.Now().Add(firstWait << try)); err != nil {
			return Address{}, err
		}
		if _, err := conn.Write(request); err != nil {
			return Address{}, broken(ctx, err)
		}
		for {
			n, err := conn.Read(buffer)
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() && ctx.Err() == nil {
				break
			}
			if err != nil {
				return Address{}, broken(ctx, err)
			}
			answer, err := parse(buffer[:n])
			if !errors.Is(err, ErrStray) {
				return answer, err
			}
			if strays++; strays >= maxStrays {
				return Address{}, fmt.Errorf("%w among %d datagrams that are none", ErrSilent, strays)
			}
		}
	}
	return Address{}, fmt.Errorf("%w to %d requests", ErrSilent, tries)
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
