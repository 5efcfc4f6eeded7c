package wan

// The link "wan" in words.

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// describe puts a finding into words, beside what is published.
func (w *Watcher) describe(f Finding, front inFront) fact.Link {
	if w.cfg.Family == IPv6 {
		return describe6(f, w.published)
	}
	switch f.Cause {
	case Agreed:
		if w.published.State == fact.Known && w.published.Addr == f.Addr {
			return agreed(f)
		}
	case RouterPrivate:
		return doubleNAT(f, front)
	case RouterCGNAT:
		return fact.Link{
			Verdict: fact.VerdictFail,
			Summary: fmt.Sprintf("Carrier-grade NAT: the provider gave the router %s, an address shared with other homes, so forwarding cannot work because calls from the internet end at the provider%s.", f.Router, seenAs(f)),
			Action:  "Ask the internet provider for a public IPv4 address of your own (often called dual stack, an IPv4 option or a static address); no setting at home can replace it.",
		}
	case RouterDSLite:
		return fact.Link{
			Verdict: fact.VerdictFail,
			Summary: fmt.Sprintf("DS-Lite: the router has no IPv4 address of its own (%s is the end of a tunnel to the provider), so forwarding cannot work because calls from the internet end at the provider%s.", f.Router, seenAs(f)),
			Action:  "Ask the internet provider for a public IPv4 address (often called dual stack or an IPv4 option), or be reached over IPv6 only; no setting at home can replace it.",
		}
	}
	if f.Cause == RouterNone && w.plan.none.After(w.plan.asked) {
		f.Outside = netip.Addr{} // that was before the router lost its address
	}
	reason, action := explain(f)
	return unconfirmed(w.published, "public address", reason, action)
}

// unconfirmed is the link where there was no agreement.
func unconfirmed(published fact.Observation, what, reason, action string) fact.Link {
	if published.State == fact.Known {
		return fact.Link{
			Verdict: fact.VerdictWarn,
			Summary: fmt.Sprintf("%s stays published but could not be confirmed: %s.", published.Addr, reason),
			Action:  action,
		}
	}
	return fact.Link{
		Verdict: fact.VerdictUnknown,
		Summary: fmt.Sprintf("The %s is not known, so nothing is published: %s.", what, reason),
		Action:  action,
	}
}

func doubleNAT(f Finding, front inFront) fact.Link {
	where, box := "another router in front of it", "the device in front of the router (the provider's box)"
	if front.what != "" {
		where = "another router in front of it, " + front.what
		box = "the " + front.what
	}
	link := fact.Link{
		Verdict: fact.VerdictFail,
		Summary: fmt.Sprintf("Double NAT: the router's own public side is the private address %s, so forwarding cannot work because calls from the internet end at %s%s.", f.Router, where, seenAs(f)),
		Action:  fmt.Sprintf("Put %s into bridge mode, or forward the port on it to %s as well; otherwise ask the internet provider for a public IPv4 address.", box, f.Router),
	}
	if front.looked && front.what == "" {
		link.Action = fmt.Sprintf("If there is a second box in front of the router, put it into bridge mode, or forward the port on it to %s as well. If there is none, the provider itself translates addresses: ask it for a public IPv4 address.", f.Router)
	}
	return link
}

func agreed(f Finding) fact.Link {
	who := strings.Join(f.By, " and ")
	switch {
	case f.Word && f.Outside != f.Addr:
		return fact.Link{
			Verdict: fact.VerdictWarn,
			Summary: fmt.Sprintf("The public address is %s because the config says so (%s), but the internet sees %s.", f.Addr, who, f.Outside),
			Action:  "Correct or remove the \"static:\" source in [wan] sources if the address has changed; if this host's own traffic leaves by a VPN, nothing is wrong.",
		}
	case f.Word && f.NAT != "none" && f.Router.IsValid():
		return fact.Link{
			Verdict: fact.VerdictWarn,
			Summary: fmt.Sprintf("The public address is %s because the config says so (%s), but the router gives %s, so a second NAT may end calls from the internet before they reach it.", f.Addr, who, f.Router),
			Action:  fmt.Sprintf("Make sure that what stands in front of the router forwards the port to %s.", f.Router),
		}
	case f.Word:
		return fact.Link{Verdict: fact.VerdictPass, Summary: fmt.Sprintf("The public address is %s: %s.", f.Addr, says(f.By))}
	case len(f.Against) > 0:
		return contradicted(f, who)
	case f.NAT == "none":
		return fact.Link{Verdict: fact.VerdictPass, Summary: fmt.Sprintf("The public address is %s, and it is the router's own: %s agree.", f.Addr, who)}
	case f.Kept:
		return fact.Link{Verdict: fact.VerdictPass, Summary: fmt.Sprintf("The public address is still %s: %s says what two had agreed on before. No router could be asked, so a change is seen within about four hours, or when this host's own network changes, and a double NAT cannot be ruled out.", f.Addr, who)}
	default:
		return fact.Link{Verdict: fact.VerdictPass, Summary: fmt.Sprintf("The public address is %s: %s agree. No router could be asked, so a change is seen within about four hours, or when this host's own network changes, and a double NAT cannot be ruled out.", f.Addr, who)}
	}
}

