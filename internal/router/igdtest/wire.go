package igdtest

// The forms in which routers send what they have to say.

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"strconv"
	"unicode/utf16"
)

// Wire writes an answer with a body that is XML in UTF-8.
type Wire func(w http.ResponseWriter, status int, body string)

func (f Wire) write(w http.ResponseWriter, status int, body string) {
	if f == nil {
		f = Typed(`text/xml; charset="utf-8"`)
	}
	f(w, status, body)
}

// Typed sends answers under a content type, whatever they are.
func Typed(contentType string) Wire {
	return func(w http.ResponseWriter, status int, body string) {
		w.Header()["Content-Type"] = []string{contentType}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// Chunked sends answers in pieces, without their length.
func Chunked(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	for len(body) > 0 {
		n := min(len(body), 100)
		_, _ = w.Write([]byte(body[:n]))
		_ = http.NewResponseController(w).Flush()
		body = body[n:]
	}
}

// HTTP10 sends answers as HTTP/1.0 had it: without a length, and with the
// connection's end for theirs.
func HTTP10(w http.ResponseWriter, status int, body string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "HTTP/1.0 %d %s\r\nServer: Box\r\n\r\n%s", status, http.StatusText(status), body)
}

// Marked sends answers with a byte-order mark.
func Marked(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte("\ufeff" + body))
}

// UTF16 sends answers in UTF-16, with a byte-order mark or without.
func UTF16(order binary.AppendByteOrder, mark bool) Wire {
	return func(w http.ResponseWriter, status int, body string) {
		if mark {
			body = "\ufeff" + body
		}
		var out []byte
		for _, unit := range utf16.Encode([]rune(body)) {
			out = order.AppendUint16(out, unit)
		}
		w.WriteHeader(status)
		_, _ = w.Write(out)
	}
}
