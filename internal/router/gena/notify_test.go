package gena

// Internal: the reading of a notification's head, on its own.

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
)

func FuzzReadNotice(f *testing.F) {
	f.Add([]byte("NOTIFY /p HTTP/1.1\r\nHost: x\r\nNT: upnp:event\r\nNTS: upnp:propchange\r\nSID: uuid:1\r\nSEQ: 3\r\nContent-Length: 5\r\n\r\n<e/>\n"), "uuid:1")
	f.Add([]byte("NOTIFY /p HTTP/1.1\r\nHost: x\r\nNT: upnp:event\r\nNTS: upnp:propchange\r\nSID: uuid:2\r\nTransfer-Encoding: chunked\r\n\r\n"), "")
	f.Add([]byte("GET / HTTP/1.0\r\n\r\n"), "uuid:1")
	f.Fuzz(func(t *testing.T, head []byte, sid string) {
		n, status, length, err := readNotice(bufio.NewReader(bytes.NewReader(head)), expected{path: "/p", sid: sid})
		if (err == nil) != (status == http.StatusOK) {
			t.Fatalf("%v with status %d", err, status)
		}
		if err == nil && (length > maxBody || n.seq < -1 || !bytes.HasPrefix(head, []byte("NOTIFY "))) {
			t.Fatalf("took %q: %+v, %d octets", head, n, length)
		}
		if err == nil && sid != "" && !bytes.Contains(head, []byte(sid)) {
			t.Fatalf("took %q for %q", head, sid)
		}
	})
}

func FuzzGrant(f *testing.F) {
	for _, text := range []string{"Second-1800", "Second-infinite", "", "Second-0", "second-60", "Second-99999999999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, timeout string) {
		if g, err := grant("uuid:1", timeout); err == nil && (g.For < leastGrant || g.For > asked) {
			t.Fatalf("%q is %v", timeout, g.For)
		}
	})
}

func TestGrant(t *testing.T) {
	for text, want := range map[string]string{
		"Second-1800": "30m0s", "second-60": "1m0s", "Second-86400": "30m0s", "infinite": "30m0s", "Second-infinite": "30m0s", "": "30m0s",
		"Second-9": "error", "Second--5": "error", "Minute-5": "error", "1800": "error",
	} {
		got := "error"
		if g, err := grant("uuid:1", text); err == nil {
			got = g.For.String()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
