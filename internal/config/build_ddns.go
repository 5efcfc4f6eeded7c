package config

// [[ddns]]: the public records to keep.

import (
	"strings"
	"unicode"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// The providers.
const (
	cloudflare = "cloudflare"
	duckdns    = "duckdns"
)

// ddns reads the [[ddns]] tables into c.DDNS.Records, one for each, however
// broken.
func (b *builder) ddns(raw []rawDDNS, c *Config) {
	seen := map[string]origin{}
	for _, r := range raw {
		rec := ddns.RecordConfig{Domain: b.domain(r, seen)}
		if !r.Provider.given {
			b.missing(r.keyOf("provider"), `missing; write who keeps the record, "cloudflare" or "duckdns"`)
		}
		rec.Provider = b.word(r.Provider, "", []string{cloudflare, duckdns}, nil)
		rec.Zone = b.zone(r, rec.Domain)
		rec.Token = b.token(r, len(raw) == 1)
		c.DDNS.Records = append(c.DDNS.Records, rec)
	}
}

// domain returns "" after a report.
func (b *builder) domain(r rawDDNS, seen map[string]origin) string {
	t := r.Domain
	if !t.given {
		b.missing(r.keyOf("domain"), `missing; write the name that clients dial, such as "myhome.duckdns.org"`)
	}
	if !t.ok {
		return ""
	}
	isDuck := r.Provider.ok && r.Provider.v == duckdns
	name, problem := hostName(t.v)
	switch {
	case problem != "":
		b.fail(t.at, "%s %s", show(t.v), problem)
		return ""
	case isDuck && !strings.HasSuffix(name, ".duckdns.org"):
		b.fail(t.at, `%s is not below duckdns.org; write the whole name, such as "myhome.duckdns.org"`, show(t.v))
		return ""
	case !strings.Contains(name, "."):
		b.fail(t.at, `%s has one label only; write the whole name, such as "mqtt.example.org"`, show(t.v))
		return ""
	}
	if first, twice := seen[name]; twice {
		b.fail(t.at, "this is the same domain as %s; two writers of one record would undo each other's work, so take one out", first)
		return name
	}
	seen[name] = t.at
	return name
}

func (b *builder) zone(r rawDDNS, domain string) string {
	t := r.Zone
	if !t.ok {
		return ""
	}
	zone, problem := hostName(t.v)
	switch {
	case r.Provider.ok && r.Provider.v == duckdns:
		b.fail(t.at, "DuckDNS has no zones of one's own; take this key out")
	case problem != "":
		b.fail(t.at, "%s %s", show(t.v), problem)
	case domain != "" && domain != zone && !strings.HasSuffix(domain, "."+zone):
		b.fail(t.at, "%s does not hold the domain %s; write the part of the domain that is registered, such as example.org for mqtt.example.org", show(t.v), show(domain))
	}
	return zone
}

// token returns the secret of r, which is the only [[ddns]] where alone is
// true. No text here quotes it, whatever is wrong.
func (b *builder) token(r rawDDNS, alone bool) secret.Value {
	b.remember(r.Token.v)
	switch {
	case r.Token.given && r.TokenFile.given:
		later, first := r.TokenFile.at, r.Token.at
		if later.file == first.file && later.line < first.line {
			later, first = first, later
		}
		b.fail(later, "the token is given twice, here and with %s; keep one, the file where possible", first)
		return secret.Value{}
	case !r.Token.given && !r.TokenFile.given:
		at := r.keyOf("token_file")
		if r.Head.file == Environment {
			b.missing(r.keyOf("token"), "missing; set it to the provider's token, or set %s to the path of a file with the token as its only content", at.key)
		} else if alone {
			b.missing(at, "missing; write the path of a file with the provider's token as its only content, or set %s", EnvDDNSToken)
		} else {
			b.missing(at, "missing; write the path of a file with the provider's token as its only content")
		}
		return secret.Value{}
	case r.TokenFile.given:
		if !r.TokenFile.ok {
			return secret.Value{}
		}
		text := b.readToken(r.TokenFile)
		b.remember(text)
		b.checkToken(r.TokenFile.at, text, "the token in the file")
		return secret.New(text)
	}
	if !r.Token.ok {
		return secret.Value{}
	}
	if strings.TrimSpace(r.Token.v) == "" {
		b.fail(r.Token.at, "empty; write the provider's token, or better token_file with the path of a file that holds it")
	}
	if b.inlineTokensExposed && r.Token.at.file != Environment {
		b.warn(r.Token.at, "everybody on this host can read the config file with this token in it; take that away with chmod o-r, or move the token to a token_file")
	}
	b.checkToken(r.Token.at, strings.TrimSpace(r.Token.v), "the token")
	return secret.New(r.Token.v)
}

// remember keeps a secret out of every text of the report.
func (b *builder) remember(text string) {
	if s := secret.New(text); !s.IsZero() {
		b.secrets = append(b.secrets, s)
	}
}

// checkToken reports what no token holds.
func (b *builder) checkToken(at origin, text, what string) {
	switch {
	case len(text) > maxToken:
		b.fail(at, "%s is longer than %d bytes; no provider's is", what, maxToken)
	case strings.ContainsFunc(text, unicode.IsSpace):
		b.fail(at, "%s has white space within; copy it again, alone and whole", what)
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }):
		b.fail(at, "%s has characters that no token has; copy it again, alone and whole", what)
	}
}
