package ddns

// How a record stands, in words, and what that makes of the chain's link.

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

// wrongForLong is how long a record may say something else before that is a
// failure rather than a change on its way.
const wrongForLong = 10 * time.Minute

// noRecords is the link where no DDNS is configured.
var noRecords = fact.Link{Summary: "No DDNS is configured; the public record is yours to keep."}

// view is how one record stands. It is immutable.
type view struct {
	Status          RecordStatus
	Verdict         fact.Verdict
	Summary, Action string
}

// tell publishes how the record stands and logs what changed. wait is how long
// it is until the next round.
func (k *keeper) tell(wait time.Duration) {
	now := time.Now()
	v := k.view(now)
	v.Status.NextAttemptAt = stamp(now.Add(wait))
	k.publish(k.index, v)

	switch text := v.Status.LastError; {
	case text != "" && text != k.reported:
		k.log.Warn("record is not as it should be", "phase", k.phase, "err", text, "retry_in", wait)
	case text != "":
		k.log.Debug("record is still not as it should be", "phase", k.phase, "err", text, "retry_in", wait)
	case k.phase != k.told:
		k.log.Info("record looked at", "phase", k.phase, "wanted", k.want, "published", k.published)
	}
	k.reported, k.told = v.Status.LastError, k.phase
}

// view is how the record stands now, without when it is looked at next.
func (k *keeper) view(now time.Time) view {
	v := view{Status: RecordStatus{
		Name: k.rec.Domain, Type: k.rec.Type, Provider: k.rec.Provider,
		Desired: k.want, Published: k.published, Phase: k.phase, VerifiedAt: stamp(k.verified),
		WrongSince: stamp(k.wrong), Change: stamp(k.changed), Intercepted: k.answer.Intercepted != "",
		LastError: k.lastError(),
	}}
	v.Verdict, v.Summary, v.Action = k.judge(now)
	return v
}

// stamp takes the monotonic reading off a time, so that equal times are equal.
func stamp(t time.Time) time.Time { return t.Round(0) }

// lastError is what went wrong, in words; empty when nothing did.
func (k *keeper) lastError() string {
	var all []string
	if text := k.trouble(); text != "" {
		all = append(all, text)
	}
	if k.lookErr != "" && !k.byResolver {
		all = append(all, k.lookErr)
	}
	return strings.Join(all, "; ")
}

// trouble is what is wrong beside the look itself.
func (k *keeper) trouble() string {
	switch {
	case k.mem.Stopped != "":
		return k.mem.Stopped
	case k.writeErr != nil:
		return k.writeErr.Text
	case k.proxied:
		return proxiedText
	case !k.wanted():
		return ""
	case k.answer.Alias() != "":
		return fmt.Sprintf("the name is an alias (CNAME) of %s, so it has no %s record of its own", provider.Clean(k.answer.Alias()), k.rec.Type)
	case k.published.State == fact.Known && k.published.Addr.IsPrivate() && k.answer.Heard():
		return interceptedText
	case !k.wrong.IsZero() && len(k.answer.Addrs) > 1:
		return fmt.Sprintf("the name has %d %s records, so clients reach the wrong address some of the time", len(k.answer.Addrs), k.rec.Type)
	case k.edited && k.mem.Edits > 0:
		return fmt.Sprintf("somebody else keeps changing the record: it was put right %s and was changed again", times(k.mem.Edits))
	}
	return ""
}

// times is how often, in words.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

const (
	proxiedText   = "the record is proxied by Cloudflare (orange cloud): clients reach Cloudflare's servers, and MQTT on port 8883 cannot pass them"
	proxiedAction = "In Cloudflare's DNS settings, switch the record's proxy off (grey cloud, \"DNS only\")."
)

const (
	hijackedText   = "something on the way answers DNS questions (port 53) in the place of the authoritative servers"
	hijackedAction = "Take this host out of the rule that redirects DNS (port 53) on the router, often called DNS protection, DNS hijacking or parental control; if it is the internet provider's doing, have it switched off. Until then, encrypted servers under upstreams in [dns] let a resolver see the record in their place."
)

// actionTried is what to do about a write that failed for reasons of the
// provider's, or of the way there.
const actionTried = "Nothing for now: it is tried again by itself. If it stays so, look whether the provider's own pages work, and whether this host reaches them."

const interceptedText = "the answer is an address of a local network: something on the way answers DNS questions in the authoritative servers' place"

// judge says what the record makes of the link.
func (k *keeper) judge(now time.Time) (verdict fact.Verdict, summary, action string) {
	name := k.rec.Domain
	switch {
	case k.phase == PhaseStopped:
		return fact.VerdictFail, fmt.Sprintf("%s is no longer updated: %s", name, k.mem.Stopped),
			strings.TrimSpace(k.mem.Action + " Updates begin again once the record's config is changed.")
	case !k.wanted() && k.want.State == fact.None:
		return fact.VerdictUnknown, fmt.Sprintf("there is no public %s address for %s to say; the record stays as it is", k.rec.family(), name), ""
	case !k.wanted():
		return fact.VerdictUnknown, fmt.Sprintf("the public %s address is not known, so nobody can say whether %s is right; it stays as it is", k.rec.family(), name), ""
	case k.byResolver:
		return fact.VerdictPass, fmt.Sprintf("%s says %s, as a resolver sees it over an encrypted connection; its authoritative servers could not be asked, because %s",
			name, k.want.Addr, k.unasked()), ""
	case k.phase == PhaseVerified:
		return fact.VerdictPass, fmt.Sprintf("%s says %s at its authoritative servers", name, k.want.Addr), ""
	case k.proxied:
		return fact.VerdictFail, fmt.Sprintf("%s: %s", name, proxiedText), proxiedAction
	}
	verdict = fact.VerdictWarn
	if !k.wrong.IsZero() && k.answer.Heard() && now.Sub(k.wrong) >= wrongForLong {
		verdict = fact.VerdictFail
	}
	return verdict, k.unfinished(), k.advice()
}

