// Package murmur keeps a log of what strangers can set off readable: a device
// in the LAN can send 10,000 datagrams a second, and each would be a line.
package murmur

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// Loud is how many lines with the same text go out in full within a Window.
	Loud = 5
	// Window is how often those that were left out are counted in a line.
	Window = time.Minute
)

// Log writes lines at debug: with each text so many a minute, and of the others
// a count with the first line after that minute. It has no goroutine, so what
// was left out last is told only once there is more. Make one with New. It may
// be used by several goroutines.
type Log struct {
	to *slog.Logger

	mu    sync.Mutex
	texts map[string]*text // guarded by mu; as many as the program has texts
}

// text is one message.
type text struct {
	began time.Time // of the window
	lines int       // in it
}

// New returns a Log that writes to another one.
func New(to *slog.Logger) *Log { return &Log{to: to, texts: make(map[string]*text)} }

// Debug writes a line, or counts it. msg is one of the program's own texts,
// never a foreign one; args are as for slog.
func (l *Log) Debug(msg string, args ...any) {
	now := time.Now()
	l.mu.Lock()
	t := l.texts[msg]
	if t == nil {
		t = &text{began: now}
		l.texts[msg] = t
	}
	leftOut := 0
	if now.Sub(t.began) >= Window {
		leftOut = max(0, t.lines-Loud)
		*t = text{began: now}
	}
	t.lines++
	loud := t.lines <= Loud
	l.mu.Unlock()
	if leftOut > 0 {
		l.to.Debug(msg, "and_more_before", leftOut)
	}
	if loud {
		l.to.Debug(msg, args...)
	}
}
