package main

// Both families of the public address, from their watchers to the status and to
// what people are told, and a hint on its way to both.

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/wan"
)

func TestBothFamiliesReachTheStatusAndTheHintBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutsideWorld(0)
		own := wan.NewIPv6Interface("interface:eth0", func() ([]netip.Addr, error) { return []netip.Addr{dayAddr6}, nil })
		c := &concerns{wan: o.watcher(t, wan.IPv4, 0, aRouter(dayAddr4)), wan6: o.watcher(t, wan.IPv6, 0, own)}
		d := &daemon{}
		d.now.Store(c)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for _, w := range []*wan.Watcher{c.wan, c.wan6} {
			group.Go(func() { _ = w.Run(ctx) })
		}
		time.Sleep(time.Minute)
		d.hint("push")
		at := time.Now()
		time.Sleep(time.Second)
		synctest.Wait()

		s := status.NewBuilder(func() []secret.Value { return nil }).Build(status.Inputs{WAN: c.wanStatus()}, time.Now())
		if s.WAN.IPv4 == nil || *s.WAN.IPv4 != dayAddr4 || s.WAN.IPv6 == nil || *s.WAN.IPv6 != dayAddr6 || s.WAN.IPv6State != "known" {
			t.Errorf("the status says %v, %v (%s)", s.WAN.IPv4, s.WAN.IPv6, s.WAN.IPv6State)
		}
		if h := s.WAN.LastHint; h == nil || h.Kind != "push" || !h.At.Equal(at.UTC().Truncate(time.Second)) {
			t.Errorf("the last hint is %+v", h)
		}
		for _, w := range []*wan.Watcher{c.wan, c.wan6} {
			if h := w.Status().Load().LastHint; h.Kind != "push" || !h.At.Equal(at) {
				t.Errorf("a watcher's last hint is %+v", h)
			}
		}
		if in := newsOf(s); in.IPv6.State != fact.Known || in.IPv6.Addr != dayAddr6 {
			t.Errorf("people are told of %v", in.IPv6)
		}
		if s.Chain[0].Status != fact.VerdictPass {
			t.Errorf("the link is %+v", s.Chain[0])
		}
		cancel()
		group.Wait()
	})
}
