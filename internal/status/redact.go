package status

// The last border: control characters and overlong text are cut, and the
// config's secrets are taken out in whatever form they come.

import (
	"encoding"
	"html"
	"reflect"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	// maxText bounds one piece of text in the snapshot, in bytes.
	maxText = 1024
	// maxForeign bounds what is looked at of a piece of text at all.
	maxForeign = 64 << 10
)

// scrubber takes secrets out of text.
type scrubber struct{ secrets []secret.Value }

// newScrubber knows, beside the forms that secret.Scrub looks for itself, a
// secret in a piece of HTML (an error page), and one that has been cleaned.
func newScrubber(secrets []secret.Value) scrubber {
	var s scrubber
	seen := map[string]bool{"": true}
	for _, value := range secrets {
		raw := value.Reveal()
		for _, form := range []string{raw, html.EscapeString(raw), oneLine(raw)} {
			if !seen[form] {
				seen[form] = true
				s.secrets = append(s.secrets, secret.New(form))
			}
		}
	}
	return s
}

// all takes every form of the secrets out of s.
func (c scrubber) all(s string) string {
	if len(c.secrets) == 0 || s == "" {
		return s
	}
	return secret.Scrub(s, c.secrets...)
}

// text makes foreign text fit to be shown. It scrubs before it cuts, so that a
// cut can not leave half a secret standing, and again after cleaning, which
// may have joined two halves.
func (c scrubber) text(s string) string {
	if len(s) > maxForeign {
		s = s[:maxForeign]
	}
	scrubbed := c.all(s)
	line := oneLine(scrubbed)
	if line != scrubbed {
		line = c.all(line)
	}
	return cut(line, maxText)
}

// Redact returns a copy of s in which no text holds any of secrets. It works
// on the text and not on its renderings: there no escape can hide a secret,
// and what is left stays well-formed whatever the secret was.
func Redact(s *Snapshot, secrets []secret.Value) *Snapshot {
	c := newScrubber(secrets)
	return mapText(reflect.ValueOf(s), c.all).Interface().(*Snapshot)
}

var textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()

// mapText copies v deeply with f put over every string. Types that write
// themselves (times, addresses, verdicts) hold no free text and are kept.
func mapText(v reflect.Value, f func(string) string) reflect.Value {
	made := reflect.New(v.Type()).Elem()
	made.Set(v)
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			made.Set(reflect.New(v.Type().Elem()))
			made.Elem().Set(mapText(v.Elem(), f))
		}
	case reflect.Slice:
		if !v.IsNil() {
			made.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				made.Index(i).Set(mapText(v.Index(i), f))
			}
		}
	case reflect.Struct:
		if !v.Type().Implements(textMarshaler) {
			for i := range v.NumField() {
				made.Field(i).Set(mapText(v.Field(i), f))
			}
		}
	case reflect.String:
		made.SetString(f(v.String()))
	}
	return made
}

// oneLine makes text one harmless line, of any length up to maxForeign.
func oneLine(s string) string { return tidy.Line(s, maxForeign) }

// cut returns at most most bytes of s, whole characters, and says so.
func cut(s string, most int) string { return tidy.Cut(s, most) }
