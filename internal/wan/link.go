package wan

// The link "wan" in words.

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// describe puts a finding into words, beside what is published.
func describe(f Finding, published fact.Observation) fact.Link {
	switch f.Cause {
	case Agreed:
		if published.State == fact.Known && published.Addr == f.Addr {
			return agreed(f)
		}
	case RouterPrivate:
		return fact.Link{
			Verdict: fact.VerdictFail,
			Summary: fmt.Sprintf("Double NAT: the router's own public side is the private address %s, so forwarding cannot work because calls from the internet end at another router in front of it%s.", f.Router, seenAs(f)),
			Action:  fmt.Sprintf("Put the device in front of the router (the provider's box) into bridge mode, or forward the port on it to %s as well; otherwise ask the internet provider for a public IPv4 address.", f.Router),
		}
	case RouterCGNAT:
		return fact.Link{
			Verdict: fact.VerdictFail,
			Summary: fmt.Sprintf("Carrier-grade NAT: the provider gave the router %s, an address shared with other homes, so forwarding cannot work because calls from the internet end at the provider%s.", f.Router, seenAs(f)),
			Action:  "Ask the internet provider for a public IPv4 address of your own (often called dual stack, an IPv4 option or a static address); no setting at home can replace it.",
		}
	}
	reason, action := explain(f)
	if published.State == fact.Known {
		return fact.Link{
			Verdict: fact.VerdictWarn,
			Summary: fmt.Sprintf("%s stays published but could not be confirmed: %s.", published.Addr, reason),
			Action:  action,
		}
	}
	return fact.Link{
		Verdict: fact.VerdictUnknown,
		Summary: fmt.Sprintf("The public address is not known, so nothing is published: %s.", reason),
		Action:  action,
	}
}

func agreed(f Finding) fact.Link {
	link := fact.Link{Verdict: fact.VerdictPass}
	who := strings.Join(f.By, " and ")
	if f.NAT == "none" {
		link.Summary = fmt.Sprintf("The public address is %s, and it is the router's own: %s agree.", f.Addr, who)
	} else {
		link.Summary = fmt.Sprintf("The public address is %s: %s agree. No router could be asked, so a double NAT cannot be ruled out.", f.Addr, who)
	}
	return link
}

func seenAs(f Finding) string {
	if !f.Outside.IsValid() {
		return ""
	}
	return fmt.Sprintf(" (the internet sees %s)", f.Outside)
}

// explain says why there was no agreement, and what to do.
func explain(f Finding) (reason, action string) {
	const wait = "Nothing, if the connection has just been renewed: it is asked again by itself. Otherwise check the internet connection."
	switch f.Cause {
	case Agreed: // an earlier round's answer, which the next one must repeat
		return fmt.Sprintf("the router now gives %s, which is being confirmed", f.Addr), wait
	case OneVoice:
		return fmt.Sprintf("only one outside service answered (%s) and the router could not be asked", f.Outside),
			"Turn on UPnP in the router, or name a second outside service of another host in [wan] sources."
	case OutsideSilent:
		return fmt.Sprintf("the router gives %s, and no outside service answered", f.Router), wait
	case OutsideSplit:
		return "outside services contradict each other, and the router could not be asked",
			"Turn on UPnP in the router so that it can decide, or remove the service that is wrong from [wan] sources."
	case OutsideOdd:
		return fmt.Sprintf("the outside answered %s, %s", f.Outside, oddly(f.Outside)),
			"Check for a proxy, a VPN or a filter between this host and the internet, or use another outside service in [wan] sources."
	case RouterNone:
		return "the router says that it has no public IPv4 address" + seenAs(f),
			"Check the router's internet connection. If it has IPv6 only (DS-Lite), ask the provider for a public IPv4 address; if the router is only an access point, remove \"igd\" from [wan] sources."
	case RouterOdd:
		return fmt.Sprintf("the router gives %s, which cannot be its public address", f.Router) + seenAs(f),
			"Restart the router or update its firmware; if it keeps saying so, remove \"igd\" from [wan] sources and name two outside services."
	case RouterReversed:
		return fmt.Sprintf("the router gives %s, which is %s with its octets in the wrong order, a fault of its firmware", f.Router, f.Outside),
			"Update the router's firmware, or remove \"igd\" from [wan] sources and name two outside services."
	case RoutersSplit:
		return "the router contradicts itself when asked in two ways",
			"Keep only one way of asking the router in [wan] sources."
	case Differ:
		return fmt.Sprintf("the router gives %s, the internet sees %s", f.Router, f.Outside) +
				"; likely a second NAT with public-looking addresses, a VPN that this host's traffic leaves by, or a provider that translates addresses one to one",
			"Let this host's traffic leave by the router and not by a VPN. If the provider translates one to one and forwards reach you, remove \"igd\" from [wan] sources and name two outside services."
	default:
		return "no source answered", wait
	}
}

// oddly says what an outside answer is that no home can have. One that looks
// public was found in a prefix of our own.
func oddly(addr netip.Addr) class {
	if what := classify(addr, nil); what != classPublic {
		return what
	}
	return classLAN
}

// evidence lists who said what: every router, and the outside sources of the
// last round that asked them.
func (w *Watcher) evidence() []string {
	recent := map[string]bool{}
	for _, a := range w.outside {
		recent[a.Source] = true
	}
	var lines []string
	for _, s := range w.sources {
		if s.Kind() == Router || recent[s.Name()] {
			lines = append(lines, s.status.String())
		}
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
