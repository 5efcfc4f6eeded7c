package status

// The metrics: the snapshot once more, for Prometheus. Names, units and types are
// as its documentation asks; docs/monitoring.md lists what they are good for.

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// metricsType is Prometheus's text format.
const metricsType = "text/plain; version=0.0.4; charset=utf-8"

// maxLabel bounds the value of a label, in bytes: no name is longer.
const maxLabel = 255

// Metrics renders s in Prometheus's text format 0.0.4, with figures of this
// process beside it. The library's registry is made for each rendering, so that
// nothing of it stays in memory while nobody asks.
func Metrics(s *Snapshot) ([]byte, error) {
	registry := prometheus.NewRegistry()
	//lint:ignore SA1019 the package that has it instead brings database/sql
	process := prometheus.NewProcessCollector(prometheus.ProcessCollectorOpts{})
	for _, c := range []prometheus.Collector{collector{s}, process} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("rendering the metrics: %w", err)
		}
	}
	families, err := registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("rendering the metrics: %w", err)
	}
	var b bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			return nil, fmt.Errorf("rendering the metrics: %w", err)
		}
	}
	return b.Bytes(), nil
}

// collector is a snapshot as a prometheus.Collector.
type collector struct{ s *Snapshot }

// Describe implements prometheus.Collector: which metrics there are depends on
// what is known.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	m := metrics{to: to, seen: map[string]bool{}}
	m.process(c.s)
	m.chain(c.s)
	m.wan(c.s.WAN)
	m.records(c.s.DDNS)
	m.router(c.s.Router)
	m.forwards(c.s.Forwards)
	m.services(c.s)
	m.certificate(c.s.Certificate)
	m.dns(c.s.DNS)
	m.lan(c.s.LAN)
}

// metrics sends metrics. A metric is nil, or not sent, where nothing is known.
type metrics struct {
	to   chan<- prometheus.Metric
	seen map[string]bool // names with their labels
}

// sample sends one value. Values of labels come in the order of their names.
type sample func(value float64, labels ...string)

// gauge makes a metric that goes up and down.
func (m metrics) gauge(name, help string, labels ...string) sample {
	return m.family(prometheus.GaugeValue, name, help, labels)
}

// counter makes a metric that only grows; its name ends in _total.
func (m metrics) counter(name, help string, labels ...string) sample {
	return m.family(prometheus.CounterValue, name, help, labels)
}

func (m metrics) family(kind prometheus.ValueType, name, help string, labels []string) sample {
	desc := prometheus.NewDesc(name, help, labels, nil)
	return func(value float64, values ...string) {
		for i, v := range values {
			values[i] = strings.ToValidUTF8(cut(v, maxLabel), "")
		}
		// Two of one name, as two secrets in names may become, would spoil all.
		if key := name + "\xff" + strings.Join(values, "\xff"); !m.seen[key] {
			m.seen[key] = true
			m.to <- prometheus.MustNewConstMetric(desc, kind, value, values...)
		}
	}
}

// at sends a time; nil is none.
func (send sample) at(t *time.Time, labels ...string) {
	if t != nil {
		send(float64(t.Unix()), labels...)
	}
}

// truth sends 1 or 0; nil is neither.
func (send sample) truth(is *bool, labels ...string) {
	if is != nil {
		send(asNumber(*is), labels...)
	}
}

// states sends a value for each word that may stand in the last label: 1 for the
// one that does, 0 for the others.
func (send sample) states(is string, words []string, labels ...string) {
	for _, word := range words {
		send(asNumber(word == is), append(labels[:len(labels):len(labels)], word)...)
	}
}

func asNumber(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// orUnknown is the word that s points to.
func orUnknown(s *string) string {
	if s == nil {
		return "unknown"
	}
	return *s
}
