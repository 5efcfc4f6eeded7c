package handed_test

// One look, without a watcher.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/lan/dhcp"
	"github.com/edgeguard/edgeguard/internal/lan/handed"
	"github.com/edgeguard/edgeguard/internal/lan/radv"
)

func TestLookOnce(t *testing.T) {
	place := handed.Place{
		Interface: "eth0", Index: 2, Local: netip.MustParseAddr("192.168.1.10"), Router: netip.MustParseAddr("192.168.1.1"),
		Own: []netip.Addr{netip.MustParseAddr("192.168.1.10")},
	}
	elsewhere := place
	elsewhere.Interface = ""
	for name, c := range map[string]struct {
		place   handed.Place
		answers [][]dhcp.Server // of one question after the other
		fails   error
		deaf    error
		want    string // servers, routers, problems
		asked   int
	}{
		"all answer":       {place: place, answers: [][]dhcp.Server{fritz}, asked: 1, want: "[192.168.1.1 [192.168.1.1]] [fe80::1 [fd00::1]] "},
		"the second time":  {place: place, answers: [][]dhcp.Server{nil, fritz}, asked: 2, want: "[192.168.1.1 [192.168.1.1]] [fe80::1 [fd00::1]] "},
		"nobody":           {place: place, answers: [][]dhcp.Server{nil, nil}, asked: 2, want: "[] [fe80::1 [fd00::1]] "},
		"not allowed":      {place: place, fails: dhcp.ErrPermission, deaf: radv.ErrPermission, asked: 1, want: "unknown unknown " + dhcp.ErrPermission.Error() + radv.ErrPermission.Error()},
		"in a box":         {place: elsewhere, want: "unknown unknown this host is not in the router's network, as in a container on a bridge, so what its DHCP hands out is not heard here"},
		"the network fell": {place: place, fails: errors.New("no carrier"), asked: 1, want: "unknown [fe80::1 [fd00::1]] no carrier"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked, solicited := 0, make(chan struct{}, 10)
				s, err := handed.Look(t.Context(), handed.Config{Place: func() (handed.Place, error) { return c.place, nil }}.On(
					func(context.Context, dhcp.Place) ([]dhcp.Server, error) {
						asked++
						time.Sleep(3 * time.Second)
						if c.fails != nil {
							return nil, c.fails
						}
						return c.answers[asked-1], nil
					}, func(ctx context.Context, opened func(), heard func(radv.Advertisement)) error {
						if c.deaf != nil {
							return c.deaf
						}
						opened()
						select {
						case <-solicited:
							time.Sleep(3 * time.Second) // the latest that a router may answer
							heard(heardOn(2, "fe80::1", "fd00::1", time.Hour))
						case <-ctx.Done():
						}
						<-ctx.Done()
						return nil
					}, func(int) error { solicited <- struct{}{}; return nil }))
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprint(servers(s), " ", routers(s), " ", s.DHCPError+s.RoutersError); got != c.want || asked != c.asked {
					t.Errorf("%s after %d questions, want %s after %d", got, asked, c.want, c.asked)
				}
			})
		})
	}
}

func TestLookWithoutANetworkAsksNobody(t *testing.T) {
	none := errors.New("no network")
	_, err := handed.Look(t.Context(), handed.Config{Place: func() (handed.Place, error) { return handed.Place{}, none }})
	if !errors.Is(err, none) {
		t.Errorf("%v", err)
	}
}

// What is cut off is unknown, and never none.
func TestLookIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s, err := handed.Look(ctx, handed.Config{Place: func() (handed.Place, error) { return handed.Place{Interface: "eth0", Index: 2}, nil }}.On(
			func(ctx context.Context, _ dhcp.Place) ([]dhcp.Server, error) { <-ctx.Done(); return nil, ctx.Err() },
			func(ctx context.Context, opened func(), _ func(radv.Advertisement)) error {
				opened()
				<-ctx.Done()
				return nil
			}, func(int) error { return nil }))
		if err != nil || s.DHCP != nil || s.DHCPError == "" {
			t.Errorf("%+v, %v", s, err)
		}
	})
}
