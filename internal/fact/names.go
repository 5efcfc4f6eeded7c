package fact

// Names that mean a service, and where they came from.

import "strings"

// ServiceNames are the names that a service's certificate gives it, once they
// may be trusted. It is immutable.
type ServiceNames struct {
	// Service is the name of the [[service]] in the config.
	Service string
	// Names are exact host names in canonical form, sorted, without wildcards
	// and addresses. Nil means that none could be learned yet; names once
	// learned are kept while the service is down.
	Names []string
	// Wildcards are the certificate's wildcards of one label ("*.example.org"),
	// canonical, sorted; they count only where the service's config says so.
	// Nil means none, or none learned yet.
	Wildcards []string
}

// CanonicalName returns a domain name in lower case and without its final dot,
// the one form in which names are compared and stored.
func CanonicalName(name string) string {
	return asciiLower(strings.TrimSuffix(name, "."))
}

// asciiLower lowers A to Z only: DNS compares octets (RFC 4343), and Unicode
// folding would make distinct names equal.
func asciiLower(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
