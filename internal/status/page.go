package status

// The page: its frame, and what stands first. The other files page_*.go write
// the rest of it, each from the snapshot alone.

import (
	_ "embed"
	"strconv"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status/texts"
)

// What the page is made of beside itself.
var (
	//go:embed style.css
	pageStyle []byte
	//go:embed page.js
	pageScript []byte
	//go:embed icon.svg
	pageIcon []byte
)

// HTML renders s as the page, which is whole without style, script, or sight of
// colours.
func HTML(s *Snapshot) ([]byte, error) {
	w := pageWriter{t: texts.English(), now: s.GeneratedAt, ago: true}
	w.say(`<!DOCTYPE html>
<html lang="`, w.t.Lang, `">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>`)
	w.title(s)
	w.raw(`</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
<script src="/page.js" defer></script>
</head>
<body`)
	p := &w.t.Page
	for _, text := range []struct {
		name markup
		text string
	}{{"changed", p.Changed}, {"gone", p.Gone}, {"not-ready", p.NotReady}, {"back", p.Back}, {"last-answer", p.LastAnswer}} {
		w.text(" data-"+text.name+`="`, text.text, `"`)
	}
	w.say(">\n<a class=\"skip\" href=\"#main\">", p.Skip, "</a>\n")
	w.say("<header>\n<p class=\"brand\">", p.Brand, "</p>\n")
	w.say(`<p id="as-of">`, p.AsOf, "</p>\n", "time", func() { w.time(s.GeneratedAt) })
	w.say("<noscript><p>", p.NoScript, "</p></noscript>\n")
	w.raw(`<p id="gone" role="alert"></p>
<p id="news" role="status"></p>
</header>
`)
	w.main(s)
	w.raw("</body>\n</html>\n")
	return w.b.Bytes(), nil
}

// Main renders the part of the page that changes. It holds nothing that changes
// by itself, as the time of day does, so that an unchanged state gives unchanged
// bytes: the script asks for it every few seconds.
func Main(s *Snapshot) ([]byte, error) {
	w := pageWriter{t: texts.English(), now: s.GeneratedAt}
	w.main(s)
	return w.b.Bytes(), nil
}

// main writes the part of the page that changes.
func (w *pageWriter) main(s *Snapshot) {
	w.text(`<main id="main" tabindex="-1" data-version="`, s.Version, `" data-title="`)
	w.title(s)
	w.raw("\">\n")
	w.top(s)
	w.picture(s.Chain)
	w.cards(s)
	w.setups(s)
	w.address(s)
	w.forwards(s.Forwards)
	w.services(s)
	w.kept(s.Certificate)
	w.dns(s)
	w.lan(s.LAN)
	w.history(s)
	w.say("<footer>\n<p>", w.t.Page.Footer, "", "version", s.Version)
	if s.StartedAt != nil {
		w.say(", ", w.t.Page.Running, "", "time", func() { w.time(*s.StartedAt) })
	}
	w.say(`. <a href="/api/v1/status">`, w.t.Page.JSON, "</a></p>\n</footer>\n</main>\n")
}

// title writes what stands in the browser's tab.
func (w *pageWriter) title(s *Snapshot) {
	w.text("", w.word(s.Status), "")
	w.text(": ", w.t.Page.Brand, "")
}

// top writes how it is in one sentence, and what is to be done first.
func (w *pageWriter) top(s *Snapshot) {
	worst, count := worstOf(s)
	one, many := w.t.Page.Unknown, w.t.Page.Unknown
	switch s.Status {
	case fact.VerdictPass:
		one, many = w.t.Page.Pass, w.t.Page.Pass
	case fact.VerdictWarn:
		one, many = w.t.Page.Warn, w.t.Page.WarnMany
	case fact.VerdictFail:
		one, many = w.t.Page.Fail, w.t.Page.FailMany
	}
	text, n := one, count
	if count > 1 {
		text = many
	}
	if s.Status == fact.VerdictFail {
		n-- // the first is named
	}
	w.text(`<section id="top" class="top `, s.Status.String(), `">`+"\n")
	w.shape(s.Status, "")
	name := ""
	if worst != nil {
		name = w.t.Link(worst.ID).Name
	}
	w.say("<div>\n<h1>", text, "</h1>\n", "name", name, "n", strconv.Itoa(n))
	w.toDo(s, worst)
	if s.Config.Error != nil {
		w.say(`<p class="fault"><strong>`, w.t.Page.Fault, "</strong> ")
		w.text("", *s.Config.Error, "</p>\n")
	}
	w.raw("</div>\n</section>\n")
}

// toDo writes what is to be done first: what the worst link says.
func (w *pageWriter) toDo(s *Snapshot, worst *Link) {
	if s.Status == fact.VerdictPass {
		w.say("<p>", w.t.Page.NothingToDo, "</p>\n")
		return
	}
	if worst == nil {
		return
	}
	w.text("<p>", worst.Summary, "</p>\n")
	if worst.Action != nil {
		w.say(`<p class="action">`, w.t.Page.First, "</p>\n", "action", *worst.Action)
	}
}

// worstOf is the first link of those with the worst verdict, and how many have it; nil
// where the chain is empty.
func worstOf(s *Snapshot) (worst *Link, count int) {
	for i := range s.Chain {
		if s.Chain[i].Status == s.Status {
			if worst == nil {
				worst = &s.Chain[i]
			}
			count++
		}
	}
	return worst, count
}
