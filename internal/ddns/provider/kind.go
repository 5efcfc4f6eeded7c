package provider

// What each provider needs and can, for whoever reads the config.

import "slices"

// Need says whether a provider wants one part of an Account.
type Need uint8

// The needs.
const (
	// Not means that the provider has no use for it.
	Not Need = iota
	// May means that it can be given and has a default.
	May
	// Must means that there is no account without it.
	Must
)

// Kind is one provider, or one protocol that several speak. Every kind needs a
// Token.
type Kind struct {
	// Word is the provider in the config.
	Word string
	// Zone, Server, User, Key and Algorithm are which parts of an Account it
	// wants beside the Token.
	Zone, Server, User, Key, Algorithm Need
	// DefaultServer stands for a Server that may be left out; may be empty.
	DefaultServer string
	// Suffix is what every domain ends in, with its dot; empty means anything.
	Suffix string
	// Wildcard is whether a domain may begin with "*.".
	Wildcard bool
	// AAAA is whether it keeps IPv6 addresses too, Delete whether it can take
	// one record away.
	AAAA, Delete bool
	// TokenIs, ServerIs, UserIs and KeyIs complete "write …" for people, such
	// as "the API token"; those of parts that it has no use for are empty.
	TokenIs, ServerIs, UserIs, KeyIs string
}

// kinds are all of them, in the order in which people read them.
var kinds = []Kind{
	{Word: "cloudflare", Zone: May, Wildcard: true, AAAA: true, TokenIs: "an API token with the permissions Zone:Read and DNS:Edit"},
	{Word: "duckdns", Suffix: ".duckdns.org", AAAA: true, TokenIs: "the token shown at duckdns.org"},
}

// Kinds lists all providers. The list is the caller's.
func Kinds() []Kind { return slices.Clone(kinds) }

// KindOf returns the kind of a provider's word; ok is false where there is
// none.
func KindOf(word string) (k Kind, ok bool) {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Word == word })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}
