//go:build linux

package main

// How much memory a server takes, and how soon it answers.

import (
	"context"
	"fmt"
	"time"
)

// filledNames is how many distinct names are asked before memory is looked at.
const filledNames = 100_000

// footprint is a server's memory.
type footprint struct {
	Server string `json:"server"`
	Idle   memory `json:"idle"`
	Filled memory `json:"filled"` // after filledNames distinct names
	Asked  tally  `json:"asked"`
}

// footprints measures the memory of all servers.
func (b *bench) footprints(ctx context.Context, peers []peer) (list []footprint, failed []error) {
	defer b.endAll()
	questions, err := writeQuestions(b.dir, "filled.questions", filledNames, func(i int) string { return missName("filled", i) })
	if err != nil {
		return nil, []error{err}
	}
	var servers []*server
	for _, p := range peers {
		s, _, err := b.launch(ctx, p)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		servers = append(servers, s)
	}
	select {
	case <-time.After(b.settle):
	case <-ctx.Done():
		return nil, append(failed, ctx.Err())
	}
	for _, s := range servers {
		f, err := s.footprint(ctx, questions)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s, memory: %w", s.peer.name, err))
			continue
		}
		list = append(list, f)
	}
	return list, failed
}

func (s *server) footprint(ctx context.Context, questions string) (f footprint, err error) {
	f.Server = s.peer.name
	if f.Idle, err = memoryOf(s.pid()); err != nil {
		return f, err
	}
	if !s.echo {
		if f.Asked, err = (load{port: s.port, questions: questions, core: -1}).run(ctx); err != nil {
			return f, err
		}
	}
	f.Filled, err = memoryOf(s.pid())
	return f, err
}

// startup is how long a server took from its start to its first answer.
type startup struct {
	Round  int           `json:"round"`
	Server string        `json:"server"`
	Took   time.Duration `json:"took_ns"`
}

// startups starts all servers, one after the other, as often as is said.
func (b *bench) startups(ctx context.Context, peers []peer, times int) (list []startup, failed []error) {
	for round := range times {
		for _, p := range inOrder(peers, round) {
			s, took, err := b.launch(ctx, p)
			if err != nil {
				failed = append(failed, err)
				continue
			}
			b.end(s.process)
			list = append(list, startup{round, p.name, took})
		}
		if ctx.Err() != nil {
			return list, append(failed, ctx.Err())
		}
	}
	return list, failed
}
