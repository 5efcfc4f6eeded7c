package config

// What is not TOML: say so in plain words, without quoting the line (it may
// hold a token), and find the line at which to go on reading.

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

var (
	headerLine = regexp.MustCompile(`^[ \t]*\[\[?[ \t]*[A-Za-z][A-Za-z0-9_.-]*[ \t]*\]?\]`)
	keyOfLine  = regexp.MustCompile(`^[ \t]*([A-Za-z][A-Za-z0-9_-]*)[ \t]*=`)
	codePoint  = regexp.MustCompile(`( but got)? U\+[0-9A-F]+( '.*')?`)
)

// syntax reports the parser's mistake. Done is the end of what was read before
// it. It returns the offset from which to go on, or the length of the data.
func (rd *reader) syntax(err error, done int) (next int) {
	bad := rd.line(rd.offset(err))
	first := min(rd.firstLine(done), bad)
	line := bad
	message := err.Error()
	if strings.Contains(message, "terminated") || strings.Contains(message, "incomplete") {
		line = first // it was found missing at the end of the file
	}
	start := rd.text(first)
	key := ""
	if m := keyOfLine.FindSubmatch(start); m != nil && isKnownKey(string(m[1])) {
		key = joinKey(rd.path, string(m[1]))
	}
	rd.fail(line, key, "%s", plainSyntax(message, bytes.HasPrefix(bytes.TrimLeft(start, " \t"), []byte("["))))
	if bytes.HasPrefix(bytes.TrimLeft(start, " \t"), []byte("[")) {
		rd.current, rd.path = newTable(first), "" // whose keys follow is unknown
	}
	if first == bad {
		return rd.start(first + 1)
	}
	// The mistake is within a value of several lines, so a line below may be
	// a part of it: go on at the next header.
	for l := first + 1; l <= len(rd.lines); l++ {
		if headerLine.Match(rd.text(l)) {
			return rd.start(l)
		}
	}
	return len(rd.data)
}

// firstLine returns the line on which the expression after done starts.
func (rd *reader) firstLine(done int) int {
	l := rd.line(min(done, max(0, len(rd.data)-1)))
	if done > rd.start(l) {
		l++ // the rest of that line belongs to what was read
	}
	for ; l < len(rd.lines); l++ {
		if t := bytes.TrimSpace(rd.text(l)); len(t) > 0 && t[0] != '#' {
			break
		}
	}
	return l
}

// start returns the offset at which line l starts, or the length of the data.
func (rd *reader) start(l int) int {
	if l > len(rd.lines) {
		return len(rd.data)
	}
	return rd.lines[l-1]
}

// text returns line l without its end.
func (rd *reader) text(l int) []byte {
	return bytes.TrimRight(rd.data[rd.start(l):rd.start(l+1)], "\r\n")
}

// plainSyntax puts the parser's message into words that help someone who does
// not know TOML. Single characters are cut from it: they may be a secret's.
func plainSyntax(message string, header bool) string {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(message, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("control character", "invalid UTF-8", "carriage returns"):
		return "this line holds a character that no text file should (" +
			codePoint.ReplaceAllString(message, "") + "); save the file as plain UTF-8 text"
	case header:
		return "this is no section header; write [name] or [[name]] alone on the line"
	case has("cannot have new lines"):
		return "the closing quote of this value is missing"
	case has("array is incomplete", "expected ',' or ']'"):
		return "this list is not complete; its values stand in quotes, with commas between them, and it ends in ]"
	case has("multiline", "unterminated"):
		return "the quotes that end this value are missing"
	case has("strings must be quoted", "at start of value", "expected keyword", "expected digit",
		"expected value", "expected number", "expected \"", "leading zeroes", "radix prefix",
		"between underscores", "decimal point", "exponent must"):
		return `this value is neither a number nor true or false nor in quotes; a text is written in quotes, such as key = "text"`
	case has("expected '=' after key", "at start of key"):
		return "this line is no setting; write key = value, or start a comment with #"
	case has("expected newline"):
		return "something follows that does not belong to the value; write one setting on a line, and a text in quotes"
	}
	return "this is not valid TOML: " + codePoint.ReplaceAllString(message, "")
}

// kindWords names a kind of value for people.
func kindWords(k unstable.Kind) string {
	switch k {
	case unstable.String:
		return "a text in quotes"
	case unstable.Bool:
		return "true or false"
	case unstable.Integer:
		return "a whole number"
	case unstable.Float:
		return "a number with a fraction"
	case unstable.Array:
		return "a list"
	case unstable.InlineTable:
		return "a table"
	}
	return "a date or a time"
}
