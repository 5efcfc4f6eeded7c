package status

// The renderings, each a pure function of a snapshot.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// JSON renders s as docs/status.schema.json describes it, indented and with a
// final newline.
func JSON(s *Snapshot) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it is served as JSON and sniffing is forbidden
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("rendering the status as JSON: %w", err)
	}
	return b.Bytes(), nil
}

// WriteText renders s for a terminal: one block a link, without colours. It
// cleans the text itself, as s may come from another host.
func WriteText(w io.Writer, s *Snapshot) error {
	var b strings.Builder
	fmt.Fprintf(&b, "edgeguard %s: %s, as of %s\n", oneLine(s.Version), s.Status, readable(s.GeneratedAt))
	if s.Config.Error != nil {
		fmt.Fprintf(&b, "\nThe config file has a fault, so the older config is still in force: %s\n", oneLine(*s.Config.Error))
	}
	width := 0
	for _, id := range LinkIDs() {
		width = max(width, len(id))
	}
	details := detailsOf(s)
	indent := strings.Repeat(" ", len(mark(0))+2+width+2)
	for _, link := range s.Chain {
		fmt.Fprintf(&b, "\n%s  %-*s  %s\n", mark(link.Status), width, cut(oneLine(link.ID), maxText), oneLine(link.Summary))
		fmt.Fprintf(&b, "%ssince   %s\n", indent, readable(link.Since))
		if link.Action != nil {
			fmt.Fprintf(&b, "%saction  %s\n", indent, oneLine(*link.Action))
		}
		for _, d := range details {
			if d.link == link.ID {
				fmt.Fprintf(&b, "%s%-6s  %s\n", indent, d.label, oneLine(d.text))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// mark is a verdict in four columns.
func mark(v fact.Verdict) string {
	switch v {
	case fact.VerdictPass:
		return "PASS"
	case fact.VerdictWarn:
		return "WARN"
	case fact.VerdictFail:
		return "FAIL"
	default:
		return "????"
	}
}

// readable is a time for people, in UTC: a container rarely knows the zone.
func readable(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
