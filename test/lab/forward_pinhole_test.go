//go:build linux

package lab_test

// Pinholes in a real router's IPv6 firewall: the keeper on the NAS, and who
// gets through from the internet.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/lan"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/test/lab"
)

const (
	// asPinholeKeeper makes this test's own binary the keeper, and is the IPv6
	// default router that it asks.
	asPinholeKeeper = "EDGEGUARD_TEST_PINHOLE_KEEPER"
	// pinholeFor is the address to keep a pinhole for; empty means the host's
	// own one of the day.
	pinholeFor = "EDGEGUARD_TEST_PINHOLE_FOR"
)

// TestPinholeKeeper is no test: it is what the tests here start on the NAS. It
// keeps a pinhole by UPnP until it is told to end, and writes a line for each
// change of its status.
func TestPinholeKeeper(t *testing.T) {
	gateway6, err := netip.ParseAddr(os.Getenv(asPinholeKeeper))
	if err != nil {
		return // not skipped: nothing is left out
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := router.New(router.Config{
		Gateway:  func() (netip.Addr, error) { return lab.RouterAddr, nil },
		Gateway6: func() (netip.Addr, error) { return gateway6, nil },
		Log:      log,
	})
	k := pinhole.New(pinhole.Config{
		Pinholes:  []pinhole.Pinhole{{Service: "mqtt", Protocol: fact.TCP, Port: lab.BrokerPort, Address: pinholeAddress}},
		Methods:   []fact.Method{fact.MethodIGD},
		Lease:     10 * time.Minute,
		StateFile: os.Getenv("HOME") + "/pinholes.json",
		Log:       log,
	}, r)
	kept := make(chan error)
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = r.Run(ctx) }) // always nil
	defer tasks.Wait()
	go func() { kept <- k.Run(ctx) }()
	for {
		s, changed := k.Status().Get()
		p := s.Pinholes[0]
		fmt.Fprintln(os.Stderr, "@ pinhole", p.State, p.Internal, p.LastError)
		known, found := r.Status().Get()
		select {
		case <-changed:
		case <-found:
			if now := r.Status().Load().Generation; now != known.Generation {
				k.Kick("the router was found anew")
			}
		case err := <-kept:
			fmt.Fprintln(os.Stderr, "@ ended", err)
			return
		}
	}
}

func pinholeAddress() (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(os.Getenv(pinholeFor)); err == nil {
		return addr, true
	}
	list, err := lan.GlobalIPv6("")
	if err != nil || len(list) == 0 {
		return netip.Addr{}, false
	}
	return list[0].Addr, true
}

// sixHome returns a home with IPv6 and a router that controls its firewall, the
// NAS's address, and the keeper running on the NAS. addr is whose pinhole it
// keeps; the zero Addr means the NAS's own.
func sixHome(t *testing.T, addr netip.Addr) (h *lab.Home, own netip.Addr, keeper *lab.Process) {
	t.Helper()
	lab.Require(t)
	h = lab.New(t, lab.Options{})
	h.GiveIPv6(t)
	// miniupnpd looks for its IPv6 address once, when it starts.
	h.Announce(t, lab.HomePrefix, time.Hour, time.Hour)
	own = h.NAS.StableAddress6(t, lab.HomePrefix)
	h.StartRouter(t)
	if err := through(h, own); err == nil {
		t.Fatal("the router lets IPv6 in without a pinhole: this lab proves nothing")
	}
	args := []string{asPinholeKeeper + "=" + defaultRouter6(t, h.NAS), "HOME=" + t.TempDir()}
	if addr.IsValid() {
		args = append(args, pinholeFor+"="+addr.String())
	}
	argv := append([]string{"env"}, append(args, os.Args[0], "-test.run=^TestPinholeKeeper$", "-test.v")...)
	keeper = h.NAS.Start(t, "the keeper", argv...)
	return h, own, keeper
}

// defaultRouter6 is the host's IPv6 default router with its zone, as its kernel
// learned it.
func defaultRouter6(t *testing.T, host *lab.Host) string {
	t.Helper()
	var router string
	lab.Eventually(t, lab.Patience, func() error {
		words := strings.Fields(host.Run(t, "ip", "-6", "route", "show", "default"))
		if len(words) < 5 || words[1] != "via" || words[3] != "dev" {
			return fmt.Errorf("no IPv6 default route: %q", words)
		}
		router = words[2] + "%" + words[4]
		return nil
	})
	return router
}

