package portmap

// What changes something on the router, by UPnP-IGD and by the others. It is
// not begun once the keeper is to stop, and not cut off once it has begun: the
// router may carry out what nobody waits for, after we have looked whether
// there is anything to take away.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	finishTime = 3 * time.Second  // for a change under way at the end
	doubtFor   = 30 * time.Second // how late a router may carry out what it has not answered
)

// doubt is about a change whose outcome is unknown: it may be carried out yet.
type doubt struct {
	until   time.Time // of the doubt; zero where there is none
	ends    time.Time // when what may be there ends; zero means never
	byGrant bool      // it was asked for by PCP or NAT-PMP
	fresh   bool      // nothing of ours stood there before
}

// doubtful reports whether something that was asked for may come yet.
func (f *forward) doubtful(byGrant bool) bool {
	return f.doubt.byGrant == byGrant && time.Now().Before(f.doubt.until)
}

// enter asks for f's entry by IGD.
func (k *Keeper) enter(ctx context.Context, f *forward, lease time.Duration) error {
	if ctx.Err() != nil {
		return notBegun(ctx, "asking for the forward")
	}
	err := k.gw.Add(k.changing, f.wanted(lease))
	f.doubt = doubt{}
	if err != nil && !errors.As(err, new(*fact.GatewayFault)) {
		f.doubt = inDoubt(lease, false)
		f.doubt.fresh = f.fresh
	}
	return err
}

// delete deletes an entry by IGD.
func (k *Keeper) delete(ctx context.Context, p fact.Protocol, port uint16) error {
	if ctx.Err() != nil {
		return notBegun(ctx, "deleting the forward")
	}
	return k.gw.Delete(k.changing, p, port)
}

// askGrant asks for f's forward by PCP or NAT-PMP.
func (k *Keeper) askGrant(ctx context.Context, f *forward, q fact.Request) (fact.Grant, error) {
	if ctx.Err() != nil {
		return fact.Grant{}, notBegun(ctx, "asking for the forward")
	}
	got, err := k.gw.Map(k.changing, q)
	f.doubt = doubt{}
	if !settled(err) && !errors.Is(err, fact.ErrNotSpoken) {
		f.doubt = inDoubt(q.Lease, true)
	}
	return got, err
}

func inDoubt(lease time.Duration, byGrant bool) doubt {
	now := time.Now()
	d := doubt{until: now.Add(doubtFor), byGrant: byGrant}
	if lease > 0 {
		d.ends = now.Add(lease)
	}
	return d
}

func notBegun(ctx context.Context, what string) error {
	return fmt.Errorf("%s: not begun: %w", what, context.Cause(ctx))
}
