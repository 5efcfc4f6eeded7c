package config

// The keys of a [[ddns]] that reach its provider: which of them there must be,
// and which are of no use, is the provider's row in the table.

import (
	"strings"
	"unicode"

	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

// algorithms are those of RFC 8945, section 6, that BIND still takes.
var algorithms = []string{"hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha224", "hmac-sha1"}

// maxAccount bounds what names an account or a server, in bytes.
const maxAccount = 255

// account reads the parts of an account into a. Kind is nil where the provider
// is not known; then nothing is missing and nothing is too much.
func (b *builder) account(r rawDDNS, kind *provider.Kind, domain string, alone bool, a *provider.Account) {
	k := provider.Kind{Word: "this provider", Zone: provider.May, Server: provider.May, User: provider.May, Key: provider.May, Algorithm: provider.May}
	if kind != nil {
		k = *kind
	}
	if b.part(r, "zone", r.Zone, k, k.Zone, `the part of the domain that is registered, such as "example.org" for mqtt.example.org`) {
		a.Zone = b.zone(r.Zone, domain)
	}
	if b.part(r, "server", r.Server, k, k.Server, k.ServerIs) {
		a.Server = b.plainText(r.Server)
		if strings.Contains(a.Server, "@") {
			b.fail(r.Server.at, "a server has no @; a user and a secret have keys of their own, user and token_file")
		}
	}
	if b.part(r, "user", r.User, k, k.User, k.UserIs) {
		a.User = b.plainText(r.User)
	}
	if b.part(r, "algorithm", r.Algorithm, k, k.Algorithm, "the algorithm of the key") {
		a.Algorithm = b.word(r.Algorithm, "", algorithms, nil)
	}
	token := secretKeys{inline: r.Token, file: r.TokenFile, key: "token", noun: "token", what: words(k.TokenIs, "the provider's token"),
		password: k.User != provider.Not, head: r.Head}
	key := secretKeys{inline: r.Key, file: r.KeyFile, key: "key", noun: "key", what: words(k.KeyIs, "the provider's second secret"),
		password: true, head: r.Head, optional: k.Key != provider.Must}
	if alone {
		token.env, key.env = EnvDDNSToken, EnvDDNSKey
	}
	a.Token = b.secret(token)
	if k.Key == provider.Not {
		b.part(r, "key", r.Key.text, k, k.Key, "")
		b.part(r, "key_file", r.KeyFile.text, k, k.Key, "")
		b.remember(r.Key.v)
		return
	}
	a.Key = b.secret(key)
}

// part reports a key of which the provider has no use, and one that is missing;
// it returns whether there is one to read.
func (b *builder) part(r rawDDNS, key string, t text, k provider.Kind, need provider.Need, is string) bool {
	switch {
	case t.given && need == provider.Not:
		b.fail(t.at, "%s has no use for it; take this key out", k.Word)
		return false
	case !t.given && need == provider.Must:
		b.missing(r.keyOf(key), "missing; write %s, as %s needs it", words(is, "it"), k.Word)
	}
	return t.ok
}

// words is text, or what stands for it where there is none.
func words(text, absent string) string {
	if text == "" {
		return absent
	}
	return text
}

func (b *builder) zone(t text, domain string) string {
	zone, problem := hostName(t.v)
	domain = strings.TrimPrefix(domain, "*.")
	switch {
	case problem != "":
		b.fail(t.at, "%s %s", show(t.v), problem)
	case domain != "" && domain != zone && !strings.HasSuffix(domain, "."+zone):
		b.fail(t.at, "%s does not hold the domain %s; write the part of the domain that is registered, such as example.org for mqtt.example.org", show(t.v), show(domain))
	}
	return zone
}

// plainText returns a short text without blanks around it. It is not quoted:
// secrets get pasted into the wrong key.
func (b *builder) plainText(t text) string {
	v := strings.TrimSpace(t.v)
	switch {
	case v == "":
		b.fail(t.at, "empty; write it, or leave the key out")
	case len(v) > maxAccount:
		b.fail(t.at, "longer than the %d bytes that it may have", maxAccount)
	case strings.ContainsFunc(v, unicode.IsControl):
		b.fail(t.at, "it has a control character or a line break within; write it on one line")
	}
	return v
}
