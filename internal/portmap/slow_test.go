package portmap_test

// A router that takes its time, and goes on with what it was asked for when
// nobody waits for the answer any more.

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// slow is a gateway whose every call takes a while, and is carried out half way
// through it, whether the caller waits or not.
type slow struct {
	*gateway
	takes   time.Duration
	lateAdd time.Duration // for Add and Map instead; zero means takes
	// named is the identity once a call has been answered; empty means that it
	// stays as it is.
	named string
	begun map[string]int // calls by name
}

// call waits for what act does in the midst of the call.
func call[T any](ctx context.Context, s *slow, name string, takes time.Duration, act func() (T, error)) (none T, err error) {
	s.order()
	if ctx.Err() != nil {
		return none, fmt.Errorf("calling %s: %w", name, context.Cause(ctx))
	}
	s.begun[name]++
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	time.AfterFunc(takes/2, func() {
		s.order()
		value, err := act()
		s.order()
		time.AfterFunc(takes/2, func() { done <- answer{value, err} })
	})
	select {
	case a := <-done:
		s.order()
		if s.named != "" {
			s.identity = s.named
		}
		return a.value, a.err
	case <-ctx.Done():
		return none, fmt.Errorf("calling %s: %w", name, context.Cause(ctx))
	}
}

func (s *slow) asking() time.Duration {
	if s.lateAdd > 0 {
		return s.lateAdd
	}
	return s.takes
}

func (s *slow) Add(ctx context.Context, m fact.Mapping) error {
	_, err := call(ctx, s, "Add", s.asking(), func() (int, error) { return 0, s.gateway.Add(ctx, m) })
	return err
}

func (s *slow) Get(ctx context.Context, p fact.Protocol, port uint16) (fact.Mapping, error) {
	return call(ctx, s, "Get", s.takes, func() (fact.Mapping, error) { return s.gateway.Get(ctx, p, port) })
}

func (s *slow) Delete(ctx context.Context, p fact.Protocol, port uint16) error {
	_, err := call(ctx, s, "Delete", s.takes, func() (int, error) { return 0, s.gateway.Delete(ctx, p, port) })
	return err
}

func (s *slow) Map(ctx context.Context, q fact.Request) (fact.Grant, error) {
	return call(ctx, s, "Map", s.asking(), func() (fact.Grant, error) { return s.gateway.Map(ctx, q) })
}

func (s *slow) Unmap(ctx context.Context, q fact.Request) error {
	_, err := call(ctx, s, "Unmap", s.takes, func() (int, error) { return 0, s.gateway.Unmap(ctx, q) })
	return err
}

func (s *slow) ExternalAddress(ctx context.Context) (fact.Observation, error) {
	return call(ctx, s, "ExternalAddress", s.takes, func() (fact.Observation, error) { return s.gateway.ExternalAddress(ctx) })
}

// speaking makes a gateway grant what it is asked for by PCP, in the same table
// as UPnP's; the port given differs where other is not 0.
func speaking(g *gateway, other uint16) {
	g.onMap = func(q fact.Request) (fact.Grant, error) {
		if q.Method != fact.MethodPCP {
			return fact.Grant{}, fact.ErrNotSpoken
		}
		port := q.ExternalPort
		if other != 0 {
			port = other
		}
		g.put(fact.Mapping{Protocol: q.Protocol, ExternalPort: port, Internal: q.Internal, Lease: q.Lease, Description: "pcp", Enabled: true})
		return fact.Grant{External: netip.AddrPortFrom(netip.MustParseAddr("11.22.33.44"), port), Lease: q.Lease}, nil
	}
	g.onUnmap = func(q fact.Request) error {
		delete(g.table, key{q.Protocol, q.ExternalPort})
		return nil
	}
}
