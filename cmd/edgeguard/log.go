package main

// The daemon's log.

import (
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/edgeguard/edgeguard/internal/secret"
)

// newLogger returns a logger in the given format: "text", "json", or "auto",
// which is text on a terminal and JSON elsewhere. Secrets are cut out of every
// line, as the last of the defences.
func newLogger(w io.Writer, level slog.Leveler, format string, secrets func() []secret.Value) *slog.Logger {
	if format == "auto" {
		format = "json"
		if f, ok := w.(*os.File); ok && isTerminal(f) {
			format = "text"
		}
	}
	opts := &slog.HandlerOptions{Level: level}
	w = scrubWriter{w, secrets}
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// scrubWriter cuts secrets out of what is written. A slog handler writes one
// whole record at a time, so no secret lies across two writes.
type scrubWriter struct {
	w       io.Writer
	secrets func() []secret.Value
}

func (s scrubWriter) Write(p []byte) (int, error) {
	text := string(p)
	clean := secret.Scrub(text, s.secrets()...)
	if clean == text {
		return s.w.Write(p)
	}
	if _, err := io.WriteString(s.w, strings.ToValidUTF8(clean, "")); err != nil {
		return 0, err
	}
	return len(p), nil
}
