package acme

// HTTP-01, with a forward to our port where pebble asks.

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// ports forwards the port at which pebble asks, for real.
type ports struct {
	at     string
	mu     sync.Mutex
	lease  time.Duration
	opened int
	open   int
}

func (p *ports) Open(_ context.Context, local uint16, lease time.Duration) (func(context.Context) error, error) {
	l, err := net.Listen("tcp", p.at)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.lease, p.opened, p.open = lease, p.opened+1, p.open+1
	p.mu.Unlock()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { pipe(conn, fmt.Sprintf("127.0.0.1:%d", local)) })
		}
	})
	return func(context.Context) error {
		err := l.Close()
		all.Wait()
		p.mu.Lock()
		p.open--
		p.mu.Unlock()
		return err
	}, nil
}

func pipe(conn net.Conn, to string) {
	defer conn.Close()
	other, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer other.Close()
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(other, conn); other.Close() })
	_, _ = io.Copy(conn, other)
	conn.Close()
	both.Wait()
}

func TestHTTP01(t *testing.T) {
	w := usual(t)
	f := newFront(t, w)
	cfg, z := f.config(t), f.zone()
	p := &ports{at: fmt.Sprintf("127.0.0.1:%d", w.httpPort)}
	z.addresses = []string{"127.0.0.1"}
	cfg.Challenge, cfg.Ports, cfg.Records, cfg.Names = HTTP01, p, nil, z
	cfg.PublicAddresses = func() []string { return []string{"127.0.0.1"} }
	mustObtain(t, f, mustNew(t, cfg), newRequest(t, "web.example.net", "www.example.net"))
	if p.opened != 1 || p.open != 0 || p.lease != openTime {
		t.Errorf("port 80 was opened %d times for %v, and %d are open", p.opened, p.lease, p.open)
	}
	// The port leads nowhere: closed all the same, and said in words.
	p.at = "127.0.0.1:0"
	_, err := mustNew(t, cfg).Obtain(t.Context(), newRequest(t, "shut.example.net"))
	wantFault(t, err, "could not connect to port 80", "forwarded")
	if p.open != 0 {
		t.Errorf("%d are open", p.open)
	}
}

func TestTheProofServerKnowsOnlyItsTokens(t *testing.T) {
	srv := httptest.NewServer(proofHandler(map[string]string{"token": "token.print"}))
	defer srv.Close()
	client := srv.Client()
	defer client.CloseIdleConnections()
	for path, want := range map[string]int{
		proofPath + "token": 200, proofPath + "other": 404, proofPath: 404, "/": 404, proofPath + "token/": 404, "/token": 404,
	} {
		res, err := client.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s gives %d", path, res.StatusCode)
		}
	}
	res, err := client.Post(srv.URL+proofPath+"token", "text/plain", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 404 {
		t.Errorf("a POST gives %d", res.StatusCode)
	}
}
