package pinhole

// Closing what is ours and no longer wanted, and keeping the books of it.

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
)

const (
	// brief is the lease of a pinhole that is asked for only to learn its id.
	brief = time.Minute
	// clearWait is how long to wait after one could not be closed.
	clearWait = 2 * time.Minute
	// unknownID stands for an id that is to be asked for before it is used. A
	// router that gives this very number is asked once too often.
	unknownID = 0
)

// retire puts a pinhole among those to be closed. Where its id is not sure, it
// is asked for when it is closed.
func (k *Keeper) retire(r record, sure bool) {
	if !sure {
		r.id = unknownID
	}
	k.old, k.clearAt = append(k.old, r), time.Time{}
	if over := len(k.old) - maxRecords/2; over > 0 {
		k.old = slices.Delete(k.old, 0, over) // they end by themselves
	}
}

// clear closes what is no longer wanted. What cannot be closed now is tried
// again until it has ended.
func (k *Keeper) clear(ctx context.Context) {
	wait := time.Now().Before(k.clearAt)
	k.old = slices.DeleteFunc(k.old, func(r record) bool {
		switch {
		case !time.Now().Before(r.ends):
			return true
		case wait, ctx.Err() != nil, r.elsewhere(k.fw.Identity()):
			return false // it is not the time, or not the router
		}
		done := k.takeAway(r) && !time.Now().Before(r.doubt)
		if !done {
			k.clearAt = time.Now().Add(clearWait)
		}
		return done
	})
}

// takeAway closes one pinhole, and reports whether there is nothing more to do
// about it.
func (k *Keeper) takeAway(r record) (done bool) {
	err := k.remove(r)
	attrs := []any{"service", r.service, "internal", r.internal}
	fault, refused := (*fact.GatewayFault)(nil), (*fact.MapFault)(nil)
	switch {
	case err == nil:
		k.log.Info("closed the pinhole", attrs...)
		return true
	case errors.As(err, &fault), errors.As(err, &refused):
		k.log.Warn("the router does not let the pinhole be closed; it stands until its lease ends", append(attrs, "until", r.until(), "err", err)...)
		return true
	}
	k.log.Debug("could not close the pinhole now", append(attrs, "err", err)...)
	return false
}

// remove closes one pinhole. Where its id is not sure, the router is asked for
// it first: the old number may be another host's pinhole by now.
func (k *Keeper) remove(r record) error {
	if r.method == fact.MethodPCP {
		return k.fw.Unmap(k.changing, r.request())
	}
	p := r.pinhole()
	if r.id == unknownID {
		p.Lease = brief
		id, err := k.fw.AddPinhole(k.changing, p)
		if err != nil {
			return err
		}
		r.id = id
	}
	return k.fw.DeletePinhole(k.changing, r.id, p)
}

// withdraw closes what is ours and nobody goes on with. ctx has ended. What could
// not be closed, or may be opened yet, is tried again until shortly before the
// time is up, and stays in the state file, as does what was handed over.
func (k *Keeper) withdraw(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	k.changing = ctx
	for _, h := range k.holes {
		if h.made != nil && k.bequeath(h) {
			continue
		}
		if h.made != nil {
			k.retire(*h.made, h.sure)
		}
		if h.asked != nil {
			k.retire(*h.asked, false)
		}
		h.made, h.asked = nil, nil
	}
	for {
		k.clearAt = time.Time{}
		k.clear(ctx)
		if !slices.ContainsFunc(k.old, k.isHere) || !loop.Rest(ctx, lastLook, lastLook) {
			break
		}
	}
	for _, r := range k.old {
		if !k.isHere(r) {
			continue
		}
		text := "could not close the pinhole; it stands until its lease ends"
		if time.Now().Before(r.doubt) {
			text = "the router has not answered whether it opened the pinhole; if it does so yet, it stands until its lease ends"
		}
		k.log.Warn(text, "service", r.service, "internal", r.internal, "until", r.until())
	}
	k.save()
}

// isHere reports whether r may be on the router that is there now.
func (k *Keeper) isHere(r record) bool { return !r.elsewhere(k.fw.Identity()) }

// until is when the pinhole ends by itself, for the log.
func (r record) until() time.Time { return r.ends.UTC().Truncate(time.Second) }

// save writes the state file where it changed.
func (k *Keeper) save() {
	if k.cfg.StateFile == "" {
		return
	}
	list := slices.Clone(k.old)
	for _, h := range k.holes {
		switch {
		case h.made != nil:
			list = append(list, *h.made)
		case h.asked != nil:
			list = append(list, *h.asked)
		}
	}
	if len(list) > maxRecords {
		list = list[len(list)-maxRecords:]
	}
	if len(list) == 0 && k.saved == nil {
		return // most homes have no pinhole, and need no file
	}
	raw, err := text(list)
	if err == nil && bytes.Equal(raw, k.saved) {
		return
	}
	if err == nil {
		err = durable.Save(k.cfg.StateFile, raw)
	}
	if err != nil {
		k.log.Warn("could not write down which pinholes are open; a crash now leaves them until they end", "file", k.cfg.StateFile, "err", err)
		return
	}
	k.saved = raw
}
