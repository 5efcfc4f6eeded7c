package ddns

// How a record stands, in words, and what that makes of the chain's link.

import (
	"fmt"
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
	v := view{Status: RecordStatus{
		Name: k.rec.Domain, Type: "A", Provider: k.rec.Provider,
		Desired: k.want, Published: k.published, Phase: k.phase, VerifiedAt: stamp(k.verified),
		LastError: k.lastError(), NextAttemptAt: stamp(now.Add(wait)),
	}}
	v.Verdict, v.Summary, v.Action = k.judge(now)
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

// stamp takes the monotonic reading off a time, so that equal times are equal.
func stamp(t time.Time) time.Time { return t.Round(0) }

// lastError is what went wrong, in words; empty when nothing did.
func (k *keeper) lastError() string {
	var all []string
	switch {
	case k.mem.Stopped != "":
		all = append(all, k.mem.Stopped)
	case k.writeErr != nil:
		all = append(all, k.writeErr.Text)
	case k.proxied:
		all = append(all, proxiedText)
	case k.wanted() && k.answer.Alias() != "":
		all = append(all, fmt.Sprintf("the name is an alias (CNAME) of %s, so it has no A record of its own", provider.Clean(k.answer.Alias())))
	case k.wanted() && k.published.State == fact.Known && k.published.Addr.IsPrivate() && k.answer.Heard():
		all = append(all, interceptedText)
	case k.wanted() && !k.wrong.IsZero() && len(k.answer.Addrs) > 1:
		all = append(all, fmt.Sprintf("the name has %d A records, so clients reach the wrong address some of the time", len(k.answer.Addrs)))
	}
	if k.lookErr != "" {
		all = append(all, k.lookErr)
	}
	return strings.Join(all, "; ")
}

const (
	proxiedText   = "the record is proxied by Cloudflare (orange cloud): clients reach Cloudflare's servers, and MQTT on port 8883 cannot pass them"
	proxiedAction = "In Cloudflare's DNS settings, switch the record's proxy off (grey cloud, \"DNS only\")."
)

const interceptedText = "the answer is an address of a local network: something on the way answers DNS questions in the authoritative servers' place"

// judge says what the record makes of the link.
func (k *keeper) judge(now time.Time) (verdict fact.Verdict, summary, action string) {
	name := k.rec.Domain
	switch {
	case k.phase == PhaseStopped:
		return fact.VerdictFail, fmt.Sprintf("%s is no longer updated: %s", name, k.mem.Stopped),
			strings.TrimSpace(k.mem.Action + " Updates begin again once the record's config is changed.")
	case !k.wanted() && k.want.State == fact.None:
		return fact.VerdictUnknown, fmt.Sprintf("there is no public IPv4 address for %s to say; the record stays as it is", name), ""
	case !k.wanted():
		return fact.VerdictUnknown, fmt.Sprintf("the public address is not known, so nobody can say whether %s is right; it stays as it is", name), ""
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

// unfinished is the summary of a record that is on its way or stuck there.
func (k *keeper) unfinished() string {
	name, want := k.rec.Domain, k.want.Addr
	switch k.phase {
	case PhasePending:
		if k.writeErr != nil {
			return fmt.Sprintf("%s should say %s, and writing that failed: %s", name, want, k.writeErr.Text)
		}
		return fmt.Sprintf("%s should say %s; it says %s, and a write is due", name, want, k.published)
	case PhaseWritten:
		return fmt.Sprintf("%s took %s for %s, but the authoritative servers still say %s", k.rec.Provider, want, name, k.seen())
	default:
		if k.writeErr != nil {
			return fmt.Sprintf("could not confirm that %s says %s: %s", name, want, k.writeErr.Text)
		}
		return fmt.Sprintf("could not confirm that %s says %s: its authoritative servers do not answer us", name, want)
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
	case k.answer.Alias() != "":
		return "Delete the CNAME at the provider, so that an A record can stand there."
	case len(k.answer.Addrs) > 1:
		return "Delete the other A records of the name at the provider."
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
		l.Evidence = append(l.Evidence, fmt.Sprintf("%s A (%s): wanted %s, published %s, %s",
			v.Status.Name, v.Status.Provider, v.Status.Desired, v.Status.Published, v.Status.Phase))
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
