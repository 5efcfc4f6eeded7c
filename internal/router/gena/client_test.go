package gena_test

// The requests, with a router that answers oddly.

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/gena"
)

// answering returns a Client for a server that answers so, and its URL.
func answering(t *testing.T, answer http.HandlerFunc) (gena.Client, string) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	return gena.Client{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != host {
			t.Errorf("a connection to %s was wanted", address)
			return nil, errors.New("no")
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}, server.URL + "/evt?a=b"
}

func TestRequests(t *testing.T) {
	var got []string
	c, at := answering(t, func(w http.ResponseWriter, req *http.Request) {
		head := req.Header
		got = append(got, strings.Join([]string{req.Method, req.URL.String(), head.Get("Callback"), head.Get("Nt"), head.Get("Timeout"), head.Get("Sid")}, "|"))
		w.Header().Set("SID", "uuid:1")
		w.Header().Set("TIMEOUT", "Second-300")
		_, _ = io.WriteString(w, "nobody reads this")
	})
	grant, err := c.Subscribe(t.Context(), at, "http://192.168.1.10:5/x")
	if err != nil || grant != (gena.Grant{SID: "uuid:1", For: 5 * time.Minute}) {
		t.Errorf("Subscribe: %+v, %v", grant, err)
	}
	if grant, err = c.Renew(t.Context(), at, "uuid:1"); err != nil || grant.For != 5*time.Minute {
		t.Errorf("Renew: %+v, %v", grant, err)
	}
	if _, err = c.Renew(t.Context(), at, "uuid:2"); err == nil {
		t.Error("the renewal of another subscription was taken")
	}
	if err = c.Unsubscribe(t.Context(), at, "uuid:1"); err != nil {
		t.Error(err)
	}
	want := []string{
		"SUBSCRIBE|/evt?a=b|<http://192.168.1.10:5/x>|upnp:event|Second-1800|",
		"SUBSCRIBE|/evt?a=b|||Second-1800|uuid:1", "SUBSCRIBE|/evt?a=b|||Second-1800|uuid:2", "UNSUBSCRIBE|/evt?a=b||||uuid:1",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("sent\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAnswersThatAreRefused(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"412": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPreconditionFailed) },
		"redirect": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(307)
		},
		"no SID": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("TIMEOUT", "Second-300") },
		"a SID that is none": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("SID", "uuid:1 x")
		},
		"a long SID":        func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("SID", strings.Repeat("x", 129)) },
		"an endless header": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 64<<10)) },
		"a time of no use": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("SID", "uuid:1")
			w.Header().Set("TIMEOUT", "Second-1")
		},
		"a broken connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		c, at := answering(t, answer)
		grant, err := c.Subscribe(t.Context(), at, "http://192.168.1.10:5/x")
		if err == nil || len(err.Error()) > 300 {
			t.Errorf("%s: %+v, %v", name, grant, err)
		}
		if odd := (*gena.StatusError)(nil); name == "412" && (!errors.As(err, &odd) || odd.Status != 412) {
			t.Errorf("412 is %v", err)
		}
	}
}

func TestAnEndlessAnswerIsNotRead(t *testing.T) {
	c, at := answering(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("SID", "uuid:1")
		for block := make([]byte, 64<<10); req.Context().Err() == nil; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	if grant, err := c.Subscribe(t.Context(), at, "http://192.168.1.10:5/x"); err != nil || grant.SID != "uuid:1" {
		t.Errorf("got %+v, %v", grant, err)
	}
}

func TestRequestsEndWithTheirContext(t *testing.T) {
	c, at := answering(t, func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		<-req.Context().Done()
	})
	why := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, why)
	defer cancel()
	if _, err := c.Renew(ctx, at, "uuid:1"); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}
