package config

// Secrets: each is given in the config itself, in a file that it names, or in
// the environment. No text here quotes one, whatever is wrong.

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"

	"github.com/edgeguard/edgeguard/internal/secret"
)

// secretKeys is one secret as it stands in the config: the secret itself, or
// the file that holds it.
type secretKeys struct {
	inline, file secretText
	// key is the inline key ("token"); the other is key_file. Noun is what it
	// is for people, with its article left out ("token"), and what a person has
	// to fetch, with it ("the provider's token").
	key, noun, what string
	// password allows blanks and other scripts within, which no token has.
	password bool
	// head is the table, and env the environment variables that may hold the
	// secret; "" where none may.
	head origin
	env  string
	// optional is set where there may be none at all.
	optional bool
}

// secret reads one secret. The zero Value comes after a report, or where it is
// optional and not given.
func (b *builder) secret(k secretKeys) secret.Value {
	b.remember(k.inline.v)
	switch {
	case k.inline.given && k.file.given:
		later, first := k.file.at, k.inline.at
		if later.file == first.file && later.line < first.line {
			later, first = first, later
		}
		b.fail(later, "the %s is given twice, here and with %s; keep one, the file where possible", k.noun, first)
		return secret.Value{}
	case !k.inline.given && !k.file.given:
		if !k.optional {
			b.secretMissing(k)
		}
		return secret.Value{}
	case k.file.given:
		if !k.file.ok {
			return secret.Value{}
		}
		text := b.readSecret(k.file, k)
		b.remember(text)
		b.checkSecret(k.file.at, text, fmt.Sprintf("the %s in the file", k.noun), k)
		return secret.New(text)
	}
	if !k.inline.ok {
		return secret.Value{}
	}
	if strings.TrimSpace(k.inline.v) == "" {
		b.fail(k.inline.at, "empty; write %s, or better %s_file with the path of a file that holds it", k.what, k.key)
	}
	if b.inlineTokensExposed && k.inline.at.file != Environment {
		b.warn(k.inline.at, "everybody on this host can read the config file with this %s in it; take that away with chmod o-r, or move the %s to a %s_file", k.noun, k.noun, k.key)
	}
	b.checkSecret(k.inline.at, strings.TrimSpace(k.inline.v), "the "+k.noun, k)
	return secret.New(k.inline.v)
}

func (b *builder) secretMissing(k secretKeys) {
	text := fmt.Sprintf("missing; write the path of a file with %s as its only content", k.what)
	switch {
	case k.head.file == Environment:
		at := rawDDNS{Head: k.head}.keyOf(k.key)
		b.missing(at, "missing; set it to %s, or set %s_FILE to the path of a file with the %s as its only content", k.what, at.key, k.noun)
	case k.env != "":
		b.missing(k.head.sub(k.key+"_file"), "%s, or set %s", text, k.env)
	default:
		b.missing(k.head.sub(k.key+"_file"), "%s", text)
	}
}

// remember keeps a secret out of every text of the report.
func (b *builder) remember(text string) {
	if s := secret.New(text); !s.IsZero() {
		b.secrets = append(b.secrets, s)
	}
}

// checkSecret reports what no secret of its kind holds.
func (b *builder) checkSecret(at origin, text, what string, k secretKeys) {
	switch {
	case len(text) > maxToken:
		b.fail(at, "%s is longer than %d bytes; none is", what, maxToken)
	case k.password:
		if strings.ContainsFunc(text, unicode.IsControl) {
			b.fail(at, "%s has a control character or a line break within; copy it again, alone and whole", what)
		}
	case strings.ContainsFunc(text, unicode.IsSpace):
		b.fail(at, "%s has white space within; copy it again, alone and whole", what)
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }):
		b.fail(at, "%s has characters that no %s has; copy it again, alone and whole", what, k.noun)
	}
}

// readSecret returns the secret in the file that t names, or "" after a report.
func (b *builder) readSecret(t secretText, k secretKeys) string {
	shown := fmt.Sprintf("the file that is named here (its name is not shown, as it may be a %s; a %s itself belongs in the key %s)", k.noun, k.noun, k.key)
	if strings.Contains(t.v, "/") && !strings.Contains(t.v, "://") && !looksSecret(t.v) {
		shown = resolve(t.at, t.v)
	}
	if t.v == "" {
		b.fail(t.at, "empty; write the path of a file with the %s as its only content", k.noun)
		return ""
	}
	f, err := b.readFile(resolve(t.at, t.v), maxToken)
	if errors.Is(err, fs.ErrNotExist) {
		b.fail(t.at, "cannot read %s: no such file; create it with the %s as its only content", shown, k.noun)
		return ""
	}
	if err != nil {
		b.fail(t.at, "cannot read %s: %s", shown, readProblem(err))
		return ""
	}
	text := strings.TrimSpace(strings.TrimPrefix(string(f.Data), "\ufeff"))
	if text == "" {
		b.fail(t.at, "%s is empty; put the %s in it as its only content", shown, k.noun)
	}
	if f.Mode.Perm()&0o004 != 0 {
		b.warn(t.at, "everybody on this host can read %s; take that away with chmod o-r", shown)
	}
	return text
}
