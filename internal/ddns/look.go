package ddns

// Looking at what the record says.

import (
	"context"
	"errors"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// Authority says what a name's record is. *authority.Asker is the real one.
type Authority interface {
	// Ask asks the servers that answer for the zone once, within ctx. Where
	// none answered, or the answers cannot be believed, Heard is false and the
	// error says why.
	Ask(ctx context.Context, q authority.Question) (authority.Answer, error)
	// Recurse asks a resolver.
	Recurse(ctx context.Context, q authority.Question) (authority.Reply, error)
}

// look asks the authoritative servers and notes what they say. It is false
// where it was broken off because the record should say something else by now.
func (k *keeper) look(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		k.awaitOther(ctx, k.want)
		cancel()
	}()
	defer func() { <-ended }()
	defer cancel()

	all := k.kicked.Swap(false)
	q := authority.Question{
		Name: k.rec.Domain, Type: k.rec.Type, Expect: k.want.Addr, One: !all && k.atRest(),
		OwnServer: k.rec.Provider == "rfc2136",
	}
	answer, err := k.authority.Ask(ctx, q)
	var resolved authority.Reply
	if k.wanted() && !answer.Heard() && k.encrypted() {
		// What cannot be asked leaves an Unknown reply, which is all that
		// matters.
		resolved, _ = k.authority.Recurse(ctx, q)
	}
	if !k.rec.desired(k.source.Load()).SameValue(k.want) {
		if all {
			k.kicked.Store(true)
		}
		return false
	}
	k.answer, k.resolved, k.lookErr = answer, resolved, ""
	if !answer.Heard() {
		if err == nil {
			err = errors.New("no authoritative server answered")
		}
		k.lookErr = "the record could not be checked: " + provider.Clean(err.Error())
	}
	k.noteAnswer()
	return true
}

// atRest reports whether nothing of ours is on its way to the servers, so that
// one of them may speak for all.
func (k *keeper) atRest() bool {
	return k.mem.Outcome == outcomeNone || k.mem.Outcome == outcomeTaken && k.mem.Verified || !k.wanted()
}

// noteAnswer notes what the record says.
func (k *keeper) noteAnswer() {
	source, seen := "the authoritative servers of "+k.answer.Zone, k.answer.Seen()
	switch {
	case k.answer.Heard():
	case k.resolved.State != fact.Unknown:
		source, seen = "a resolver over an encrypted connection", k.resolved.Addrs
	default:
		return // what was said last is still what was said last
	}
	k.published = fact.NoAddr(source, time.Now())
	for _, addr := range seen {
		// Of several addresses the one that should not be there tells more.
		if k.published.State != fact.Known || k.published.Addr == k.want.Addr {
			k.published = fact.Observation{State: fact.Known, Addr: addr, Source: source, At: time.Now()}
		}
	}
}
