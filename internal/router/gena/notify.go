package gena

// One notification as bytes: what is read of it, and the answer.

import (
	"bufio"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

const (
	maxHead = 8 << 10  // octets of a notification's request line and header
	maxBody = 32 << 10 // octets of its body
	maxSID  = 128      // octets of a subscription's identifier
)

// notice is a notification that passed all checks.
type notice struct {
	// seq is its number (SEQ), which is only told; -1 where it has none.
	seq int64
}

// expected is which notifications count.
type expected struct {
	path string
	sid  string // empty before the router has told it
}

// readNotice reads the head of a notification and judges it. status is the
// HTTP status to answer with, in all cases; the body is what follows in r.
func readNotice(r *bufio.Reader, want expected) (n notice, status int, length int64, err error) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return notice{}, http.StatusBadRequest, 0, errors.New("it is no HTTP request")
	}
	length = req.ContentLength
	sid := req.Header.Get("Sid")
	switch {
	case subtle.ConstantTimeCompare([]byte(req.URL.Path), []byte(want.path)) != 1:
		return notice{}, http.StatusNotFound, length, errors.New("it came to another path")
	case req.Method != "NOTIFY":
		return notice{}, http.StatusMethodNotAllowed, length, fmt.Errorf("its method is %.16q", req.Method)
	case req.Header.Get("Nt") == "" || req.Header.Get("Nts") == "":
		return notice{}, http.StatusBadRequest, length, errors.New("it has no NT or NTS")
	case req.Header.Get("Nt") != "upnp:event" || req.Header.Get("Nts") != "upnp:propchange":
		return notice{}, http.StatusPreconditionFailed, length, errors.New("it is no event")
	case !goodSID(sid), want.sid != "" && sid != want.sid:
		return notice{}, http.StatusPreconditionFailed, length, errors.New("it is for another subscription")
	case length > maxBody:
		return notice{}, http.StatusRequestEntityTooLarge, length, fmt.Errorf("its body has more than %d KiB", maxBody>>10)
	}
	n.seq = -1
	if seq, err := strconv.ParseUint(req.Header.Get("Seq"), 10, 32); err == nil {
		n.seq = int64(seq)
	}
	return n, http.StatusOK, length, nil
}

// goodSID reports whether text can be a subscription's identifier: short, and
// nothing in it that could change a header.
func goodSID(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return text != "" && len(text) <= maxSID
}

// answer writes the whole answer with a status.
func answer(w io.Writer, status int) error {
	_, err := fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status, http.StatusText(status))
	return err
}
