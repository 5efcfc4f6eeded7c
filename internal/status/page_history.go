package status

// The page's section of the links' past: a strip for each link, and what changed.

import (
	"slices"
	"strconv"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status/texts"
)

const (
	// stripSpan is how far back a strip goes, stripStep how often its end moves:
	// rarely, so that the page stays the same while nothing happens.
	stripSpan = 7 * 24 * time.Hour
	stripStep = 10 * time.Minute
	// stripWidth is a strip's width in its own units, each the span's part.
	stripWidth = int(stripSpan / stripStep)
	// maxBars bounds the bars of one strip.
	maxBars = 200
)

func (w *pageWriter) history(s *Snapshot) {
	if s.History == nil {
		return
	}
	t := &w.t.History
	w.section("history", t.Title)
	if len(s.History.Links) == 0 {
		w.say("<p>", t.Empty, "</p>\n</section>\n")
		return
	}
	w.say("<p>", t.Text, "</p>\n")
	for _, link := range s.Chain {
		w.strip(link, s.History.Links)
	}
	w.fold("changes", t.Changes)
	w.raw("<ul>\n")
	w.rows(len(s.History.Links), "<li>", "</li>\n", func(i int) {
		c := s.History.Links[i]
		w.raw("<li>")
		w.time(c.At)
		w.text(" <strong>", w.t.Link(c.ID).Name, "</strong>: ")
		w.text("", w.word(c.Status), ". ")
		w.text("", c.Summary, "</li>\n")
	})
	w.raw("</ul>\n</details>\n</section>\n")
}

// bar is a stretch of a strip.
type bar struct {
	from, to int
	verdict  fact.Verdict
}

// barHeights are how tall a verdict's bar is: never the colour alone.
var barHeights = map[fact.Verdict]int{fact.VerdictPass: 4, fact.VerdictUnknown: 8, fact.VerdictWarn: 12, fact.VerdictFail: 20}

// strip draws how one link was.
func (w *pageWriter) strip(link Link, changes []LinkChange) {
	bars, count := barsOf(link, changes, w.now)
	name := w.t.Link(link.ID).Name
	all := texts.Fill(w.t.History.Strip, "name", name, "changes", strconv.Itoa(count), "verdict", w.word(link.Status))
	w.text(`<figure class="strip"><figcaption>`, name, "</figcaption>\n")
	w.text(`<svg viewBox="0 0 `+markup(strconv.Itoa(stripWidth))+` 20" preserveAspectRatio="none" role="img" aria-label="`, all, `">`)
	w.text("<title>", all, "</title>")
	for _, b := range bars {
		height := barHeights[b.verdict]
		w.text(`<rect class="`, b.verdict.String(), `"`)
		for _, side := range []struct {
			name  markup
			value int
		}{{"x", b.from}, {"y", 20 - height}, {"width", b.to - b.from}, {"height", height}} {
			w.raw(" " + side.name + `="` + markup(strconv.Itoa(side.value)) + `"`)
		}
		w.raw(" />")
	}
	w.raw("</svg></figure>\n")
}

// barsOf are the stretches of one link, the oldest first, and how often it
// changed in the span. Changes are the latest first. What came before the
// oldest that is remembered is not drawn; a stretch that is too short to be
// seen is drawn all the same.
func barsOf(link Link, changes []LinkChange, now time.Time) (bars []bar, count int) {
	end := now.Truncate(stripStep).Add(stripStep)
	start := end.Add(-stripSpan)
	place := func(t time.Time) int { return int(min(max(t.Sub(start), 0), stripSpan) / stripStep) }
	to := stripWidth
	add := func(v fact.Verdict, at time.Time) bool {
		if from := min(place(at), to-1); from >= 0 && to > 0 {
			bars = append(bars, bar{from, to, v})
			to = from
		}
		return at.After(start) && len(bars) < maxBars
	}
	on := add(link.Status, link.Since)
	if link.Since.After(start) {
		count++
	}
	for _, c := range changes {
		if !on {
			break
		}
		if c.ID != link.ID || !c.At.Before(link.Since) {
			continue
		}
		on = add(c.Status, c.At)
		if c.At.After(start) {
			count++
		}
	}
	slices.Reverse(bars)
	return bars, count
}
