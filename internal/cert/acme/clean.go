package acme

// Foreign text made fit to be shown.

import (
	"strings"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

// maxForeign bounds a CA's own words in ours, in bytes.
const maxForeign = 300

// secretLength is how long a run of the letters of base64url is at least for
// it to be taken for a token, a key authorization or a digest of one.
const secretLength = 22

// clean makes foreign text one line of at most most bytes without anything in
// it that could be a token: runs of base64url that are long, and not words.
// Names that are longer than that suffer; nobody is hurt by it.
func clean(text string, most int) string {
	// Cut before looking, so that a run is not lost in parts at the bound.
	text = tidy.Line(text, 8*maxForeign)
	var b strings.Builder
	for len(text) > 0 {
		n := strings.IndexFunc(text, func(r rune) bool { return !isBase64(r) })
		if n < 0 {
			n = len(text)
		}
		if n >= secretLength {
			b.WriteString("[…]")
		} else {
			b.WriteString(text[:n])
		}
		text = text[n:]
		n = strings.IndexFunc(text, isBase64)
		if n < 0 {
			n = len(text)
		}
		b.WriteString(text[:n])
		text = text[n:]
	}
	return tidy.Line(b.String(), most)
}

func isBase64(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}
