package main

// What the scripts can say beside testscript's own words.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds the wait for a daemon that starts in the background.
const patience = 3 * time.Minute

// exitCode runs a command and wants its exit code: exitcode CODE COMMAND ARG….
// Its output is there for stdout and stderr as after exec.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode CODE COMMAND [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("running %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s exited with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// freePort puts a port that is free for UDP and TCP into variables:
// freeport NAME….
func freePort(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		port, err := quietPort()
		ts.Check(err)
		ts.Setenv(name, strconv.Itoa(port))
	}
}

// taken are the ports that quietPort has given.
var taken sync.Map

// quietPort returns a port that is free on every address, for UDP and TCP, and
// that nobody is likely to take before it is used: it lies below the range from
// which systems choose ports by themselves, and is given once.
func quietPort() (int, error) {
	for range 1000 {
		port := 10_000 + rand.IntN(20_000)
		if _, given := taken.LoadOrStore(port, true); given {
			continue
		}
		address := ":" + strconv.Itoa(port)
		tcp, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		udp, err := net.ListenPacket("udp", address)
		tcp.Close()
		if err == nil {
			return port, udp.Close()
		}
	}
	return 0, errors.New("no port is free for both UDP and TCP")
}

// hold takes a port for the script's life and puts it into a variable:
// hold NAME.
func hold(ts *testscript.TestScript, _ bool, args []string) {
	tcp, udp := bothOn(ts)
	ts.Defer(func() { tcp.Close(); udp.Close() })
	ts.Setenv(args[0], strconv.Itoa(tcp.Addr().(*net.TCPAddr).Port))
}

// bothOn listens for TCP and UDP on one port of loopback.
func bothOn(ts *testscript.TestScript) (net.Listener, net.PacketConn) {
	for range 100 {
		tcp, err := net.Listen("tcp4", "127.0.0.1:0")
		ts.Check(err)
		udp, err := net.ListenPacket("udp4", tcp.Addr().String())
		if err == nil {
			return tcp, udp
		}
		ts.Check(tcp.Close())
	}
	ts.Fatalf("no port is free for both UDP and TCP")
	return nil, nil
}

// conditions are what waitfor can wait for beside a command that succeeds.
var conditions = map[string]func(args []string) error{
	// answers SERVER NAME ADDRESS
	"answers": func(args []string) error {
		m := new(dns.Msg).SetQuestion(dns.Fqdn(args[1]), dns.TypeA)
		answer, err := dns.Exchange(m, args[0])
		if err == nil && !strings.Contains(fmt.Sprint(answer.Answer), args[2]) {
			err = fmt.Errorf("%s is %v, want %s", args[1], answer.Answer, args[2])
		}
		return err
	},
	// says ADDRESS TEXT: the status JSON holds TEXT
	"says": func(args []string) error {
		_, raw, err := status.Fetch(context.Background(), args[0])
		if err == nil && !strings.Contains(string(raw), args[1]) {
			err = fmt.Errorf("the status does not hold %q:\n%s", args[1], raw)
		}
		return err
	},
}

// waitFor runs a command, or looks at a condition, until it succeeds:
// waitfor COMMAND ARG….
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(patience)
	for {
		var err error
		if condition := conditions[args[0]]; condition != nil {
			err = condition(args[1:])
		} else {
			err = ts.Exec(args[0], args[1:]...)
		}
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s never succeeded: %v", strings.Join(args, " "), err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// says is the condition of that name, now.
func says(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(conditions["says"](args))
}

// digs asks a DNS server and wants exactly these answers:
// digs NETWORK SERVER NAME TYPE RCODE [RDATA…].
func digs(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 5 {
		ts.Fatalf("usage: digs NETWORK SERVER NAME TYPE RCODE [RDATA…]")
	}
	server, err := netip.ParseAddrPort(args[1])
	ts.Check(err)
	m := new(dns.Msg).SetQuestion(dns.Fqdn(args[2]), dns.StringToType[args[3]])
	client := dns.Client{Net: args[0], Timeout: patience}
	answer, _, err := client.Exchange(m, server.String())
	ts.Check(err)
	got := []string{dns.RcodeToString[answer.Rcode]}
	for _, rr := range answer.Answer {
		got = append(got, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	if fmt.Sprint(got) != fmt.Sprint(args[4:]) {
		ts.Fatalf("%s %s is %v, want %v", args[2], args[3], got, args[4:])
	}
}
