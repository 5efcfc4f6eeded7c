//go:build linux

package main

// The rounds: every server, every workload, every rate.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
)

// Workloads that a client drives.
const (
	override = "override"
	cached   = "cached"
	miss     = "miss"
)

// sample is one measurement of one server.
type sample struct {
	Round    int    `json:"round"`
	Server   string `json:"server"`
	Workload string `json:"workload"`
	Rate     int    `json:"rate"` // questions a second; 0 is saturation
	Own      bool   `json:"own"`  // asked by the own client, not by dnsperf
	tally
	CPU         time.Duration `json:"cpu_ns"`          // the server's, all of it
	UpstreamCPU time.Duration `json:"upstream_cpu_ns"` // tells whether it was asked
}

// cost is the server's CPU time for each question answered, in microseconds.
func (s sample) cost() float64 { return float64(s.CPU.Nanoseconds()) / 1000 / float64(s.Completed) }

// speed is how many questions were answered in a second.
func (s sample) speed() float64 { return float64(s.Completed) / s.RunTime.Seconds() }

// The core of the server and that of everybody else, at saturation.
var (
	serverCore = 0
	clientCore = min(1, runtime.NumCPU()-1)
)

// mostPerSecond is more than any server answers on one core when it has to ask.
const mostPerSecond = 200_000

// plan is what to measure.
type plan struct {
	rounds    int
	workloads []string
	rates     []int // 0 is saturation
	files     map[string]string
}

// fileKey names the questions of a workload: misses need other ones each time.
func fileKey(workload string, rate int) string {
	if workload == miss {
		return fmt.Sprintf("%s%d", workload, rate)
	}
	return workload
}

// write writes the files with the questions.
func (p *plan) write(dir string, seconds float64) error {
	p.files = map[string]string{}
	add := func(key string, count int, name func(int) string) error {
		path, err := writeQuestions(dir, key+".questions", count, name)
		p.files[key] = path
		return err
	}
	err := errors.Join(add(override, 1, func(int) string { return overrideName }), add(cached, cachedNames, cachedName))
	for _, rate := range p.rates {
		key, most := fileKey(miss, rate), rate
		if rate == 0 {
			most = mostPerSecond
		}
		if slices.Contains(p.workloads, miss) {
			count := int(float64(most)*seconds*1.1) + 100
			err = errors.Join(err, add(key, count, func(i int) string { return missName(key, i) }))
		}
	}
	return err
}

// rounds measures all servers. Those that fail are left out of the rest, and
// said: nobody wins by silence.
func (b *bench) rounds(ctx context.Context, p *plan, servers []peer, say func(string, ...any)) ([]sample, []error) {
	var samples []sample
	var failed []error
	if err := p.write(b.dir, b.seconds); err != nil {
		return nil, []error{err}
	}
	for round := range p.rounds {
		began := time.Now()
		got, errs := b.round(ctx, p, round, inOrder(servers, round))
		samples = append(samples, got...)
		failed = append(failed, errs...)
		if ctx.Err() != nil {
			return samples, append(failed, ctx.Err())
		}
		say("round %d of %d: %d measurements in %.0f s\n", round+1, p.rounds, len(got), time.Since(began).Seconds())
	}
	return samples, failed
}

// inOrder is the order of servers in a round: each begins once, and every other
// round goes backwards.
func inOrder(servers []peer, round int) []peer {
	n := len(servers)
	if n == 0 {
		return nil
	}
	shift := round % n
	list := slices.Concat(servers[shift:], servers[:shift])
	if round%2 == 1 {
		slices.Reverse(list)
	}
	return list
}

