package main

// What a terminal is told beyond plain text.

import (
	"io"
	"os"

	"github.com/edgeguard/edgeguard/internal/status"
)

// drawsOn reports whether w is a terminal that understands more than lines of
// text.
func drawsOn(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isTerminal(f) && os.Getenv("TERM") != "dumb"
}

// textOptions are how the chain is written to w. NO_COLOR, if it is set to
// anything, means what it says (no-color.org).
func textOptions(w io.Writer, evidence bool) status.TextOptions {
	return status.TextOptions{Color: drawsOn(w) && os.Getenv("NO_COLOR") == "", Evidence: evidence}
}
