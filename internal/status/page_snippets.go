package status

// A page of its own: the same answers for the DNS server, router or device that
// a home has. It is asked for rarely, so it is no part of the page that is
// looked at all day.

import (
	"html"
	"net/http"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/snippet"
	"github.com/edgeguard/edgeguard/internal/status/texts"
)

// snippetsPath is where it is.
const snippetsPath = "/snippets"

// Snippets renders the page of list, without any of secrets.
func Snippets(list []snippet.Snippet, secrets []secret.Value) []byte {
	w, scrub := pageWriter{t: texts.English()}, newScrubber(secrets)
	t := &w.t.Snippets
	w.head(t.Title)
	w.say("<p>", t.Intro, "</p>\n")
	if len(list) == 0 {
		w.say("<p>", t.None, "</p>\n")
	}
	w.rows(len(list), "<p>", "</p>\n", func(i int) { w.snippet(list[i], scrub) })
	w.raw("</section>\n</main>\n</body>\n</html>\n")
	return w.b.Bytes()
}

func (w *pageWriter) snippet(s snippet.Snippet, scrub scrubber) {
	w.fold("snippet-"+s.ID, "{title}", "title", scrub.all(s.Title))
	w.say("<p>", w.t.Snippets.Paste, "</p>\n", "where", scrub.all(s.Where))
	if text := html.EscapeString(scrub.all(s.Text)); w.b.Len()+len(text) < maxPage {
		// Whole or not at all, with its lines as they are: it is to be pasted.
		w.raw("<pre><code>")
		w.b.WriteString(text)
		w.raw("</code></pre>\n")
	} else {
		w.say("<p>", w.t.Snippets.TooLong, "</p>\n", "kind", s.ID)
	}
	if len(s.Notes) > 0 {
		w.raw("<ul>\n")
		for _, note := range s.Notes {
			w.text("<li>", scrub.all(note), "</li>\n")
		}
		w.raw("</ul>\n")
	}
	w.raw("</details>\n")
}

// head begins a page of its own, up to its title, and leaves its section open.
func (w *pageWriter) head(title string) {
	w.say(`<!DOCTYPE html>
<html lang="`, w.t.Lang, `">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>`)
	w.say("", w.t.Page.Brand+": "+title, "</title>\n")
	w.raw(`<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
</head>
<body>
`)
	w.say("<header>\n<p class=\"brand\">", w.t.Page.Brand, "</p>\n")
	w.say(`<p><a href="/">`, w.t.Snippets.Back, "</a></p>\n</header>\n<main id=\"main\">\n")
	w.say(`<section aria-labelledby="title">`+"\n"+`<h1 id="title">`, title, "</h1>\n")
}

// serveSnippets answers with the page.
func (s *Server) serveSnippets(w http.ResponseWriter) {
	var list []snippet.Snippet
	if s.cfg.Snippets != nil {
		list = s.cfg.Snippets()
	}
	reply(w, http.StatusOK, htmlType, Snippets(list, s.cfg.Secrets()))
}
