package router

// The router's whole table.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/igd"
)

const (
	maxTable  = 1000             // entries that Table returns at most
	tableTime = 30 * time.Second // for all of them
	// maxSame is how many times in a row the same entry is taken for one: a
	// router that gives it whatever the index has no more to tell.
	maxSame = 3
)

// errOtherTable means that the table is not the one that was begun with.
var errOtherTable = errors.New("the router has restarted or is another one since its table was begun")

// Table reads the router's table, at most most entries (1 to 1000) in the
// router's own order, or TCP before UDP where the router lists them by
// protocol; more is whether there are more than that. A router may leave out
// what is not ours. Fields that cannot be read are zero. It costs a call for
// each entry on most routers, between which others have their turn, and takes
// at most 30 s: then more is true, too. Errors are as for Get; a router that
// does not say whether its table is empty is one.
func (r *Router) Table(ctx context.Context, most int) (list []fact.Mapping, more bool, err error) {
	if most < 1 {
		return nil, false, fmt.Errorf("reading the router's table: %d entries are none", most)
	}
	most = min(most, maxTable)
	timed, cancel := context.WithTimeoutCause(ctx, r.timing.table, fmt.Errorf("the router's table was not read within %v", r.timing.table))
	defer cancel()
	t := tableReader{r: r, most: most}
	err = t.lists(timed)
	if errors.Is(err, igd.ErrNoList) {
		t.list, t.more = nil, false
		err = t.entries(timed)
	}
	switch {
	case err == nil:
		return t.list, t.more, nil
	case timed.Err() != nil && ctx.Err() == nil && len(t.list) > 0:
		return t.list, true, nil
	}
	return nil, false, fmt.Errorf("reading the router's table: %w", err)
}

// tableReader reads one table.
type tableReader struct {
	r          *Router
	most       int
	generation uint64 // of the router that is read; 0 before the first call
	list       []fact.Mapping
	more       bool
}

// do makes one call, on the router that the first was made on.
func (t *tableReader) do(ctx context.Context, call func(context.Context, *igd.Device) error) error {
	return t.r.do(ctx, true, func(ctx context.Context, d *igd.Device) error {
		now := t.r.status.Load().Generation
		if t.generation == 0 {
			t.generation = now
		}
		if now != t.generation {
			return errOtherTable
		}
		return call(ctx, d)
	})
}

// lists reads the table as lists, or returns igd.ErrNoList.
func (t *tableReader) lists(ctx context.Context) error {
	for _, p := range []fact.Protocol{fact.TCP, fact.UDP} {
		room := t.most - len(t.list) + 1 // one more tells whether there are more
		var part []fact.Mapping
		err := t.do(ctx, func(ctx context.Context, d *igd.Device) (err error) {
			part, err = d.List(ctx, p, room)
			return err
		})
		if err != nil {
			return err
		}
		t.list = append(t.list, part...)
		if len(t.list) > t.most {
			t.list, t.more = t.list[:t.most], true
			return nil
		}
		t.more = t.more || len(part) == igd.MaxList
	}
	return nil
}

// entries reads the table entry by entry.
func (t *tableReader) entries(ctx context.Context) error {
	for same := 0; ; {
		var e fact.Mapping
		index := len(t.list)
		err := t.do(ctx, func(ctx context.Context, d *igd.Device) (err error) {
			e, err = d.Entry(ctx, uint16(index))
			return err
		})
		if errors.Is(err, fact.ErrNoMapping) {
			if fault := (*fact.GatewayFault)(nil); index == 0 && errors.As(err, &fault) {
				return fmt.Errorf("the router does not say whether it is empty: %w", fault)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if index == t.most {
			t.more = true
			return nil
		}
		if same++; index == 0 || e != t.list[index-1] {
			same = 0
		}
		if t.list = append(t.list, e); same == maxSame {
			t.list, t.more = t.list[:index-maxSame+1], true
			return nil
		}
	}
}
