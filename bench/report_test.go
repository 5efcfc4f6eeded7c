//go:build linux

package main

import (
	"strings"
	"testing"
	"time"
)

// at makes a sample that costs µs microseconds a question.
func at(server, workload string, rate, round int, µs float64) sample {
	return sample{Round: round, Server: server, Workload: workload, Rate: rate, CPU: time.Duration(µs * 1000 * 1e5),
		tally: tally{Sent: 1e5, Completed: 1e5, NoError: 1e5, RunTime: time.Duration(µs * 1e5 * 1000)}}
}

// own makes it one of the own client.
func own(s sample) sample {
	s.Own = true
	return s
}

func named(names ...string) (list []peer) {
	for _, name := range names {
		p := edgeguard(name, "")
		for _, other := range peers {
			if other.name == name {
				p = other
			}
		}
		list = append(list, p)
	}
	return list
}

func wantRow(t *testing.T, text, row string) {
	t.Helper()
	if !strings.Contains(text, "\n"+row+"\n") {
		t.Errorf("no row %q in\n%s", row, text)
	}
}

func TestReportOfCPU(t *testing.T) {
	var r results
	for round := range 3 {
		slow := float64(1 + round) // the machine gets slower, the ratios must not
		r.Samples = append(r.Samples,
			at("edgeguard", override, 0, round, 2*slow), at("echo", override, 0, round, 1*slow),
			at("unbound", override, 0, round, 4*slow), at("dnsdist", override, 0, round, 3.2*slow),
			at("bind", override, 0, round, 0.1*slow), // it is shown, and no target is about it
			own(at("edgeguard", override, 0, round, 2*slow)), own(at("unbound", override, 0, round, 3*slow)), own(at("dnsdist", override, 0, round, 2.5*slow)),
			at("edgeguard", miss, 2000, round, 10*slow), at("unbound", miss, 2000, round, 5*slow), at("dnsdist", miss, 2000, round, slow))
	}
	text := r.report(named("edgeguard", "echo", "unbound", "dnsdist", "bind"))
	if strings.Contains(text, "throughput, override, saturation") || strings.Contains(text, "CPU, override, own client") {
		t.Errorf("each client is to judge what it is there for:\n%s", text)
	}
	for _, row := range []string{
		"| | edgeguard | echo | unbound | dnsdist | bind |",
		"| override, saturation | 4.00 (2.00–6.00) | 2.00 (1.00–3.00) | 8.00 (4.00–12.0) | 6.40 (3.20–9.60) | 0.20 (0.10–0.30) |",
		"| miss, 2000 q/s | 20.0 (10.0–30.0) | – | 10.0 (5.00–15.0) | 2.00 (1.00–3.00) | – |",
		"| edgeguard: CPU, override, saturation | best peer, dnsdist | 0.62 (0.62–0.62) | ≤ 0.8 | met |",
		"| edgeguard: CPU, override, saturation | C echo | 2.00 (2.00–2.00) | ≤ 1.5 | **missed** |",
		"| override, own client | 4.00 (2.00–6.00) | – | 6.00 (3.00–9.00) | 5.00 (2.50–7.50) | – |",
		"| edgeguard: throughput, override, own client | best peer, dnsdist | 1.25 (1.25–1.25) | ≥ 1.3 | **missed** |",
		"| edgeguard: CPU, miss, 2000 q/s | best peer, unbound | 2.00 (2.00–2.00) | ≤ 1 | **missed** |",
	} {
		wantRow(t, text, row)
	}
}

// What was not measured must not look like a target met.
func TestReportOfWhatIsMissing(t *testing.T) {
	r := results{Samples: []sample{at("edgeguard", cached, 20000, 0, 2), at("unbound", cached, 20000, 1, 2)}}
	wantRow(t, r.report(named("edgeguard", "unbound")), "| edgeguard: CPU, cached, 20000 q/s | best peer, unbound | – | ≤ 1 | not measured |")
}

func TestReportOfTheRest(t *testing.T) {
	d := func(phase string, round int, p99 time.Duration) delay {
		return delay{Round: round, Server: "edgeguard", Phase: phase, P99: p99, Asked: 10, Other: tally{Sent: 7, Completed: 4, RunTime: time.Second}}
	}
	const ms = time.Millisecond
	r := results{
		Delays: []delay{d(idle, 0, ms/10), d(filling, 0, ms), d(floor, 0, ms/2), d(hanging, 0, 3*ms),
			d(idle, 1, 5*ms), d(filling, 1, 9*ms), d(hanging, 1, ms)}, // the second with a busy machine
		Footprints: []footprint{{Server: "edgeguard", Idle: memory{RSS: 16 << 10, Anon: 1 << 10}, Filled: memory{RSS: 33 << 10, Anon: 2 << 10},
			Asked: tally{Sent: 100000, Completed: 99999}}},
		Samples: []sample{{Server: "x", Workload: miss, Rate: 2000, tally: tally{Sent: 1000, Completed: 990, Lost: 10, RunTime: time.Second}},
			{Server: "x", Workload: miss, Rate: 2000, Round: 1, tally: tally{Sent: 1000, Completed: 980, Lost: 20, RunTime: time.Second}}},
		Startups: []startup{{0, "edgeguard", 7 * ms}, {1, "edgeguard", 9 * ms}},
	}
	text := r.report(named("edgeguard"))
	for _, row := range []string{
		"| edgeguard: p99 of the override while filling, above idle | the echo's p99 beside it: 0.50 ms | 0.90 ms | ≤ 1 ms | met |",
		"| edgeguard: p99 of the override while hanging, above idle | – | 2.90 ms | ≤ 1 ms | **missed** |",
		"| edgeguard: resident, idle | – | 16.0 MiB | ≤ 16 MiB | met |",
		"| edgeguard: resident, after 100000 names | – | 33.0 MiB | ≤ 32 MiB | **missed** |",
		"| edgeguard: start to first answer | – | 8.00 (7.00–9.00) ms | ≤ 50 ms | met |",
		"| edgeguard | 1 | hanging | 0.000 | 3.000 | 0.000 | 0 of 10 | 7 | 3 |",
		"- x, miss, 2000 q/s: questions got no answer in time: 990 a second and 10 lost in round 1, 980 a second and 20 lost in round 2",
		"- edgeguard, latency, round 2: the machine has other work, and its figures mean nothing",
		"- edgeguard, memory: 99999 of 100000 names were answered in time",
	} {
		wantRow(t, text, row)
	}
}

func TestWhatAMeasurementIsWorth(t *testing.T) {
	good := at("x", cached, 2000, 0, 500)
	if err := good.fault(); err != nil || good.remark() != "" {
		t.Errorf("a good one: %v, %q", err, good.remark())
	}
	for name, spoil := range map[string]func(*sample){
		"nothing answered":     func(s *sample) { s.Completed = 0 },
		"failures":             func(s *sample) { s.NoError = 90000 },
		"cached, yet asked":    func(s *sample) { s.UpstreamCPU = time.Second },
		"missed, yet not sent": func(s *sample) { s.Workload = miss },
	} {
		s := good
		if spoil(&s); s.fault() == nil {
			t.Errorf("%s is no fault", name)
		}
	}
	for name, spoil := range map[string]func(*sample){
		"lost": func(s *sample) { s.Lost = 200 },
		"slow": func(s *sample) { s.RunTime *= 2 },
	} {
		s := good
		if spoil(&s); s.fault() != nil || s.remark() == "" {
			t.Errorf("%s: %v, %q", name, s.fault(), s.remark())
		}
	}
}
