//go:build linux

package main

// One server, from its start to its end.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// bench is what all measurements share.
type bench struct {
	dir      string // for files, removed at the end
	upstream int    // the upstream's port
	upPID    int
	seconds  float64 // of one measurement of CPU time

	realTime       bool          // override and cached are measured in the real-time class
	latencySeconds float64       // of one measurement of latency
	settle         time.Duration // after the start, before a server counts as idle

	mu      sync.Mutex
	port    int        // guarded by mu: the last one given out
	running []*process // guarded by mu
}

// server is a peer that runs.
type server struct {
	peer
	*process
	port int
}

// nextPort returns a port that nobody has: the namespace is ours.
func (b *bench) nextPort() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.port++
	return b.port
}

// launch writes a peer's config, starts it, and waits until it answers; what it
// returns may be measured. It also returns how long the first answer took.
func (b *bench) launch(ctx context.Context, p peer) (*server, time.Duration, error) {
	dir, err := os.MkdirTemp(b.dir, p.name+"-")
	if err != nil {
		return nil, 0, err
	}
	at := place{dir: dir, port: b.nextPort(), upstream: b.upstream, status: b.nextPort()}
	c := p.config(p.program, at)
	for name, text := range c.files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			return nil, 0, err
		}
	}
	began := time.Now()
	proc, err := start(p.name, dir, c.argv...)
	if err != nil {
		return nil, 0, err
	}
	b.mu.Lock()
	b.running = append(b.running, proc)
	b.mu.Unlock()
	s := &server{p, proc, at.port}
	if err := s.awaitAnswer(ctx); err != nil {
		proc.stop(time.Second)
		return nil, 0, fmt.Errorf("%s does not answer: %w\nIts output ends with\n%s", p.name, err, proc.tail())
	}
	return s, time.Since(began), nil
}

// awaitAnswer asks for the override every millisecond until it is answered.
func (s *server) awaitAnswer(ctx context.Context) error {
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return err
	}
	defer conn.Close()
	packed, err := question(1, overrideName)
	if err != nil {
		return err
	}
	buf := make([]byte, 1500)
	for last := time.Now().Add(10 * time.Second); time.Now().Before(last); {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.ended() {
			return fmt.Errorf("it has ended: %v", s.cmd.ProcessState)
		}
		next := time.Now().Add(time.Millisecond)
		conn.SetDeadline(next)
		conn.Write(packed) // refused until somebody listens
		if n, err := conn.Read(buf); err == nil && n >= 12 && buf[3]&15 == 0 {
			return nil
		}
		time.Sleep(time.Until(next))
	}
	return errors.New("10 seconds have passed")
}

// check holds a server's answers against what they must be: the override, a
// name to be forwarded, and the same again from the cache.
func (s *server) check(ctx context.Context) error {
	if s.echo {
		return nil
	}
	for _, name := range []string{overrideName, "www.check.example", "www.check.example"} {
		var failed error
		for range 5 { // a forwarder may have to find out first that its upstream is there
			got, err := ask(ctx, s.port, name, time.Second)
			if failed = err; err == nil && got != wantAddr(name) {
				failed = fmt.Errorf("%s is %s, not %s", name, got, wantAddr(name))
			}
			if failed == nil || ctx.Err() != nil {
				break
			}
		}
		if failed != nil {
			return fmt.Errorf("%s answers wrongly: %w\nIts output ends with\n%s", s.peer.name, failed, s.tail())
		}
	}
	return nil
}

// startUpstream starts the upstream, on the clients' core.
func (b *bench) startUpstream(ctx context.Context) (*process, error) {
	dir := filepath.Join(b.dir, "upstream.d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	b.upstream = b.nextPort()
	p, err := start("upstream", dir, filepath.Join(b.dir, "upstream"), fmt.Sprint(b.upstream))
	if err != nil {
		return nil, err
	}
	b.upPID = p.pid()
	const name = "any.example"
	for range 100 {
		got, err := ask(ctx, b.upstream, name, 100*time.Millisecond)
		if err == nil && got == wantAddr(name) {
			return p, pin(p.pid(), clientCore, false)
		}
		if ctx.Err() != nil || p.ended() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.stop(0)
	return nil, fmt.Errorf("the upstream does not answer: %s", p.tail())
}

// end ends servers, all at once.
func (b *bench) end(list ...*process) {
	var group sync.WaitGroup
	for _, p := range list {
		group.Go(func() { p.stop(3 * time.Second) })
	}
	group.Wait()
}

// endAll ends everything that was ever started.
func (b *bench) endAll() {
	b.mu.Lock()
	list := b.running
	b.running = nil
	b.mu.Unlock()
	b.end(list...)
}
