package acme

// Names that a public CA can certify.

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// maxNames bounds the names of a certificate, as Let's Encrypt does.
const maxNames = 100

// private are the top-level domains, and domains, that no public CA certifies:
// RFC 6761, 6762, 7686, 8375, and what homes use.
var private = []string{
	"local", "localhost", "localdomain", "internal", "lan", "home", "corp", "intranet", "private",
	"invalid", "test", "example", "onion", "alt", "arpa",
}

// checkNames returns what is wrong with the names of a request, in words.
func checkNames(names []string, challenge Challenge) *Fault {
	switch {
	case len(names) == 0:
		return &Fault{Text: "There are no names to certify.", Action: "Name them in the config."}
	case len(names) > maxNames:
		return &Fault{Text: fmt.Sprintf("A certificate has at most %d names, and %d are wanted.", maxNames, len(names)), Action: "Use a wildcard for names of one domain, or leave some out."}
	}
	for i, name := range names {
		base, wildcard := strings.CutPrefix(name, "*.")
		why := notPublic(base)
		switch {
		case why == "" && slices.Contains(names[:i], name):
			why = "it stands in the list twice"
		case why == "" && wildcard && challenge == HTTP01:
			why = "a name with * can be proved by dns-01 only"
		}
		if why != "" {
			return &Fault{
				Text:   fmt.Sprintf("No public CA can certify %q: %s.", clean(name, 80), why),
				Action: "Use a name below a public domain of yours, or the house's own authority.",
			}
		}
	}
	return nil
}

// notPublic says why a name is none that the public DNS can have; empty means
// that it can.
func notPublic(name string) string {
	labels := strings.Split(name, ".")
	switch {
	case len(name) > 253-len("_acme-challenge."):
		return "it is too long"
	case len(labels) < 2:
		return "it has no domain"
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return "it is not a host name in lower case"
		}
	}
	top := labels[len(labels)-1]
	if slices.Contains(private, top) {
		return "." + top + " is for private networks"
	}
	if top[0] >= '0' && top[0] <= '9' {
		return "it is an address, or no name"
	}
	return ""
}

// setKey tells one set of names with its challenge from another, whatever the
// order of the names.
func setKey(names []string, challenge Challenge) string {
	sorted := slices.Sorted(slices.Values(names))
	sum := sha256.Sum256([]byte(string(challenge) + "\n" + strings.Join(sorted, "\n")))
	return hex.EncodeToString(sum[:12])
}

// sameNames reports whether two lists hold the same names, in any order.
func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
