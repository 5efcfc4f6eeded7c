package status

// The chain as a picture, and a card for each of its links.

import (
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// picture draws the chain from the street to the sofa. It is a list, so that
// each link of it can be reached, named and followed: an image would be one
// thing, with nothing in it.
func (w *pageWriter) picture(chain []Link) {
	w.raw(`<nav id="chain" aria-labelledby="chain-title">` + "\n")
	w.say(`<h2 id="chain-title">`, w.t.Page.Picture, "</h2>\n")
	w.say(`<ol class="chain">`+"\n"+`<li class="end">`+street, w.t.Page.Street, "</li>\n")
	for _, link := range chain {
		name := w.t.Link(link.ID).Name
		w.text(`<li class="`, link.Status.String(), `">`)
		w.text(`<a href="#link-`, link.ID, `">`)
		w.shape(link.Status, w.word(link.Status))
		w.text(`<span class="name">`, name, "</span> ")
		w.text(`<span class="verdict">`, w.word(link.Status), "</span></a></li>\n")
	}
	w.say(`<li class="end">`+sofa, w.t.Page.Sofa, "</li>\n</ol>\n</nav>\n")
}

// The ends of the chain.
const (
	street markup = `<svg class="shape" viewBox="0 0 48 48" aria-hidden="true"><path d="M17 44 22 6M31 44 26 6M24 10v6M24 21v7M24 33v8" /></svg>`
	sofa   markup = `<svg class="shape" viewBox="0 0 48 48" aria-hidden="true"><path d="M10 24v-9q0-4 4-4h20q4 0 4 4v9M6 25q0-4 4-4t4 4v6h20v-6q0-4 4-4t4 4v9q0 3-3 3H9q-3 0-3-3zM11 37v4M37 37v4" /></svg>`
)

// shapes are the drawings of the verdicts: they differ in their outline and in
// what is in it, and not in their colour alone.
var shapes = map[fact.Verdict]markup{
	fact.VerdictPass:    `<circle cx="24" cy="24" r="20" /><path d="m14 25 7 7 13-15" />`,
	fact.VerdictWarn:    `<path d="M24 5 45 42H3z" /><path d="M24 18v12M24 35v2" />`,
	fact.VerdictFail:    `<path d="M16 4h16l12 12v16L32 44H16L4 32V16z" /><path d="m16 16 16 16m0-16L16 32" />`,
	fact.VerdictUnknown: `<circle cx="24" cy="24" r="20" stroke-dasharray="5 4" /><path d="M18 19q0-6 6-6t6 6q0 4-6 7v3M24 34v2" />`,
}

// shape draws a verdict. A title makes it an image of its own; without one it is
// an ornament of words that say the same.
func (w *pageWriter) shape(v fact.Verdict, title string) {
	w.text(`<svg class="shape `, v.String(), `" viewBox="0 0 48 48"`)
	drawing, ok := shapes[v]
	if !ok {
		drawing = shapes[fact.VerdictUnknown]
	}
	if title == "" {
		w.raw(` aria-hidden="true">` + drawing + "</svg>\n")
		return
	}
	w.text(` role="img" aria-label="`, title, `">`)
	w.text("<title>", title, "</title>")
	w.raw(drawing + "</svg>\n")
}

// cards writes a card for each link.
func (w *pageWriter) cards(s *Snapshot) {
	details := first(slices.DeleteFunc(detailsOf(s), func(d detail) bool {
		return d.label == "port" || d.label == "relay" || d.label == "record" || d.link == linkCertificate
	}), maxRows)
	w.section("cards", w.t.Page.Cards)
	for _, link := range s.Chain {
		w.card(link, details)
	}
	w.raw("</section>\n")
}

// card writes what is known of one link.
func (w *pageWriter) card(link Link, details []detail) {
	about := w.t.Link(link.ID)
	w.text(`<article id="link-`, link.ID, `" tabindex="-1" class="card `)
	w.text("", link.Status.String(), `" data-verdict="`)
	w.text("", link.Status.String(), `">`+"\n<h3>")
	w.shape(link.Status, "")
	w.text(`<span class="name">`, about.Name, "</span> ")
	w.text(`<span class="verdict">`, w.word(link.Status), "</span></h3>\n")
	if about.Question != "" {
		w.say(`<p class="question">`, about.Question, "</p>\n")
	}
	w.text(`<p class="summary">`, link.Summary, "</p>\n")
	w.say(`<p class="since">`, w.t.Page.Since, "</p>\n", "time", func() { w.time(link.Since) })
	if link.Action != nil {
		w.say(`<p class="action"><strong>`, w.t.Page.Action, "</strong> ")
		w.text("", *link.Action, "</p>\n")
	} else {
		w.say(`<p class="quiet">`, w.t.Page.NoAction, "</p>\n")
	}
	w.evidence(link, details)
	w.raw("</article>\n")
}

// evidence writes what a link's verdict rests on, and what is known beside it
// that has no section of its own.
func (w *pageWriter) evidence(link Link, details []detail) {
	lines := slices.Clone(link.Evidence)
	seen := first(link.Evidence, maxRows)
	for _, d := range details {
		said := func(line string) bool { return strings.Contains(line, d.text) }
		if d.link == link.ID && !slices.ContainsFunc(seen, said) {
			lines = append(lines, d.label+": "+d.text)
		}
	}
	if len(lines) == 0 {
		return
	}
	w.fold("more-"+link.ID, w.t.Page.Evidence)
	w.raw("<ul>\n")
	w.rows(len(lines), "<li>", "</li>\n", func(i int) { w.text("<li>", lines[i], "</li>\n") })
	w.raw("</ul>\n</details>\n")
}
