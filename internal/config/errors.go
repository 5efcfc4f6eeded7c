package config

// Mistakes: how one reads, how they are gathered, and how they are kept free of
// secrets.

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/edgeguard/edgeguard/internal/secret"
)

// Environment is the File of mistakes in environment variables.
const Environment = "environment"

// maxErrors bounds how many mistakes are printed; a file with more is not a
// config.
const maxErrors = 100

// Error is one thing that is wrong, and what would be right.
type Error struct {
	// File is the config file as it was named, or Environment.
	File string
	// Line is counted from 1; 0 means the file as a whole, or the environment.
	Line int
	// Key is the key at fault ("service[0].address", "EDGEGUARD_DDNS_TOKEN");
	// empty where there is none.
	Key string
	// Text says what is wrong and what would be right.
	Text string
}

// Error implements error, as FILE:LINE: KEY: TEXT, without what is missing.
func (e Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line))
	}
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	b.WriteString(": " + e.Text)
	return b.String()
}

// Errors is everything that is wrong, sorted by line; mistakes in the
// environment come last. It is found with errors.As.
type Errors struct {
	// List is never empty.
	List []Error
}

// Error implements error, one mistake a line.
func (e *Errors) Error() string {
	lines := make([]string, len(e.List))
	for i, one := range e.List {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap implements errors.Is and errors.As over the list.
func (e *Errors) Unwrap() []error {
	list := make([]error, len(e.List))
	for i, one := range e.List {
		list[i] = one
	}
	return list
}

// origin is where a value stands.
type origin struct {
	file string
	line int
	key  string
}

// sub is the origin of a part of what stands at o, on the same line.
func (o origin) sub(key string) origin {
	if o.key != "" {
		key = o.key + "." + key
	}
	return origin{o.file, o.line, key}
}

// String points a reader of another mistake's text to this origin.
func (o origin) String() string {
	if o.line == 0 {
		return o.key + " (" + o.file + ")"
	}
	return o.key + " (line " + strconv.Itoa(o.line) + ")"
}

// report gathers the mistakes and warnings of one config.
type report struct {
	errors   []Error
	more     int
	warnings []Error
	secrets  []secret.Value
	// broken is set where some of the file could not be read at all: then a key
	// may only seem to be missing.
	broken bool
}

func (r *report) fail(at origin, format string, args ...any) {
	if r.full() {
		r.more++
		return
	}
	r.errors = append(r.errors, Error{at.file, at.line, at.key, fmt.Sprintf(format, args...)})
}

// full tells that mistakes are only counted from here on.
func (r *report) full() bool { return len(r.errors) >= maxErrors }

// missing reports something that is not there.
func (r *report) missing(at origin, format string, args ...any) {
	if !r.broken {
		r.fail(at, format, args...)
	}
}

func (r *report) warn(at origin, format string, args ...any) {
	if len(r.warnings) < maxErrors {
		r.warnings = append(r.warnings, Error{at.file, at.line, at.key, fmt.Sprintf(format, args...)})
	}
}

// err returns the mistakes as an *Errors, or nil.
func (r *report) err(file string) error {
	if len(r.errors) == 0 {
		return nil
	}
	list := r.finished(r.errors)
	if r.more > 0 {
		list = append(list, Error{File: file, Text: fmt.Sprintf("%d more mistakes are not shown; mend these first", r.more)})
	}
	return &Errors{list}
}

// finished returns the list sorted, printable and scrubbed. The secrets are cut
// even though no text is made from them: other packages' error texts are in it.
func (r *report) finished(list []Error) []Error {
	var long []secret.Value
	for _, s := range r.secrets {
		if len(s.Reveal()) >= 6 { // a shorter one would tear words apart
			long = append(long, s)
		}
	}
	list = slices.Clone(list)
	for i := range list {
		e := &list[i]
		e.File = printable(e.File)
		e.Key = printable(secret.Scrub(e.Key, long...))
		e.Text = printable(secret.Scrub(e.Text, long...))
	}
	slices.SortStableFunc(list, func(a, b Error) int {
		return cmp.Or(
			cmp.Compare(rank(a.File), rank(b.File)),
			cmp.Compare(a.Line, b.Line))
	})
	return list
}

func rank(file string) int {
	if file == Environment {
		return 1
	}
	return 0
}

// printable replaces what a terminal or a log might act on.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, s)
}

// show quotes a value of the config for a text, cut to a sensible length. A
// value that looks like a token is not shown: tokens get pasted into the wrong
// key.
func show(v string) string {
	if looksSecret(v) {
		return "this value (not shown, as it looks like a token)"
	}
	if len(v) > 80 {
		v = strings.ToValidUTF8(v[:80], "") + "…"
	}
	return strconv.Quote(v)
}

// looksSecret reports whether v looks like a token rather than like a name, an
// address or a path.
func looksSecret(v string) bool {
	return len(v) >= 16 && strings.ContainsAny(v, "0123456789") &&
		!strings.ContainsAny(v, ".:") && !strings.HasPrefix(v, "/")
}
