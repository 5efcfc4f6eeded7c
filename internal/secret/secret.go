// Package secret keeps tokens and passwords from leaving the process. A Value
// has no way to print itself, and Scrub takes secrets out of text that other
// people's code wrote (error texts with whole URLs in them). It is a leaf.
package secret

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/url"
	"sort"
	"strconv"
	"strings"
)

// Redacted is what stands in place of a secret wherever one would be shown.
const Redacted = "[redacted]"

// Value is a secret. Every way of printing it prints Redacted. The zero Value
// is no secret at all.
//
// The text is behind a function because fmt walks through unexported fields
// and pointers without asking for methods; it cannot call a function.
type Value struct{ reveal func() string }

// New makes a secret of text. White space around it is cut: a token file ends
// in a newline more often than not, and providers refuse such a token.
func New(text string) Value {
	text = strings.TrimSpace(text)
	if text == "" {
		return Value{}
	}
	return Value{func() string { return text }}
}

// Reveal returns the secret itself. Call it only where it goes on the wire to
// the one it was made for.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return v.reveal()
}

// IsZero reports whether there is no secret.
func (v Value) IsZero() bool { return v.reveal == nil }

// String, GoString, MarshalText and LogValue all hide the secret.
func (v Value) String() string {
	if v.IsZero() {
		return ""
	}
	return Redacted
}

// GoString implements fmt.GoStringer.
func (v Value) GoString() string { return "secret.Value{" + v.String() + "}" }

// MarshalText implements encoding.TextMarshaler, for JSON and TOML.
func (v Value) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// LogValue implements slog.LogValuer.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.String()) }

// Scrub returns text with every form of the given secrets replaced: as it is,
// escaped for a URL's query or path, quoted by Go or JSON, and in base64.
func Scrub(text string, secrets ...Value) string {
	for _, form := range forms(secrets) {
		text = strings.ReplaceAll(text, form, Redacted)
	}
	return text
}

// ScrubError returns err with its text scrubbed, or err itself where nothing
// had to be cut. A scrubbed error still answers errors.Is and errors.As for
// what is in target, as sentinel errors and contexts hold no secrets; it does
// not unwrap to the original, which does.
func ScrubError(err error, keep []error, secrets ...Value) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := Scrub(text, secrets...)
	if clean == text {
		return err
	}
	return &scrubbed{text: clean, keep: keep}
}

type scrubbed struct {
	text string
	keep []error
}

func (s *scrubbed) Error() string   { return s.text }
func (s *scrubbed) Unwrap() []error { return s.keep }

func unquoted(quoted string) string { return quoted[1 : len(quoted)-1] }

// jsonString returns text as it stands between the quotes of a JSON string.
func jsonString(text string, escapeHTML bool) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(escapeHTML)
	if err := enc.Encode(text); err != nil {
		return text // a string always encodes
	}
	return unquoted(strings.TrimSuffix(b.String(), "\n"))
}

// forms lists the ways the secrets may be written, longest first, so that a
// form that contains another is cut whole.
func forms(secrets []Value) []string {
	seen := map[string]bool{}
	for _, s := range secrets {
		if s.IsZero() {
			continue
		}
		text := s.Reveal()
		for _, form := range []string{
			text,
			url.QueryEscape(text),
			url.PathEscape(text),
			unquoted(strconv.Quote(text)),
			unquoted(strconv.QuoteToASCII(text)),
			jsonString(text, true),
			jsonString(text, false),
			base64.StdEncoding.EncodeToString([]byte(text)),
			base64.URLEncoding.EncodeToString([]byte(text)),
		} {
			seen[form] = true
		}
	}
	list := make([]string, 0, len(seen))
	for form := range seen {
		list = append(list, form)
	}
	sort.Slice(list, func(i, j int) bool { return len(list[i]) > len(list[j]) })
	return list
}
