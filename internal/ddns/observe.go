package ddns

// Looking at the records without touching them.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// actionRun is what to do about a record that nobody puts right now.
const actionRun = "Start edgeguard (`edgeguard run`), which writes it; where it runs, `edgeguard status` says what keeps it from that."

// errReadOnly is what a change would bring while only looking.
var errReadOnly = errors.New("the records are only looked at")

// nobody is a provider that cannot be written to.
type nobody struct{}

func (nobody) Set(context.Context, string, netip.Addr) (netip.Addr, error) {
	return netip.Addr{}, errReadOnly
}

func (nobody) Delete(context.Context, string, netip.Addr) error { return errReadOnly }

// Look asks the authoritative servers once what each record of cfg says, all of
// them at the same time, and judges that by addresses as they are. No provider
// is asked anything, and of cfg.StateFile it is only read what a provider has
// refused for good and what it has taken lately. Cfg.Dial may be nil. An error
// is a mistake in cfg or addresses.
func Look(ctx context.Context, cfg Config, addresses Addresses) (Status, error) {
	if len(cfg.Records) == 0 {
		return Status{Link: noRecords}, nil
	}
	asker, err := authority.New(authority.Config{Resolvers: cfg.Resolvers, Recurse: cfg.Recurse, Dial: cfg.DialAuthority})
	if err != nil {
		return Status{}, fmt.Errorf("looking at the DDNS records: %w", err)
	}
	return look(ctx, cfg, addresses, asker)
}

func look(ctx context.Context, cfg Config, addresses Addresses, asker Authority) (Status, error) {
	m, err := newManager(cfg, addresses, parts{
		authority: asker,
		provider:  func(RecordConfig) (provider.Provider, error) { return nobody{}, nil },
	})
	if err != nil {
		return Status{}, err
	}
	recs := make([]RecordConfig, len(m.keepers))
	for i, k := range m.keepers {
		recs[i] = k.rec
	}
	memories := peekStore(cfg.StateFile, recs, slog.New(slog.DiscardHandler))
	var group sync.WaitGroup
	for i, k := range m.keepers {
		k.mem = memories.load(i, time.Now())
		group.Go(func() { k.observe(ctx) })
	}
	group.Wait()
	return m.Status().Load(), nil
}

// observe is a round that only looks.
func (k *keeper) observe(ctx context.Context) {
	k.notice()
	for k.kicked.Store(true); !k.look(ctx) && ctx.Err() == nil; {
		k.notice() // the address has changed meanwhile
	}
	now := time.Now()
	k.observed(now)
	k.noteWrong(now)
	v := k.view(now)
	if k.phase == PhasePending { // nobody knows that a write is due, nor since when it is wrong
		v.Verdict, v.Summary = fact.VerdictFail, fmt.Sprintf("%s should say %s; it says %s", k.rec.Domain, k.want.Addr, k.seen())
		if v.Action == "" {
			v.Action = actionRun
		}
	}
	k.publish(k.index, v)
}

// observed sets the phase from what was seen.
func (k *keeper) observed(now time.Time) {
	// What an earlier write says of the next one is no matter here.
	d := plan(evidence{mem: memory{Stopped: k.mem.Stopped}, desired: k.want.Addr, answer: k.answer, resolved: k.resolved, now: now})
	lately := k.mem.Outcome == outcomeTaken && k.mem.Addr == k.want.Addr && now.Sub(k.mem.At) < longBound
	switch {
	case d.Phase == PhaseStopped:
		k.phase = PhaseStopped
	case !k.wanted():
		k.phase = PhaseObserved
	case d.Phase == PhaseVerified:
		k.phase, k.byResolver = PhaseVerified, d.ByResolver
		k.verified = now
	case !k.answer.Heard():
		k.phase = PhaseUnconfirmed
	case k.rec.Provider == "cloudflare" && behindCloudflare(k.answer.Seen()):
		k.phase, k.proxied = PhaseWritten, true
	case lately:
		k.phase = PhaseWritten // the servers follow
	default:
		k.phase = PhasePending
	}
}
