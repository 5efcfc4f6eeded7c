package status

// The page's plots: how busy the DNS server was, as lines with their figures in
// words.

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/status/texts"
)

const (
	// plotWidth and plotHeight are a plot's own units.
	plotWidth, plotHeight = 240, 48
	// maxPoints is how many points a plot has at most; more are averaged.
	maxPoints = 120
)

// plots draws the three plots.
func (w *pageWriter) plots(s *Series) {
	n := min(len(s.Queries), len(s.Hits), len(s.UpstreamSeconds))
	step := time.Duration(s.StepSeconds * float64(time.Second))
	if n == 0 || step <= 0 {
		w.say("<p>", w.t.DNS.NoPlots, "</p>\n")
		return
	}
	rate, hits, took := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		rate[i] = float64(s.Queries[i]) / step.Minutes()
		hits[i], took[i] = math.NaN(), math.NaN()
		if s.Queries[i] > 0 {
			hits[i] = min(100*float64(s.Hits[i])/float64(s.Queries[i]), 100)
		}
		if s.UpstreamSeconds[i] > 0 {
			took[i] = 1000 * s.UpstreamSeconds[i]
		}
	}
	t := &w.t.DNS
	from, to := s.End.Add(-time.Duration(n)*step), s.End
	w.raw(`<div class="plots">` + "\n")
	w.plot(t.Rate, t.RateText, t.RateUnit, from, to, rate, 0)
	w.plot(t.Hits, t.HitsText, t.HitsUnit, from, to, hits, 100)
	w.plot(t.Latency, t.LatencyText, t.LatencyUnit, from, to, took, 0)
	w.raw("</div>\n")
}

// plot draws one line. A value that is not a number is a gap. Top is the value
// of the upper edge; zero means the greatest of values.
func (w *pageWriter) plot(title, text, unit string, from, to time.Time, values []float64, top float64) {
	values = thin(values)
	most, last := math.NaN(), values[len(values)-1]
	for _, v := range values {
		if !(v <= most) && !math.IsNaN(v) {
			most = v
		}
	}
	if top == 0 {
		top = most
	}
	figure := func(v float64) string {
		if math.IsNaN(v) {
			return w.t.Page.NotKnown
		}
		return texts.Fill(unit, "n", strconv.FormatFloat(v, 'f', places(v), 64))
	}
	all := texts.Fill(text, "from", readable(from), "to", readable(to), "now", figure(last), "most", figure(most))
	w.say("<figure class=\"plot\">\n<figcaption><strong>", title, "</strong> ")
	w.say("<span>", w.t.DNS.Per, "</span></figcaption>\n", "now", figure(last), "most", figure(most))
	w.text(`<svg viewBox="0 0 240 48" preserveAspectRatio="none" role="img" aria-label="`, all, `">`)
	w.text("<title>", all, "</title>")
	w.raw(`<path class="base" d="M0 47.5H240" /><path class="line" vector-effect="non-scaling-stroke" d="` + line(values, top) + "\" /></svg>\n</figure>\n")
}

// places is how many decimals a figure is worth.
func places(v float64) int {
	if v < 10 && v != math.Trunc(v) {
		return 1
	}
	return 0
}

// thin averages values down to maxPoints; a point whose values are all unknown
// is unknown.
func thin(values []float64) []float64 {
	if len(values) <= maxPoints {
		return values
	}
	made := make([]float64, maxPoints)
	for i := range made {
		sum, known := 0.0, 0
		for _, v := range values[i*len(values)/maxPoints : (i+1)*len(values)/maxPoints] {
			if !math.IsNaN(v) {
				sum, known = sum+v, known+1
			}
		}
		made[i] = sum / float64(known) // not a number where none is known
	}
	return made
}

// line is the path through values, from the left edge to the right.
func line(values []float64, top float64) markup {
	var b strings.Builder
	pen := byte('M')
	for i, v := range values {
		if math.IsNaN(v) {
			pen = 'M'
			continue
		}
		x, y := 0.0, float64(plotHeight-1)
		if len(values) > 1 {
			x = float64(plotWidth) * float64(i) / float64(len(values)-1)
		}
		if top > 0 {
			y -= (plotHeight - 4) * min(v/top, 1)
		}
		b.WriteByte(pen)
		b.WriteString(strconv.FormatFloat(x, 'f', 1, 64) + " " + strconv.FormatFloat(y, 'f', 1, 64))
		if pen == 'M' {
			b.WriteString("h.1") // a lone point is seen, too
		}
		pen = 'L'
	}
	return markup(b.String())
}