// unasked is why the authoritative servers could not be asked.
func (k *keeper) unasked() string {
	if k.answer.Intercepted != "" {
		return hijackedText
	}
	return "they do not answer us"
}

// unfinished is the summary of a record that is on its way or stuck there.
func (k *keeper) unfinished() string {
	name, want := k.rec.Domain, k.want.Addr
	switch {
	case k.phase == PhasePending && k.writeErr != nil:
		return fmt.Sprintf("%s should say %s, and writing that failed, so from outside the name does not lead here: %s", name, want, k.writeErr.Text)
	case k.phase == PhasePending && k.edited && k.mem.Edits > 0:
		return fmt.Sprintf("%s should say %s; it says %s, because somebody else keeps changing it: it was put right %s already, and will be again later", name, want, k.seen(), times(k.mem.Edits))
	case k.phase == PhasePending:
		return fmt.Sprintf("%s should say %s; it says %s, and a write is due", name, want, k.published)
	case k.phase == PhaseWritten && !k.answer.Heard():
		return fmt.Sprintf("%s took %s for %s; its authoritative servers are asked next", k.rec.Provider, want, name)
	case k.phase == PhaseWritten && slices.Contains(k.answer.Seen(), want):
		return fmt.Sprintf("%s took %s for %s, but not all of its authoritative servers say so yet", k.rec.Provider, want, name)
	case k.phase == PhaseWritten:
		return fmt.Sprintf("%s took %s for %s, but the authoritative servers still say %s", k.rec.Provider, want, name, k.seen())
	case k.writeErr != nil:
		return fmt.Sprintf("could not confirm that %s says %s, so from outside the name may not lead here: %s", name, want, k.writeErr.Text)
	case k.phase == PhaseUnconfirmed && k.answer.Heard():
		return fmt.Sprintf("could not confirm that %s says %s: how the last write of it ended is not known, and the authoritative servers still say %s", name, want, k.seen())
	case k.resolved.State != fact.Unknown:
		return fmt.Sprintf("could not confirm that %s says %s: its authoritative servers could not be asked, because %s, and a resolver says %s", name, want, k.unasked(), k.published)
	default:
		why := "its authoritative servers do not answer us"
		if k.answer.Intercepted != "" {
			why = hijackedText
		}
		return fmt.Sprintf("could not confirm that %s says %s: %s", name, want, why)
	}
}

// seen is what the servers say, all of it.
func (k *keeper) seen() string {
	addrs := k.answer.Seen()
	if len(addrs) == 0 {
		return "that there is no such record"
	}
	words := make([]string, len(addrs))
	for i, addr := range addrs {
		words[i] = addr.String()
	}
	return strings.Join(words, " and ")
}

// advice is what a person can do about an unfinished record.
func (k *keeper) advice() string {
	switch {
	case k.writeErr != nil && k.writeErr.Action != "":
		return k.writeErr.Action
	case k.answer.Intercepted != "":
		return hijackedAction
	case k.answer.Alias() != "":
		return fmt.Sprintf("Delete the CNAME at the provider, so that the %s record can stand there.", k.rec.Type)
	case len(k.answer.Addrs) > 1:
		return fmt.Sprintf("Delete the other %s records of the name at the provider.", k.rec.Type)
	case k.edited && k.mem.Edits > 0:
		return "Find who else writes the record, such as another DDNS client or the router's own, and switch that off."
	case k.writeErr != nil:
		return actionTried
	case k.lookErr != "" && k.phase == PhaseUnconfirmed, k.published.Addr.IsPrivate():
		return "Check that this host may send DNS questions (port 53) to the internet, and that no router answers them itself."
	}
	return ""
}

// link makes the chain's link of all views: the worst record speaks.
func link(views []view) fact.Link {
	if len(views) == 0 {
		return noRecords
	}
	worst, alike, l := views[0], 0, fact.Link{}
	for _, v := range views {
		l.Evidence = append(l.Evidence, fmt.Sprintf("%s %s (%s): wanted %s, published %s, %s",
			v.Status.Name, v.Status.Type, v.Status.Provider, v.Status.Desired, v.Status.Published, v.Status.Phase))
		switch {
		case v.Verdict == worst.Verdict:
			alike++
		case fact.Worse(v.Verdict, worst.Verdict) == v.Verdict:
			worst, alike = v, 1
		}
	}
	l.Verdict, l.Summary, l.Action = worst.Verdict, worst.Summary, worst.Action
	if alike > 1 {
		l.Summary += fmt.Sprintf(" (and %d more like it)", alike-1)
	}
	l.Summary, l.Action = tidy.Sentence(l.Summary), tidy.Sentence(l.Action)
	return l
}
