// Package tidy makes foreign text fit for logs, pages and terminals: what a
// router, a server or a certificate says is hostile until it has come through
// here. It is a leaf.
package tidy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// more ends a text that was cut.
const more = "…"

// Line returns text on one line: white space folded into single spaces, without
// control characters and without the invisible ones that turn or hide text,
// in valid UTF-8, and cut to at most most bytes, with … at the end where it was
// cut. A most below the length of … gives an empty text.
func Line(text string, most int) string {
	// What is thrown away must not cost more than what is kept.
	if bound := 16*most + 64; len(text) > bound {
		text = text[:bound]
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == utf8.RuneError:
			return -1
		}
		return r
	}, text)
	return Cut(strings.Join(strings.Fields(text), " "), most)
}

// Cut returns at most most bytes of text, whole characters only, and ends it
// with … where it was cut.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most - len(more)
	if end < 0 {
		return ""
	}
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}

// Sentence makes text read as a sentence: a capital at its start, unless it
// starts with a name (anything but a plain word), and a full stop at its end,
// where there is no other mark.
func Sentence(text string) string {
	if text == "" {
		return ""
	}
	first, _, _ := strings.Cut(text, " ")
	word := strings.TrimRight(first, ",;:")
	plain := !strings.ContainsFunc(word, func(r rune) bool { return r < 'a' || r > 'z' })
	if plain && word != "" && len(first) < len(text) {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	if strings.ContainsAny(text[len(text)-1:], ".!?:") || strings.HasSuffix(text, more) {
		return text
	}
	return text + "."
}
