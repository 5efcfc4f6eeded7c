package main

// Who looks at the forwards follows the keeper in force.

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/router"
	"golang.org/x/sync/errgroup"
)

// table is a router that does as it is told.
type table struct {
	mu   sync.Mutex
	list map[uint16]fact.Mapping // guarded by mu
}

func (t *table) Add(_ context.Context, m fact.Mapping) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list[m.ExternalPort] = m
	return nil
}

func (t *table) Get(_ context.Context, _ fact.Protocol, port uint16) (fact.Mapping, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m, ok := t.list[port]; ok {
		return m, nil
	}
	return fact.Mapping{}, fact.ErrNoMapping
}

func (t *table) Delete(_ context.Context, _ fact.Protocol, port uint16) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.list, port)
	return nil
}

func (t *table) Map(context.Context, fact.Request) (fact.Grant, error) {
	return fact.Grant{}, fact.ErrNotSpoken
}
func (t *table) Unmap(context.Context, fact.Request) error { return nil }
func (t *table) Local() netip.Addr                         { return netip.MustParseAddr("192.168.77.2") }
func (t *table) Identity() string                          { return "a router" }
func (t *table) Describe() string                          { return "a router" }
func (t *table) ExternalAddress(context.Context) (fact.Observation, error) {
	return fact.Observation{}, fact.ErrNoRouter
}

// A reload that replaces the keeper alone leaves the prober as it was: what the
// new keeper's forwards do must reach it all the same.
func TestANewKeepersForwardsAreLookedAt(t *testing.T) {
	calls := make(chan struct{}, 1000)
	service := httptest.NewUnstartedServer(http.NotFoundHandler())
	service.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			calls <- struct{}{}
		}
	}
	service.TLS = &tls.Config{}
	service.StartTLS()
	defer service.Close()
	at := service.Listener.Addr().(*net.TCPAddr).AddrPort()

	d := &daemon{log: quietLog(t), news: newNews(), moves: newMoves(), secrets: &secretList{}}
	d.router = router.New(router.Config{Gateway: d.gateway, Log: d.log})
	cfg := loaded(t, "")
	old, err := d.makeConcerns(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	// By itself it looks once, at its start.
	old.hairpin = hairpin.New(hairpin.Config{
		Services: []hairpin.Service{{Name: "mqtt", Address: at, ExternalPort: 8883, Kind: hairpin.TLS}}, Interval: 24 * time.Hour,
	}, old.wan.Address())
	d.now.Store(old)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	p := &parts{ctx: ctx, group: group, running: map[any]*part{}}
	start := func(c *concerns) {
		p.start(c.hairpin, c.hairpin.Run)
		d.startKeeper(p, c)
	}
	start(old)
	until(t, func() error {
		if s := old.hairpin.Status().Load(); len(s.Services) == 0 || s.Services[0].Reachable != fact.VerdictPass {
			return errNotServing
		}
		return nil
	})
	for len(calls) > 0 {
		<-calls
	}
	next := *old
	next.portmap = portmap.New(portmap.Config{
		Enabled: true, Methods: []fact.Method{fact.MethodIGD},
		Forwards: []portmap.Forward{{Service: "mqtt", Protocol: fact.TCP, ExternalPort: 8883, Internal: netip.MustParseAddrPort("192.168.77.2:8883")}},
	}, &table{list: map[uint16]fact.Mapping{}})
	d.now.Store(&next)
	p.stop(old.portmap)
	start(&next)
	select {
	case <-calls:
	case <-time.After(patience):
		t.Errorf("nobody looked; the forwards are %+v", next.portmap.Status().Load().Forwards)
	}
	cancel()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}
