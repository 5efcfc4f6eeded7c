package certs

// Names in certificates: which may be answered, and what Covers what.

import (
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	// MaxNames bounds the names taken from one certificate.
	MaxNames = 100
	// maxName and maxLabel are DNS's own bounds (RFC 1035, section 2.3.4).
	maxName  = 253
	maxLabel = 63
)

// HostNames returns the names among served that may be answered: exact host
// names in canonical form, sorted, each once, at most MaxNames. Names of one
// label are the home's own to give, so they count only where configured. The
// result is never nil.
func HostNames(served, configured []string) []string {
	names := []string{}
	for _, name := range served {
		name = fact.CanonicalName(name)
		single := !strings.Contains(name, ".")
		switch {
		case len(names) == MaxNames:
		case !IsHostName(name), isLocalhost(name):
		case single && !slices.Contains(configured, name):
		case slices.Contains(names, name):
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// WildcardNames returns the wildcards among served, canonical, sorted, each
// once, at most MaxNames; nil where there is none.
func WildcardNames(served []string) []string {
	var names []string
	for _, name := range served {
		name = fact.CanonicalName(name)
		if len(names) < MaxNames && IsWildcard(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// IsHostName reports whether name is an exact, canonical host name: labels of
// letters, digits and hyphens (RFC 1123, section 2.1), and no address. A last
// label of digits is how an IPv4 address looks, in any of its spellings.
func IsHostName(name string) bool {
	if len(name) > maxName {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		if !isLabel(label) {
			return false
		}
		last = label
	}
	return strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x")
}

func isLabel(label string) bool {
	if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// isLocalhost: such names never leave a host (RFC 6761, section 6.3).
func isLocalhost(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// IsWildcard reports whether name is a wildcard of one label (RFC 6125,
// section 6.4.3).
func IsWildcard(name string) bool {
	rest, ok := strings.CutPrefix(name, "*.")
	return ok && IsHostName(rest) && strings.Contains(rest, ".")
}

// Covers reports whether a certificate with the given names is good for name.
func Covers(names []string, name string) bool {
	_, parent, _ := strings.Cut(name, ".")
	for _, n := range names {
		if n == name || IsWildcard(n) && n[2:] == parent {
			return true
		}
	}
	return false
}
