package status

// The rendering for a terminal: whole, or link by link as they become known.

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// TextOptions say how a snapshot is written for a terminal. The zero value is
// plain and whole.
type TextOptions struct {
	// Color adds colours to the verdicts, which say the same without.
	Color bool
	// Evidence adds what each link's verdict rests on.
	Evidence bool
	// Fresh leaves out since when a link has been so: it was looked at just now
	// for the first time.
	Fresh bool
}

// WriteText renders s for a terminal: one block a link, as o says. It cleans the
// text itself, as s may come from another host.
func WriteText(w io.Writer, s *Snapshot, o TextOptions) error {
	var b strings.Builder
	b.WriteString(headline(s))
	if s.Config.Error != nil {
		fmt.Fprintf(&b, "\nThe config file has a fault, so the older config is still in force: %s\n", oneLine(*s.Config.Error))
	}
	for _, link := range s.Chain {
		b.WriteByte('\n')
		writeLink(&b, s, link, o)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteHeadline writes the line that WriteText begins with: the whole chain's
// verdict.
func WriteHeadline(w io.Writer, s *Snapshot) error {
	_, err := io.WriteString(w, headline(s))
	return err
}

func headline(s *Snapshot) string {
	return fmt.Sprintf("edgeguard %s: %s, as of %s\n", oneLine(s.Version), s.Status, readable(s.GeneratedAt))
}

// WriteLink writes the block of one link as WriteText does; nothing where s does
// not have it.
func WriteLink(w io.Writer, s *Snapshot, id string, o TextOptions) error {
	var b strings.Builder
	for _, link := range s.Chain {
		if link.ID == id {
			writeLink(&b, s, link, o)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Progress is the line that stands in the place of a link's block, without its
// end, while the link is looked at.
func Progress(id, doing string) string {
	return fmt.Sprintf("....  %-*s  %s", idWidth(), id, doing)
}

// idWidth is the width of the longest of LinkIDs.
func idWidth() (width int) {
	for _, id := range LinkIDs() {
		width = max(width, len(id))
	}
	return width
}

func writeLink(b *strings.Builder, s *Snapshot, link Link, o TextOptions) {
	width := idWidth()
	line := func(label, text string) {
		fmt.Fprintf(b, "%*s%-6s  %s\n", len(mark(0))+2+width+2, "", label, oneLine(text))
	}
	verdict := mark(link.Status)
	if o.Color {
		verdict = "\x1b[" + colors[link.Status] + "m" + verdict + "\x1b[0m"
	}
	fmt.Fprintf(b, "%s  %-*s  %s\n", verdict, width, cut(oneLine(link.ID), maxText), oneLine(link.Summary))
	if !o.Fresh {
		line("since", readable(link.Since))
	}
	if link.Action != nil {
		line("action", *link.Action)
	}
	for _, d := range detailsOf(s) {
		if d.link == link.ID {
			line(d.label, d.text)
		}
	}
	if o.Evidence {
		for _, text := range link.Evidence {
			line("seen", text)
		}
	}
}

// colors are those of the verdicts (ECMA-48, section 8.3.117): bold green,
// yellow, red and cyan.
var colors = map[fact.Verdict]string{
	fact.VerdictPass: "1;32", fact.VerdictWarn: "1;33", fact.VerdictFail: "1;31", fact.VerdictUnknown: "1;36",
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
