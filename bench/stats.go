//go:build linux

package main

// Medians, spreads and ratios.

import "slices"

// summary is what is said of several measurements of one thing.
type summary struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"`
}

// summarize returns the median of the values, the mean of the middle two where
// their number is even, with the smallest and the largest. Of none it is zero.
func summarize(values []float64) summary {
	if len(values) == 0 {
		return summary{}
	}
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	return summary{Median: (s[(n-1)/2] + s[n/2]) / 2, Min: s[0], Max: s[n-1], N: n}
}

// byRound maps a round to what was measured in it.
type byRound map[int]float64

func (b byRound) summary() summary {
	var values []float64
	for _, v := range b {
		values = append(values, v)
	}
	return summarize(values)
}

// ratios divides what was measured in the same round: what else the machine did
// then weighs on both.
func ratios(over, under byRound) summary {
	var values []float64
	for round, v := range over {
		if u := under[round]; u > 0 {
			values = append(values, v/u)
		}
	}
	return summarize(values)
}

// best returns the name whose median is the lowest, or the highest, and ""
// where there is none.
func best(of map[string]byRound, highest bool) string {
	found, value := "", 0.0
	for name, rounds := range of {
		s := rounds.summary()
		if s.N == 0 {
			continue
		}
		better := s.Median < value
		if highest {
			better = s.Median > value
		}
		if found == "" || better || s.Median == value && name < found {
			found, value = name, s.Median
		}
	}
	return found
}

// percentile returns the smallest value that p percent of the sorted values do
// not exceed. It returns 0 of none.
func percentile[T any](sorted []T, p float64) T {
	var zero T
	if len(sorted) == 0 {
		return zero
	}
	i := int(p / 100 * float64(len(sorted)))
	return sorted[min(i, len(sorted)-1)]
}
