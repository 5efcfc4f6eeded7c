package provider

// What each provider needs and can, for whoever reads the config.

import (
	"fmt"
	"slices"
	"strings"
)

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
	// TXT is whether it keeps TXT records, so that its adaptor is a TXTWriter.
	TXT bool
	// OneFamily is whether setting one family may take the other away, so that
	// a domain can have A or AAAA there, and not both.
	OneFamily bool
	// TokenIs, ServerIs, UserIs and KeyIs complete "write …" for people, such
	// as "the API token"; those of parts that it has no use for are empty.
	TokenIs, ServerIs, UserIs, KeyIs string
}

// kinds are all of them, in the order in which people read them.
var kinds = slices.Concat([]Kind{
	{Word: "cloudflare", Zone: May, Wildcard: true, AAAA: true, Delete: true, TXT: true,
		TokenIs: "an API token with the permissions Zone:Read and DNS:Edit"},
	{Word: "duckdns", Suffix: ".duckdns.org", AAAA: true, TXT: true, TokenIs: "the token shown at duckdns.org"},
	{Word: "rfc2136", Zone: May, Server: Must, User: Must, Algorithm: May, Wildcard: true, AAAA: true, Delete: true, TXT: true,
		TokenIs: "the TSIG key's secret in base64", ServerIs: "the primary name server, as HOST or HOST:PORT", UserIs: "the TSIG key's name"},
	{Word: "desec", Zone: May, Wildcard: true, AAAA: true, Delete: true, TXT: true, TokenIs: "a token made at desec.io"},
	{Word: "porkbun", Zone: May, Key: Must, Wildcard: true, AAAA: true, Delete: true, TXT: true,
		TokenIs: "the secret API key", KeyIs: "the API key"},
	{Word: "ovh", Zone: May, Server: May, User: Must, Key: Must, DefaultServer: "ovh-eu", Wildcard: true, AAAA: true, Delete: true, TXT: true,
		TokenIs: "the application secret", ServerIs: "the endpoint, one of " + strings.Join(ovhEndpointWords(), ", "),
		UserIs: "the application key", KeyIs: "the consumer key"},
	{Word: "netcup", Zone: May, User: Must, Key: Must, Wildcard: true, AAAA: true, Delete: true, TXT: true,
		TokenIs: "the API password", UserIs: "the customer number", KeyIs: "the API key"},
	{Word: "ionos", Zone: May, Wildcard: true, AAAA: true, Delete: true, TXT: true, TokenIs: "the API key as PREFIX.SECRET"},
}, dynKinds())

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

// lacks names what an account for domain lacks, without secrets.
func (k Kind) lacks(domain string, a Account) error {
	for _, part := range []struct {
		need  Need
		empty bool
		is    string
	}{
		{Must, a.Token.IsZero(), k.TokenIs},
		{k.Server, a.Server == "", k.ServerIs},
		{k.User, a.User == "", k.UserIs},
		{k.Key, a.Key.IsZero(), k.KeyIs},
	} {
		if part.need == Must && part.empty {
			return fmt.Errorf("the provider %s of %s needs %s", k.Word, domain, part.is)
		}
	}
	if !k.Wildcard && strings.HasPrefix(domain, "*.") {
		return fmt.Errorf("the provider %s keeps no wildcard such as %s", k.Word, domain)
	}
	if k.Suffix != "" && (!strings.HasSuffix(domain, k.Suffix) || domain == k.Suffix) {
		return fmt.Errorf("%s is not a name below %s, and %s keeps no other", domain, strings.TrimPrefix(k.Suffix, "."), k.Word)
	}
	return nil
}
