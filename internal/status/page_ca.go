package status

// The page for phones: the certificates of the authorities that devices have to
// know before they trust a service. Who asks by plain HTTP cannot know that they
// came unchanged, so each is shown with its fingerprint.

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/status/texts"
)

// authoritiesPath is where the page is; below it are the certificates, as 1.crt
// and so on.
const authoritiesPath = "/ca/"

// maxAuthorities bounds how many are offered.
const maxAuthorities = 16

// certificateType makes phones offer to install what comes.
const certificateType = "application/x-x509-ca-cert"

// Authority is one that devices have to be told of, as its certificate is in no
// device by itself.
type Authority struct {
	// Service is the service that is verified against it, or several of them.
	Service string
	// Certificate is its certificate; never nil. A key has no place here.
	Certificate *x509.Certificate
}

// authorities lists what is offered.
func (s *Server) authorities() []Authority {
	if s.cfg.Authorities == nil {
		return nil
	}
	return first(s.cfg.Authorities(), maxAuthorities)
}

// serveAuthorities answers what is asked below authoritiesPath.
func (s *Server) serveAuthorities(w http.ResponseWriter, path string) {
	list := s.authorities()
	name := strings.TrimPrefix(path, authoritiesPath)
	if name == "" {
		reply(w, http.StatusOK, htmlType, Authorities(list, newScrubber(s.cfg.Secrets()).all, time.Now()))
		return
	}
	place, suffixed := strings.CutSuffix(name, ".crt")
	i, err := strconv.Atoi(place)
	if err != nil || !suffixed || i < 1 || i > len(list) || strconv.Itoa(i) != place {
		reply(w, http.StatusNotFound, textType, []byte("There is no such certificate here. "+authoritiesPath+" lists those that there are.\n"))
		return
	}
	w.Header().Set("Content-Disposition", `attachment; filename="ca`+place+`.crt"`)
	reply(w, http.StatusOK, certificateType, list[i-1].Certificate.Raw)
}

// Authorities renders the page of list at a time; scrub takes out what must not
// be shown.
func Authorities(list []Authority, scrub func(string) string, now time.Time) []byte {
	w := pageWriter{t: texts.English()}
	t := &w.t.Authorities
	w.head(t.Title)
	w.say("<p>", t.Intro, "</p>\n")
	if len(list) == 0 {
		w.say("<p>", t.None, "</p>\n")
	}
	for i, a := range list {
		c := a.Certificate
		w.say(`<h2><a href="`, authoritiesPath+strconv.Itoa(i+1)+".crt", `">`)
		w.say("", t.Install, "</a></h2>\n", "name", scrub(nameOfAuthority(c)))
		w.raw(`<dl class="facts">` + "\n")
		w.item(t.Service, func() { w.text("", scrub(a.Service), "") })
		w.item(t.Until, func() { w.text("", c.NotAfter.UTC().Format(time.DateOnly), "") })
		key := sha256.Sum256(c.Raw)
		w.item(t.Fingerprint, func() { w.text("<code>", spaced(hex.EncodeToString(key[:])), "</code>") })
		w.raw("</dl>\n")
		if now.After(c.NotAfter) {
			w.say(`<p class="action">`, t.Expired, "</p>\n")
		}
	}
	if len(list) > 0 {
		w.say("<ul>\n<li>", t.IPhone, "</li>\n")
		w.say("<li>", t.Android, "</li>\n")
		w.say("<li>", t.Compare, "</li>\n</ul>\n")
	}
	w.raw("</section>\n</main>\n</body>\n</html>\n")
	return w.b.Bytes()
}

// nameOfAuthority is what people know it by.
func nameOfAuthority(c *x509.Certificate) string {
	for _, name := range slices.Concat([]string{c.Subject.CommonName}, c.Subject.Organization) {
		if name = oneLine(name); name != "" {
			return name
		}
	}
	return c.SerialNumber.String()
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
