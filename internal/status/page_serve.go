package status

// How the page is served: whole, and the part of it that changes to whoever has
// it already.

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
)

// mainPath is where the page's script asks for the part that changes.
const mainPath = "/page/main"

// servePart answers with the part of the page that changes, or with nothing
// where the asker has it already (RFC 9110, section 13.1.2).
func (s *Server) servePart(w http.ResponseWriter, r *http.Request) {
	body, ok := s.rendered(w, Main)
	if !ok {
		return
	}
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", tag)
	// The script gives one tag back as it came; what others send that is not
	// that is answered in full, which is always right.
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	reply(w, http.StatusOK, htmlType, body)
}

const (
	htmlType = "text/html; charset=utf-8"
	textType = "text/plain; charset=utf-8"
)

// assets are what the page is made of beside itself.
func asset(path string) (contentType string, body []byte, ok bool) {
	switch path {
	case "/style.css":
		return "text/css; charset=utf-8", pageStyle, true
	case "/page.js":
		return "text/javascript; charset=utf-8", pageScript, true
	case "/icon.svg":
		return "image/svg+xml", pageIcon, true
	}
	return "", nil, false
}

// setHeaders forbids what the page does not need: it is one document with one
// style, one script and one image, all of this server, and nobody else's business.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
}
