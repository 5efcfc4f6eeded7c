package igdtest

// Answers over HTTP that no router should give, in a router's place.

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Endless answers without an end.
func Endless(w http.ResponseWriter, req *http.Request) {
	block := []byte("<root>" + strings.Repeat("<!-- more -->", 1000))
	for req.Context().Err() == nil {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// Slow answers the beginning and never the rest.
func Slow(w http.ResponseWriter, req *http.Request) {
	_, _ = w.Write([]byte("<root>"))
	_ = http.NewResponseController(w).Flush()
	<-req.Context().Done()
}

// Deep answers with XML nested ten thousand deep.
func Deep(w http.ResponseWriter, _ *http.Request) {
	const depth = 10_000
	_, _ = w.Write([]byte("<root>" + strings.Repeat("<a>", depth) + strings.Repeat("</a>", depth) + "</root>"))
}

// Gzipped answers in gzip, asked or not.
func Gzipped(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = z.Write([]byte("<root><device/></root>"))
	_ = z.Close()
}

// RedirectTo answers with a redirect.
func RedirectTo(url string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Location", url)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

// Always makes a Behaviour.Control of a handler, for the given actions or, when
// there are none, for all.
func Always(h http.HandlerFunc, actions ...string) func(http.ResponseWriter, *http.Request, string) bool {
	return func(w http.ResponseWriter, req *http.Request, action string) bool {
		if len(actions) > 0 && !slices.Contains(actions, action) {
			return false
		}
		h(w, req)
		return true
	}
}

// EndlessHeaders answers with header lines without an end.
func EndlessHeaders(w http.ResponseWriter, req *http.Request) {
	raw(w, "HTTP/1.1 200 OK\r\n", "X-More: "+strings.Repeat("x", 100)+"\r\n")
}

// EndlessInformation answers with 103 (RFC 8297) again and again.
func EndlessInformation(w http.ResponseWriter, req *http.Request) {
	raw(w, "", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
}

// raw writes begin and then more until the peer has enough.
func raw(w http.ResponseWriter, begin, more string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	gone := make(chan struct{})
	go func() { // the peer's end is seen by reading only
		defer close(gone)
		_, _ = io.Copy(io.Discard, conn)
	}()
	out := bufio.NewWriterSize(conn, 16<<10)
	for _, err = out.WriteString(begin); err == nil; _, err = out.WriteString(more) {
		select {
		case <-gone:
			return
		default:
		}
	}
	conn.Close()
	<-gone
}
