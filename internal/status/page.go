package status

// The page. It is written by hand, and not by html/template: that package calls
// methods by names it learns while it runs, so the linker has to keep every
// exported method of everything in the program, a fifth of its size, and all of
// it becomes resident.

import (
	"bytes"
	_ "embed"
	"html"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

//go:embed style.css
var pageStyle []byte

// markup is HTML that stands in this file. Text from elsewhere is a string, and
// does not become markup by itself.
type markup string

// pageWriter writes HTML. The zero value is ready.
type pageWriter struct{ b bytes.Buffer }

// raw writes markup as it is.
func (w *pageWriter) raw(m markup) { w.b.WriteString(string(m)) }

// text writes foreign text between two pieces of markup. Text is inert within
// an element, and within an attribute in double quotes that is no address.
func (w *pageWriter) text(before markup, text string, after markup) {
	w.raw(before)
	w.b.WriteString(html.EscapeString(strings.ReplaceAll(text, "\x00", "\ufffd")))
	w.raw(after)
}

// time writes a time for people and programs.
func (w *pageWriter) time(before markup, t time.Time, after markup) {
	w.raw(before)
	w.text(`<time datetime="`, t.UTC().Format(time.RFC3339), `">`)
	w.text("", readable(t), "</time>")
	w.raw(after)
}

// verdict writes a verdict, which the style colours by its class.
func (w *pageWriter) verdict(before markup, v fact.Verdict, after markup) {
	w.raw(before)
	w.text(`<span class="`, v.String(), `">`)
	w.text("", mark(v), "</span>")
	w.raw(after)
}

// HTML renders s as the page: the chain in a table, readable without style,
// script, or sight of colours.
func HTML(s *Snapshot) ([]byte, error) {
	var w pageWriter
	w.text(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>`, mark(s.Status), `: edgeguard</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<main>
`)
	w.verdict("<h1>edgeguard: ", s.Status, "</h1>\n")
	w.time("<p>As of ", s.GeneratedAt, ".</p>\n")
	if s.Config.Error != nil {
		w.text("<p><strong>The config file has a fault, so the older config is still in force:</strong> ", *s.Config.Error, "</p>\n")
	}
	w.chain(s.Chain)
	w.details(detailsOf(s))
	w.text(`<p>Programs read <a href="/api/v1/status">the same as JSON</a>. Version `, s.Version, "")
	if s.StartedAt != nil {
		w.time(", running since ", *s.StartedAt, "")
	}
	w.raw(".</p>\n</main>\n</body>\n</html>\n")
	return w.b.Bytes(), nil
}

// details writes what is known beside the chain, if anything.
func (w *pageWriter) details(list []detail) {
	if len(list) == 0 {
		return
	}
	w.raw("<ul>\n")
	for _, d := range list {
		w.text("<li>", d.link+" "+d.label+": ", "")
		w.text("", d.text, "</li>\n")
	}
	w.raw("</ul>\n")
}

// chain writes the table.
func (w *pageWriter) chain(links []Link) {
	w.raw(`<table>
<caption>The chain from the street to the sofa, link by link</caption>
<thead>
<tr><th scope="col">Link</th><th scope="col">Verdict</th><th scope="col">What is so</th><th scope="col">Since</th><th scope="col">What to do</th></tr>
</thead>
<tbody>
`)
	for _, link := range links {
		w.text(`<tr><th scope="row">`, link.ID, "</th>")
		w.verdict("<td>", link.Status, "</td>")
		w.text("<td>", link.Summary, "</td>")
		w.time("<td>", link.Since, "</td>")
		action := "Nothing"
		if link.Action != nil {
			action = *link.Action
		}
		w.text("<td>", action, "</td></tr>\n")
	}
	w.raw("</tbody>\n</table>\n")
}
