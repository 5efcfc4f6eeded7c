package status

// The page for phones. Who asks by plain HTTP cannot know that a certificate came
// unchanged, so each is shown with its fingerprint.

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/status/phones"
	"github.com/edgeguard/edgeguard/internal/status/texts"
)

// AuthoritiesPage is what that page shows.
type AuthoritiesPage struct {
	List []Authority
	// Link is the page's own address as other devices of the home reach it; empty
	// where that is not known.
	Link string
	// Revoked is whether there is a list of revoked certificates.
	Revoked bool
	// Scrub takes out what must not be shown; never nil.
	Scrub func(string) string
	// Now is the time by which certificates have expired.
	Now time.Time
}

// Authorities renders that page, which needs no script.
func Authorities(p AuthoritiesPage) []byte {
	w := pageWriter{t: texts.English()}
	t := &w.t.Authorities
	w.head(t.Title)
	w.say("<p>", t.Intro, "</p>\n")
	if len(p.List) == 0 {
		w.say("<p>", t.None, "</p>\n")
	} else {
		w.scan(p.Scrub(p.Link))
	}
	for i, a := range p.List {
		w.authority(p, i, a)
	}
	if len(p.List) > 0 {
		w.say("<p>", t.Compare, "</p>\n")
		w.say("<h2>", t.How, "</h2>\n")
		for _, s := range t.Systems {
			w.fold(s.ID, s.Name)
			w.raw("<ol>\n")
			for _, step := range s.Steps {
				w.say("<li>", step, "</li>\n")
			}
			w.raw("</ol>\n</details>\n")
		}
	}
	if p.Revoked {
		w.say("<p>", t.Revoked, ` <a href="`+authoritiesPath+`crl.pem">crl.pem</a>, <a href="`+authoritiesPath+"crl.der\">crl.der</a></p>\n")
	}
	w.raw("</section>\n</main>\n</body>\n</html>\n")
	return w.b.Bytes()
}

// scan writes the picture that leads a phone to link, or how to get it.
func (w *pageWriter) scan(link string) {
	t := &w.t.Authorities
	drawn, err := phones.QR(link, texts.Fill(t.Picture, "link", link))
	if err != nil {
		w.say("<p>", t.NoPicture, "</p>\n")
		return
	}
	w.raw("<figure>\n")
	w.b.WriteString(drawn)
	w.say("\n<figcaption>", t.Scan, "</figcaption>\n</figure>\n", "link", link)
}

// authority writes one of them, the place of which is i.
func (w *pageWriter) authority(p AuthoritiesPage, i int, a Authority) {
	t := &w.t.Authorities
	c := a.Certificate
	w.say("<h2>", t.Install, "</h2>\n<ul>\n", "name", p.Scrub(nameOfAuthority(c)))
	for _, form := range []struct {
		ending markup
		text   string
	}{{"mobileconfig", t.Profile}, {"crt", t.Certificate}, {"pem", t.PEM}} {
		w.raw(`<li><a href="` + authoritiesPath + markup(strconv.Itoa(i+1)) + "." + form.ending + `">`)
		w.say("", form.text, "</a></li>\n")
	}
	w.raw("</ul>\n" + `<dl class="facts">` + "\n")
	from := t.FromConfig
	if a.Own {
		from = t.FromOwn
	}
	w.item(t.From, func() { w.say("", from, "") })
	w.item(t.Service, func() { w.text("", p.Scrub(a.Service), "") })
	w.item(t.Until, func() { w.text("", c.NotAfter.UTC().Format(time.DateOnly), "") })
	sum := sha256.Sum256(c.Raw)
	w.item(t.Fingerprint, func() { w.text("<code>", spaced(hex.EncodeToString(sum[:])), "</code>") })
	w.raw("</dl>\n")
	if p.Now.After(c.NotAfter) {
		expired := t.Expired
		if a.Own {
			expired = t.ExpiredOwn
		}
		w.say(`<p class="action">`, expired, "</p>\n")
	}
}

// spaced is hex in pairs, as phones show it.
func spaced(digits string) string {
	var b strings.Builder
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strings.ToUpper(digits[i : i+2]))
	}
	return b.String()
}
