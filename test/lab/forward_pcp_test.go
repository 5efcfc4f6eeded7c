//go:build linux

package lab_test

// Mappings by PCP and NAT-PMP: a mapper on the NAS, which speaks with a real
// miniupnpd through internal/router, and is told what to ask for.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/lan"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/test/lab"
)

// asMapper makes this test program a mapper, by which address it asks: see
// TestForwardMapper.
const asMapper = "EDGEGUARD_TEST_FORWARD_MAPPER"

// mapperAddr is where the mapper is told what to do.
var mapperAddr = netip.AddrPortFrom(lab.NASAddr, 7000)

// order is what the mapper is told to do: "map", "unmap" or "status".
type order struct {
	Do      string
	Request fact.Request
}

// report is what came of it.
type report struct {
	Grant  fact.Grant
	Port   uint16 // the grant's, as JSON has no port without an address
	Status router.Status
	Hint   router.Hint
	Name   string
	Took   time.Duration
	Err    string
	Fault  *fact.MapFault
	// NotSpoken is whether the error is fact.ErrNotSpoken.
	NotSpoken bool
}

// TestForwardMapper is no test: it is what the tests here start on the NAS. It
// runs the router until it is told to end, and carries out an order for each
// connection.
func TestForwardMapper(t *testing.T) {
	if os.Getenv(asMapper) == "" {
		return // not skipped: nothing is left out
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	r := router.New(router.Config{
		Gateway: lan.Gateway, Gateway6: lan.GatewayIPv6,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	orders, err := net.Listen("tcp", mapperAddr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer context.AfterFunc(ctx, func() { orders.Close() })()
	running := make(chan error)
	go func() { running <- r.Run(ctx) }()
	for {
		conn, err := orders.Accept()
		if err != nil {
			break
		}
		carryOut(ctx, r, conn)
	}
	if err := <-running; err != nil {
		t.Error(err)
	}
}

func carryOut(ctx context.Context, r *router.Router, conn net.Conn) {
	defer conn.Close()
	var o order
	if err := json.NewDecoder(conn).Decode(&o); err != nil {
		slog.Error("an order that cannot be read", "err", err)
		return
	}
	var answer report
	var err error
	began := time.Now()
	switch o.Do {
	case "map":
		answer.Grant, err = r.Map(ctx, o.Request)
	case "unmap":
		err = r.Unmap(ctx, o.Request)
	}
	answer.Port = answer.Grant.External.Port()
	answer.Took, answer.Status, answer.Hint, answer.Name = time.Since(began), r.Status().Load(), r.Hints().Load(), r.Describe()
	if err != nil {
		answer.Err, answer.NotSpoken = err.Error(), errors.Is(err, fact.ErrNotSpoken)
		errors.As(err, &answer.Fault)
	}
	_ = json.NewEncoder(conn).Encode(answer)
}

// mapper is a TestForwardMapper that runs.
type mapper struct {
	*lab.Process
	h *lab.Home
}

// startMapper starts a mapper on the NAS and waits until it takes orders.
func startMapper(t *testing.T, h *lab.Home) mapper {
	t.Helper()
	m := mapper{h.NAS.Start(t, "the mapper", "env", asMapper+"=1", os.Args[0], "-test.run=^TestForwardMapper$", "-test.v"), h}
	lab.Eventually(t, lab.Patience, func() error {
		_, err := m.try(order{Do: "status"})
		return err
	})
	return m
}

// try gives an order. The error is that it could not be given.
func (m mapper) try(o order) (report, error) {
	var got report
	conn, err := m.h.NAS.Dial(context.Background(), "tcp", mapperAddr.String())
	if err != nil {
		return got, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(lab.Patience)); err != nil {
		return got, err
	}
	if err := json.NewEncoder(conn).Encode(o); err != nil {
		return got, err
	}
	return got, json.NewDecoder(conn).Decode(&got)
}

// do gives an order that must be carried out without an error.
func (m mapper) do(t *testing.T, what string, q fact.Request) report {
	t.Helper()
	got, err := m.try(order{what, q})
	if err != nil || got.Err != "" {
		t.Fatalf("%s of %+v: %v %s", what, q, err, got.Err)
	}
	return got
}

// status is what the mapper knows of the router.
func (m mapper) status(t *testing.T) router.Status {
	t.Helper()
	return m.do(t, "status", fact.Request{}).Status
}

// greet makes a TCP server on the NAS that says a word to whoever connects.
func greet(t *testing.T, host *lab.Host, at netip.AddrPort) {
	t.Helper()
	l, err := host.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "hello from "+at.String())
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
}

// hears wants a host that connects to the one address to be greeted by the
// other. It is for what is open: a busy machine may stall.
func hears(from *lab.Host, to, by netip.AddrPort) error {
	return hearsWithin(20*time.Second, from, to, by)
}

// hearsNow is hears for what should be closed, where a router that drops would
// be waited for in vain.
func hearsNow(from *lab.Host, to, by netip.AddrPort) error {
	return hearsWithin(time.Second, from, to, by)
}

func hearsWithin(limit time.Duration, from *lab.Host, to, by netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	conn, err := from.Dial(ctx, "tcp", to.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	text, err := io.ReadAll(conn)
	if err != nil || string(text) != "hello from "+by.String() {
		return fmt.Errorf("%s said %q, %w", to, text, err)
	}
	return nil
}
