package status

// How the page is written: by hand, and not by html/template. That package calls
// methods by names it learns while it runs, so the linker has to keep every
// exported method of everything in the program, a fifth of its size, and all of
// it becomes resident.

import (
	"bytes"
	"html"
	"strconv"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status/texts"
)

const (
	// maxPage is where the page stops taking further rows, in bytes: whoever
	// fills a list can make neither the page nor the memory for it long.
	maxPage = 384 << 10
	// maxRows bounds the rows of one list.
	maxRows = 64
)

// markup is HTML that stands in this package. Text from elsewhere is a string,
// and does not become markup by itself.
type markup string

// pageWriter writes HTML in one language.
type pageWriter struct {
	b bytes.Buffer
	t *texts.Texts
	// now is the snapshot's own time; ago is whether times are told relative to
	// it, too, which a script does where it runs.
	now time.Time
	ago bool
}

// raw writes markup as it is.
func (w *pageWriter) raw(m markup) { w.b.WriteString(string(m)) }

// text writes foreign text between two pieces of markup, cleaned and cut. It is
// inert within an element, and within an attribute in double quotes that is no
// address.
func (w *pageWriter) text(before markup, text string, after markup) {
	w.raw(before)
	w.b.WriteString(html.EscapeString(cut(oneLine(text), maxText)))
	w.raw(after)
}

// say writes one of the page's own texts; pairs are a word in braces and what
// stands for it, foreign text or a func() that writes, in turn.
func (w *pageWriter) say(before markup, text string, after markup, pairs ...any) {
	w.raw(before)
	texts.Split(text, func(plain string) { w.b.WriteString(html.EscapeString(plain)) }, func(word string) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] != word {
				continue
			}
			switch value := pairs[i+1].(type) {
			case string:
				w.text("", value, "")
			case func():
				value()
			}
			return
		}
	})
	w.raw(after)
}

// time writes a time for people and programs, and how far away it is.
func (w *pageWriter) time(t time.Time) {
	w.text(`<time datetime="`, t.UTC().Format(time.RFC3339), `">`)
	w.text("", readable(t), "</time>")
	w.raw(`<span class="ago">`)
	if w.ago {
		w.text(" (", w.away(t), ")")
	}
	w.raw("</span>")
}

// timeOr writes a time, or that it is not known.
func (w *pageWriter) timeOr(t *time.Time, otherwise string) {
	if t == nil {
		w.text("", otherwise, "")
		return
	}
	w.time(*t)
}

// away is how far t is from the snapshot's time, in words.
func (w *pageWriter) away(t time.Time) string {
	d, words := t.Sub(w.now), w.t.Time.Future
	if d < 0 {
		d, words = -d, w.t.Time.Past
	}
	count := func(n int, one, many string) string {
		if n == 1 {
			return texts.Fill(words, "span", one)
		}
		return texts.Fill(words, "span", texts.Fill(many, "n", strconv.Itoa(n)))
	}
	switch minutes := int(d / time.Minute); {
	case minutes < 1:
		return w.t.Time.Now
	case minutes < 60:
		return count(minutes, w.t.Time.Minute, w.t.Time.Minutes)
	case minutes < 48*60:
		return count(minutes/60, w.t.Time.Hour, w.t.Time.Hours)
	default:
		return count(minutes/(24*60), w.t.Time.Day, w.t.Time.Days)
	}
}

// word is a verdict in the page's language.
func (w *pageWriter) word(v fact.Verdict) string {
	switch v {
	case fact.VerdictPass:
		return w.t.Verdicts.Pass
	case fact.VerdictWarn:
		return w.t.Verdicts.Warn
	case fact.VerdictFail:
		return w.t.Verdicts.Fail
	}
	return w.t.Verdicts.Unknown
}

// rows calls row for each of n rows, but for those that are too many, and says
// how many those are, between two pieces of markup.
func (w *pageWriter) rows(n int, before, after markup, row func(i int)) {
	for i := range n {
		if i == maxRows || w.b.Len() > maxPage {
			w.say(before, w.t.Page.More, after, "n", strconv.Itoa(n-i))
			return
		}
		row(i)
	}
}

// section opens a section with its heading; the caller closes it.
func (w *pageWriter) section(id markup, title string) {
	w.raw(`<section id="` + id + `" aria-labelledby="` + id + `-title">` + "\n")
	w.say(`<h2 id="`+id+`-title">`, title, "</h2>\n")
}

// fold opens a part that is shown when it is asked for; the caller closes it
// with </details>. The id is the part's own, so that it stays open.
func (w *pageWriter) fold(id, title string, pairs ...any) {
	w.text(`<details id="`, id, `">`)
	w.say("<summary>", title, "</summary>\n", pairs...)
}

// item writes a label and its value into a list that <dl> has opened.
func (w *pageWriter) item(label string, value func(), pairs ...any) {
	w.say("<dt>", label, "</dt><dd>", pairs...)
	value()
	w.raw("</dd>\n")
}

// words writes a label and foreign text, unless the text is nil.
func (w *pageWriter) words(label string, text *string) {
	if text != nil {
		w.item(label, func() { w.text("", *text, "") })
	}
}

// moment writes a label and a time, unless the time is nil.
func (w *pageWriter) moment(label string, t *time.Time) {
	if t != nil {
		w.item(label, func() { w.time(*t) })
	}
}

// yes writes a label and yes, no, or that it is not known; and why, unless that
// is nil.
func (w *pageWriter) yes(label string, is *bool, why *string) {
	w.item(label, func() {
		if why != nil {
			defer w.text(": ", *why, "")
		}
		switch {
		case is == nil:
			w.say("", w.t.Page.NotKnown, "")
		case *is:
			w.say("", w.t.Page.Yes, "")
		default:
			w.say("", w.t.Page.No, "")
		}
	})
}
