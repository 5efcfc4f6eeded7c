//go:build linux

package main

// How long an override takes while the server has other things on its mind.

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What a server does beside answering the override.
const (
	idle    = "idle"
	filling = "filling" // its cache, by misses as fast as they come back
	hanging = "hanging" // outside questions wait for an upstream that is silent
	// floor is what the machine adds: the echo is asked while the server fills
	// its cache. It is a server that has nothing else on its mind.
	floor = "filling, but the echo is asked"
)

// The load of a latency measurement.
const (
	hangingQuestions = 10_000
	hangingRate      = 5000             // until so many wait, and after one has ended
	probeEvery       = time.Millisecond // how often the override is asked
	probePatience    = time.Second      // how long an answer is waited for
	rampUp           = 300 * time.Millisecond
)

// delay is how long answers took in one phase.
type delay struct {
	Round  int           `json:"round"`
	Server string        `json:"server"`
	Phase  string        `json:"phase"`
	P50    time.Duration `json:"p50_ns"`
	P99    time.Duration `json:"p99_ns"`
	Max    time.Duration `json:"max_ns"`
	Asked  int           `json:"asked"`
	Lost   int           `json:"lost"`  // not answered in time
	Other  tally         `json:"other"` // the questions beside
}

// delays measures a server in all phases.
func (b *bench) delays(ctx context.Context, p peer, round int) (list []delay, err error) {
	s, _, err := b.launch(ctx, p)
	if err != nil {
		return nil, err
	}
	defer b.end(s.process)
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	beside, _, err := b.launch(ctx, peer{name: "echo", program: filepath.Join(b.dir, "echo"), echo: true, config: configureEcho})
	if err != nil {
		return nil, err
	}
	defer b.end(beside.process)
	for _, phase := range []string{idle, filling, floor, hanging} {
		asked := s
		if phase == floor {
			asked = beside
		}
		d, err := b.delay(ctx, s, asked, phase)
		if err != nil {
			return list, fmt.Errorf("%s, latency while %s: %w", p.name, phase, err)
		}
		d.Round = round
		list = append(list, d)
	}
	return list, nil
}

// delay measures one phase of s, with the override asked of asked.
func (b *bench) delay(ctx context.Context, s, asked *server, phase string) (delay, error) {
	d := delay{Server: s.peer.name, Phase: phase}
	other, err := b.besides(ctx, s, phase)
	if err != nil {
		return d, err
	}
	took, lost, err := probe(ctx, asked.port, b.latencySeconds)
	if other != nil {
		d.Other, err = other.finish(err)
	}
	if err != nil {
		return d, err
	}
	slices.Sort(took)
	d.P50, d.P99, d.Max = percentile(took, 50), percentile(took, 99), percentile(took, 100)
	d.Asked, d.Lost = len(took), lost
	return d, nil
}

// besides starts what the server has to do in a phase and waits until it is
// under way. It returns nil where that is nothing.
func (b *bench) besides(ctx context.Context, s *server, phase string) (*background, error) {
	l := load{port: s.port, seconds: 60, core: clientCore}
	var err error
	wait := rampUp
	switch phase {
	case idle:
		return nil, nil
	case filling, floor:
		set := map[string]string{filling: "filling", floor: "floor"}[phase] // names that nobody has asked yet
		l.questions, err = writeQuestions(b.dir, "filling.questions", 400_000, func(i int) string { return missName(set, i) })
	case hanging:
		l.questions, err = writeQuestions(b.dir, "hanging.questions", 100_000, func(i int) string { return fmt.Sprintf("n%d.%s", i, hangZone) })
		l.rate, l.outstanding, l.patience = hangingRate, hangingQuestions, 30
		wait += hangingQuestions * time.Second / hangingRate
	}
	if err != nil {
		return nil, err
	}
	other := &background{cmd: exec.Command(l.argv()[0], l.argv()[1:]...)}
	other.cmd.Env = cleanEnv()
	other.cmd.Stdout, other.cmd.Stderr = &other.out, &other.out
	other.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := spawn(other.cmd, false); err != nil {
		return nil, err
	}
	select {
	case <-time.After(wait):
		return other, nil
	case <-ctx.Done():
		_, err := other.finish(ctx.Err())
		return nil, err
	}
}

// background is a dnsperf beside.
type background struct {
	cmd *exec.Cmd
	out strings.Builder
}

// finish ends it and returns what it counted. Questions that were still waiting
// are among those sent, and not completed.
func (o *background) finish(err error) (tally, error) {
	o.cmd.Process.Signal(syscall.SIGINT) // an error means it has ended
	waited := o.cmd.Wait()
	t, parsed := parseDNSPerf(o.out.String())
	if parsed != nil {
		return t, errors.Join(err, parsed, waited, errors.New(o.out.String()))
	}
	return t, err
}

// probe asks for the override every probeEvery and returns how long each answer
// took. A question that had to wait for the answer before it counts from when
// it was due. It runs in the kernel's real-time class, above all that is
// measured: while servers and dnsperf fill the machine, what it waits for must
// be the answer and not its own turn.
func probe(ctx context.Context, port int, seconds float64) (took []time.Duration, lost int, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := setClass(0, true); err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, setClass(0, false)) }()
	fd, err := probeSocket(port)
	if err != nil {
		return nil, 0, err
	}
	defer unix.Close(fd)
	packed, err := question(0, overrideName)
	if err != nil {
		return nil, 0, err
	}
	buf := make([]byte, 1500)
	due := time.Now()
	end := due.Add(time.Duration(seconds*float64(time.Second)) + 2*probePatience) // for a server that is silent
	for id := range uint16(min(seconds*float64(time.Second/probeEvery), 65000)) {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		if time.Now().After(end) {
			break
		}
		from := due
		if left := time.Until(due); left > 0 {
			ts := unix.NsecToTimespec(left.Nanoseconds())
			unix.Nanosleep(&ts, nil) // Go's own timers wake us later
			from = time.Now()
		}
		due = due.Add(probeEvery)
		packed[0], packed[1] = byte(id>>8), byte(id)
		if !exchange(fd, packed, buf) {
			lost++
		}
		took = append(took, time.Since(from))
	}
	return took, lost, nil
}

// probeSocket is a connected socket that waits no longer than probePatience.
func probeSocket(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	tv := unix.NsecToTimeval(probePatience.Nanoseconds())
	err = errors.Join(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv),
		unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}))
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// exchange sends a question and reports whether its answer came. Late answers
// to earlier ones are passed over.
func exchange(fd int, packed, buf []byte) bool {
	began := time.Now()
	if _, err := unix.Write(fd, packed); err != nil {
		return false
	}
	for time.Since(began) < probePatience {
		n, err := unix.Read(fd, buf)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return false
		}
		if n >= 12 && buf[0] == packed[0] && buf[1] == packed[1] {
			return buf[3]&15 == 0
		}
	}
	return false
}