// round starts all servers, measures them side by side, and ends them.
func (b *bench) round(ctx context.Context, p *plan, round int, order []peer) (samples []sample, failed []error) {
	defer b.endAll()
	var servers []*server
	for _, peer := range order {
		s, _, err := b.launch(ctx, peer)
		if err == nil {
			err = s.check(ctx)
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		servers = append(servers, s)
	}
	for _, workload := range p.workloads {
		for _, rate := range p.rates {
			list, errs := b.turn(ctx, p, servers, sample{Round: round, Workload: workload, Rate: rate})
			samples, failed = append(samples, list...), append(failed, errs...)
			if rate == 0 && workload != miss {
				list, errs = b.turn(ctx, p, servers, sample{Round: round, Workload: workload, Own: true})
				samples, failed = append(samples, list...), append(failed, errs...)
			}
		}
	}
	for _, s := range servers {
		if s.ended() {
			failed = append(failed, fmt.Errorf("%s ended by itself: %v\n%s", s.peer.name, s.cmd.ProcessState, s.tail()))
		}
	}
	return samples, failed
}

// turn measures all servers side by side, each once: that of which is said.
func (b *bench) turn(ctx context.Context, p *plan, servers []*server, of sample) (samples []sample, failed []error) {
	for _, s := range servers {
		if s.echo && of.Workload != override || s.ended() {
			continue
		}
		of.Server = s.peer.name
		got, err := b.measure(ctx, p, s, of)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s, %s, round %d: %w", s.peer.name, of.what(), of.Round+1, err))
			continue
		}
		samples = append(samples, got)
	}
	return samples, failed
}

// client returns what asks the questions of a measurement.
func (b *bench) client(p *plan, s *server, of sample) (run func(context.Context) (tally, error), realTime bool) {
	questions := p.files[fileKey(of.Workload, of.Rate)]
	// Not misses: the threads of a server do not take turns there as they would.
	realTime = b.realTime && of.Workload != miss
	if of.Own {
		return ownLoad{program: b.loadProgram(), port: s.port, questions: questions, seconds: b.seconds, window: window, core: clientCore, realTime: realTime}.run, realTime
	}
	l := load{port: s.port, questions: questions, seconds: b.seconds, rate: of.Rate, core: -1, realTime: realTime}
	if of.Rate == 0 {
		l.core = clientCore
	}
	return l.run, realTime
}

// measure measures one server once.
func (b *bench) measure(ctx context.Context, p *plan, s *server, got sample) (sample, error) {
	run, realTime := b.client(p, s, got)
	core := -1
	if got.Rate == 0 {
		core = serverCore
	}
	if got.Workload == cached {
		warm := load{port: s.port, questions: p.files[cached], core: -1}
		if _, err := warm.run(ctx); err != nil {
			return sample{}, err
		}
	}
	if err := pin(s.pid(), core, realTime); err != nil {
		return sample{}, err
	}
	before, err := b.clocks(s)
	if err != nil {
		return sample{}, err
	}
	got.tally, err = run(ctx)
	if err != nil {
		return sample{}, err
	}
	after, err := b.clocks(s)
	if err != nil {
		return sample{}, err
	}
	got.CPU, got.UpstreamCPU = after[0]-before[0], after[1]-before[1]
	return got, got.fault()
}

// clocks reads the CPU clocks of the server and of the upstream.
func (b *bench) clocks(s *server) (now [2]time.Duration, err error) {
	for i, pid := range []int{s.pid(), b.upPID} {
		now[i], err = cpuTime(pid)
		if err != nil {
			return now, errors.Join(err, os.ErrProcessDone)
		}
	}
	return now, nil
}

// fault says why a measurement cannot be used.
func (s sample) fault() error {
	switch {
	case s.Completed == 0:
		return errors.New("nothing was answered")
	case s.NoError*100 < s.Completed*99:
		return fmt.Errorf("%d of %d answers are no NOERROR", s.Completed-s.NoError, s.Completed)
	case s.Workload == cached && s.UpstreamCPU > ownLooks+time.Duration(s.Completed)*askedOften:
		return errors.New("the upstream was asked again, so these were not all from the cache")
	case s.Workload == miss && s.UpstreamCPU < time.Duration(s.Completed)*askedAlways:
		return errors.New("the upstream was not asked for every name, so these were not all misses")
	}
	return nil
}

// What the upstream's CPU time tells: a question takes more than a microsecond
// of it. Servers look now and then whether it is there.
const (
	askedOften  = 200 * time.Nanosecond // for each question
	askedAlways = 500 * time.Nanosecond // for each question
	ownLooks    = time.Millisecond
)

// remark says what to know of a measurement that can be used, or nothing.
func (s sample) remark() string {
	switch {
	case s.Lost*1000 > s.Sent:
		return "questions got no answer in time"
	case s.Rate > 0 && s.speed() < 0.95*float64(s.Rate):
		return "fewer questions a second were asked and answered"
	}
	return ""
}

func rateName(rate int) string {
	if rate == 0 {
		return "saturation"
	}
	return fmt.Sprintf("%d q/s", rate)
}
