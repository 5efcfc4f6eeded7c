package hairpin

// One link of several services'.

import (
	"slices"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// worst makes one link of those of several services: the words are those of
// the first that is worst, and every service is in the evidence.
func worst(services []Service, links []fact.Link) fact.Link {
	if len(links) == 0 {
		return fact.Link{Summary: "No service is configured.", Action: "Name the broker in a [[service]] of the config."}
	}
	all := links[0].Verdict
	for _, l := range links[1:] {
		all = fact.Worse(all, l.Verdict)
	}
	link := links[slices.IndexFunc(links, func(l fact.Link) bool { return l.Verdict == all })]
	var evidence []string
	for i, l := range links {
		if len(links) > 1 {
			evidence = append(evidence, services[i].Name+": "+l.Summary)
		}
		evidence = append(evidence, l.Evidence...)
	}
	link.Evidence = evidence
	return link
}