// contradicted is an agreement that another answer of the router's speaks
// against. One that no home could have is only told; another could mean that
// forwards are made on the wrong connection.
func contradicted(f Finding, who string) fact.Link {
	others, plausible := f.contradictions()
	link := fact.Link{
		Verdict: fact.VerdictPass,
		Summary: fmt.Sprintf("The public address is %s, and it is the router's own: %s agree. Asked in another way the router is wrong, a fault of its firmware that does no harm here: %s.", f.Addr, who, others),
	}
	if plausible {
		link.Verdict = fact.VerdictWarn
		link.Summary = fmt.Sprintf("The public address is %s, and it is the router's own: %s agree. Asked in another way the router says something else, as with a stale address or a second internet connection: %s.", f.Addr, who, others)
		link.Action = "Nothing, if the connection has just been renewed. Otherwise restart the router or update its firmware, and if it keeps saying so, keep only the right way of asking it in [wan] sources."
	}
	return link
}

// says is "a says so", or "a and b say so".
func says(by []string) string {
	if len(by) == 1 {
		return by[0] + " says so"
	}
	return strings.Join(by, " and ") + " say so"
}

func seenAs(f Finding) string {
	if !f.Outside.IsValid() {
		return ""
	}
	return fmt.Sprintf(" (the internet sees %s)", f.Outside)
}

// patience is the action for what may pass by itself.
const patience = "Nothing, if the connection has just been renewed: it is asked again by itself. Otherwise check the internet connection."

// explain says why there was no agreement, and what to do.
func explain(f Finding) (reason, action string) {
	switch f.Cause {
	case Agreed: // an earlier round's answer, which the next one must repeat
		return fmt.Sprintf("the router now gives %s, which is being confirmed", f.Addr), patience
	case OneVoice:
		return fmt.Sprintf("only one outside service answered (%s) and the router could not be asked", f.Outside),
			"Turn on UPnP or NAT-PMP in the router, or name a second outside service of another company in [wan] sources."
	case OutsideSilent:
		return fmt.Sprintf("the router gives %s, and no outside service answered", f.Router), patience
	case OutsideSplit:
		return "outside services contradict each other, and the router could not be asked",
			"Turn on UPnP in the router so that it can decide, or remove the service that is wrong from [wan] sources."
	case OutsideOdd:
		return fmt.Sprintf("the outside answered %s, %s", f.Outside, oddly(f.Outside)),
			"Check for a proxy, a VPN or a filter between this host and the internet, or use another outside service in [wan] sources."
	case RouterNone:
		return "the router says that it has no public IPv4 address" + seenAs(f),
			"Check the router's internet connection. If it has IPv6 only (DS-Lite), ask the provider for a public IPv4 address; if the router is only an access point, remove \"igd\", \"natpmp\" and \"pcp\" from [wan] sources."
	case RouterOdd:
		return fmt.Sprintf("the router gives %s, which cannot be its public address", f.Router) + seenAs(f),
			"Restart the router or update its firmware; if it keeps saying so, remove \"igd\" from [wan] sources and name two outside services."
	case RouterReversed:
		return fmt.Sprintf("the router gives %s, which is %s with its octets in the wrong order, a fault of its firmware", f.Router, f.Outside),
			"Update the router's firmware, or remove \"igd\" from [wan] sources and name two outside services."
	case RoutersSplit:
		return "the router contradicts itself when asked in two ways, and no outside service could settle it",
			"Nothing, if the connection has just been renewed. Otherwise keep only one way of asking the router in [wan] sources."
	case Differ:
		return fmt.Sprintf("the router gives %s, the internet sees %s", f.Router, f.Outside) +
				"; likely the provider's own NAT behind public-looking addresses (a hidden carrier-grade NAT), a VPN that this host's traffic leaves by, or a provider that translates addresses one to one",
			"Let this host's traffic leave by the router and not by a VPN. If forwards reach you all the same, the provider translates one to one: name two outside services in [wan] sources instead of the router, or \"static:" + f.Outside.String() + "\" if it never changes. Otherwise ask the provider for a public IPv4 address of your own."
	case WordOdd:
		return fmt.Sprintf("the \"static:\" source says %s, %s", f.Router, oddly(f.Router)),
			"Write the address at which the internet reaches you into [wan] sources, or remove the \"static:\" source."
	default:
		return "no source answered", patience
	}
}

// oddly says what an address is that no home can have. One that looks
// public was found in a prefix of our own.
func oddly(addr netip.Addr) class {
	if what := classify(addr, nil); what != classPublic {
		return what
	}
	return classLAN
}

// evidence lists who said what: every router, and the outside sources of the
// last round that asked them.
func (w *Watcher) evidence(front inFront) []string {
	recent := map[string]bool{}
	for _, a := range w.outside {
		recent[a.Source] = true
	}
	var lines []string
	for _, s := range w.sources {
		if s.Kind() != Outside || recent[s.Name()] {
			lines = append(lines, s.status.String())
		}
	}
	switch {
	case front.what != "":
		lines = append(lines, front.what+" stands in front of the router")
	case front.looked:
		lines = append(lines, "no second router answered in front of the first")
	}
	return lines
}

// String is what the source said last, in one line.
func (s SourceStatus) String() string {
	switch {
	case s.Err != "":
		return s.Name + " did not answer: " + s.Err
	case s.Observation.State == fact.Known:
		return s.Name + " says " + s.Observation.Addr.String()
	case s.Observation.State == fact.None:
		return s.Name + " says that there is no address"
	default:
		return s.Name + " has not been asked"
	}
}
