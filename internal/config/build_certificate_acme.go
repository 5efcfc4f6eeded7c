package config

// [certificate.acme]: the public CA.

import (
	"encoding/base64"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/acme"
)

// The words for a server.
const (
	letsEncrypt        = "letsencrypt"
	letsEncryptStaging = "letsencrypt-staging"
)

var profileName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// acme reads [certificate.acme].
func (b *builder) acme(raw rawACME, c *Config) (a acme.Config) {
	word := b.acmeServer(raw.Server, &a)
	if raw.CAFile.ok {
		if word != "" {
			b.fail(raw.CAFile.at, "the servers of Let's Encrypt are verified by the system's CAs; take this out, or write the URL of your own server")
		} else {
			a.Roots, _ = b.readRoots(raw.CAFile)
		}
	}
	a.Email = b.email(raw.Email)
	if word != "" {
		a.Profile = "classic"
	}
	if t := raw.Profile; t.ok {
		if a.Profile = t.v; !profileName.MatchString(t.v) {
			b.fail(t.at, `%s is no name of a profile; write that of one which the CA offers, such as "classic", or leave the key out`, show(t.v))
		}
	}
	a.Challenge = acme.Challenge(b.word(raw.Challenge, string(acme.DNS01), []string{string(acme.DNS01), string(acme.HTTP01)}, nil))
	switch rehearse := b.flag(raw.Rehearse, word == letsEncrypt); {
	case rehearse && word == letsEncrypt:
		a.Rehearsal = acme.LetsEncryptStaging
	case rehearse:
		b.fail(raw.Rehearse.at, "only Let's Encrypt has a server to rehearse at; take this out")
	}
	b.eab(raw, &a)
	a.Propagation = time.Duration(b.number(raw.Propagation, 1800, 30, 7200, "seconds")) * time.Second
	return a
}

// acmeServer reads the server, and returns the word for it; "" where it is a
// URL.
func (b *builder) acmeServer(t text, a *acme.Config) string {
	switch {
	case !t.ok, t.v == letsEncrypt:
		a.Directory = acme.LetsEncrypt
		return letsEncrypt
	case t.v == letsEncryptStaging:
		a.Directory = acme.LetsEncryptStaging
		return letsEncryptStaging
	}
	u, err := url.Parse(t.v)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "":
		b.fail(t.at, `%s is neither "letsencrypt" nor "letsencrypt-staging" nor the https URL of an ACME directory`, showWord(t.v))
	case u.User != nil || u.Fragment != "" || len(t.v) > maxPath:
		b.fail(t.at, "this is no URL of an ACME directory: it has a user, a fragment, or too many characters")
	default:
		a.Directory = t.v
	}
	return ""
}

// showWord is show for what may be a URL with a secret in it.
func showWord(v string) string {
	if strings.Contains(v, "@") || strings.Contains(v, "?") {
		return "this value (not shown, as it may hold a secret)"
	}
	return show(v)
}

// email returns "" where there is none.
func (b *builder) email(t text) string {
	if !t.ok {
		return ""
	}
	v := strings.TrimSpace(t.v)
	at, err := mail.ParseAddress(v)
	if err != nil || at.Address != v || len(v) > maxAccount {
		b.fail(t.at, `this is no e-mail address; write one that you read, such as "me@example.org", or leave the key out`)
		return ""
	}
	return v
}

// eab reads what binds the account to one that the CA knows.
func (b *builder) eab(raw rawACME, a *acme.Config) {
	id, key := raw.EABKeyID, raw.EABKey.given || raw.EABKeyFile.given
	a.EABKey = b.secret(secretKeys{inline: raw.EABKey, file: raw.EABKeyFile, key: "eab_key", noun: "key", what: "the key that the CA gave you beside the key's id", head: raw.Head, optional: true})
	switch {
	case id.given && !key:
		b.missing(raw.Head.sub("eab_key_file"), "missing; eab_key_id goes with the key that the CA gave you, so write the path of a file with that as its only content, or take eab_key_id out")
	case key && !id.given:
		b.missing(raw.Head.sub("eab_key_id"), "missing; the key goes with the id that the CA gave you, so write that too, or take the key out")
	}
	if id.ok {
		a.EABKeyID = b.plainText(id)
	}
	if a.EABKey.IsZero() {
		return
	}
	at := raw.EABKeyFile.at
	if raw.EABKey.given {
		at = raw.EABKey.at
	}
	if _, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(a.EABKey.Reveal(), "=")); err != nil {
		b.fail(at, "the key is not in base64url (A-Z, a-z, 0-9, - and _); copy it again, alone and whole")
	}
}

func days(n int64) time.Duration { return time.Duration(n) * 24 * time.Hour }