// through tries to get from the internet to the broker's port of the NAS, where
// something listens for as long as this takes.
func through(h *lab.Home, addr netip.Addr) error {
	to := netip.AddrPortFrom(addr, lab.BrokerPort).String()
	listener, err := h.NAS.Listen("tcp6", to)
	if err != nil {
		return err
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := h.WAN.Dial(ctx, "tcp6", to)
	if err != nil {
		return err
	}
	from, _ := conn.LocalAddr().(*net.TCPAddr)
	if at := from.AddrPort().Addr(); at != lab.InternetAddr6 && at != lab.ElsewhereAddr6 {
		err = fmt.Errorf("came from %s and not from the internet", at)
	}
	return errors.Join(err, conn.Close())
}

// closedFor wants the router to keep the internet out.
func closedFor(h *lab.Home, addr netip.Addr) func() error {
	return func() error {
		err := through(h, addr)
		if err == nil {
			return errors.New("the internet gets through")
		}
		if ne := net.Error(nil); !errors.As(err, &ne) || !ne.Timeout() {
			return fmt.Errorf("it is not dropped: %w", err)
		}
		return nil
	}
}

// The router takes a pinhole only from the address that it leads to, so all of
// this goes over IPv6.
func TestPinholeLetsTheInternetIn(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, own, keeper := sixHome(t, netip.Addr{})
	keeper.WaitLog(t, lab.Patience, "@ pinhole active "+netip.AddrPortFrom(own, lab.BrokerPort).String())
	// It is open when that is said; each try is a short one.
	lab.Eventually(t, lab.Patience, func() error { return through(h, own) })
	if rules := pinholes(t, h); len(rules) != 1 {
		t.Errorf("the router's rules: %q", rules)
	}

	// A power cut of the router: it forgets everything.
	h.StopRouter(t, lab.Crash)
	if err := closedFor(h, own)(); err != nil {
		t.Fatal(err)
	}
	h.RestartRouter(t, lab.Crash)
	lab.Eventually(t, lab.Patience, func() error { return through(h, own) })

	// Another prefix overnight. The router's description stays where it was.
	h.Announce(t, lab.NewPrefix, time.Hour, time.Hour)
	h.Announce(t, lab.HomePrefix, time.Hour, 0)
	moved := h.NAS.StableAddress6(t, lab.NewPrefix)
	lab.Eventually(t, lab.Patience, func() error { return through(h, moved) })
	lab.Eventually(t, lab.Patience, closedFor(h, own))

	// A clean end.
	if code, err := keeper.Stop(lab.Patience); err != nil || code != 0 {
		t.Errorf("the keeper ended with %d, %v", code, err)
	}
	if err := closedFor(h, moved)(); err != nil {
		t.Error(err)
	}
	if rules := pinholes(t, h); len(rules) != 0 {
		t.Errorf("left in the router: %q", rules)
	}
}

// pinholes are the rules that miniupnpd has made in the chain of its pinholes
// and forwards.
func pinholes(t *testing.T, h *lab.Home) []string {
	t.Helper()
	var rules []string
	for line := range strings.Lines(h.Router.Run(t, "nft", "list", "chain", "inet", "filter", "miniupnpd")) {
		if strings.Contains(line, "accept") {
			rules = append(rules, strings.TrimSpace(line))
		}
	}
	return rules
}

// What the router refuses is said in words, and nothing is opened.
func TestPinholeForAnotherHostIsRefused(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, own, keeper := sixHome(t, netip.MustParseAddr("2a0e:77:1::66"))
	keeper.WaitLog(t, lab.Patience, "@ pinhole failed [2a0e:77:1::66]:8883 the router does not permit the pinhole (error 606): "+
		"many open one only to the host that asks")
	if rules := pinholes(t, h); len(rules) != 0 {
		t.Errorf("the router's rules: %q", rules)
	}
	if err := closedFor(h, own)(); err != nil {
		t.Error(err)
	}
}

// miniupnpd without IPv6 describes the service all the same, and takes no
// pinhole; the keeper says what is so.
func TestPinholeWhereTheRouterHasNoIPv6Side(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.GiveIPv6(t)
	h.Announce(t, lab.HomePrefix, time.Hour, time.Hour)
	own := h.NAS.StableAddress6(t, lab.HomePrefix)
	h.StartRouter(t, "ipv6_disable=yes")
	keeper := h.NAS.Start(t, "the keeper", "env", asPinholeKeeper+"="+defaultRouter6(t, h.NAS), "HOME="+t.TempDir(),
		os.Args[0], "-test.run=^TestPinholeKeeper$", "-test.v")
	keeper.WaitLog(t, lab.Patience, "@ pinhole failed "+netip.AddrPortFrom(own, lab.BrokerPort).String()+" the router does not permit the pinhole (error 606)")
	if err := closedFor(h, own)(); err != nil {
		t.Error(err)
	}
}
