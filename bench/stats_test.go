//go:build linux

package main

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSummary(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   summary
	}{
		{nil, summary{}},
		{[]float64{3}, summary{3, 3, 3, 1}},
		{[]float64{9, 1, 2}, summary{2, 1, 9, 3}},
		{[]float64{4, 1, 2, 100}, summary{3, 1, 100, 4}},
	} {
		if got := summarize(c.values); got != c.want {
			t.Errorf("of %v: %+v, not %+v", c.values, got, c.want)
		}
	}
}

func TestSummaryIsOfTheValuesNotTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0.001, 1e6), 1, 20).Draw(t, "values")
		got := summarize(values)
		if below := slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return v > got.Median }); 2*len(below) < len(values) {
			t.Fatalf("%v is no median of %v: %d are not above", got.Median, values, len(below))
		}
		if above := slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return v < got.Median }); 2*len(above) < len(values) {
			t.Fatalf("%v is no median of %v: %d are not below", got.Median, values, len(above))
		}
		slices.Reverse(values)
		if again := summarize(values); again != got {
			t.Fatalf("backwards it is %+v, not %+v", again, got)
		}
	})
}

// A slow round is slow for both, and must not show in the ratio.
func TestRatiosAreWithinARound(t *testing.T) {
	ours := byRound{0: 2, 1: 20, 2: 3, 4: 7}
	theirs := byRound{0: 4, 1: 40, 2: 6, 3: 1}
	if got, want := ratios(ours, theirs), (summary{0.5, 0.5, 0.5, 3}); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
	if got := ratios(ours, nil); got != (summary{}) {
		t.Errorf("beside nothing: %+v", got)
	}
	if got := ratios(ours, byRound{0: 0}); got.N != 0 {
		t.Errorf("beside zero: %+v", got)
	}
}

func TestBest(t *testing.T) {
	of := map[string]byRound{"a": {0: 3, 1: 3, 2: 1}, "b": {0: 2, 1: 2, 2: 9}, "none": {}}
	if got := best(of, false); got != "b" {
		t.Errorf("the lowest is %q", got)
	}
	if got := best(of, true); got != "a" {
		t.Errorf("the highest is %q", got)
	}
	if got := best(nil, true); got != "" {
		t.Errorf("the best of none is %q", got)
	}
}

func TestPercentile(t *testing.T) {
	var list []int
	for i := range 1000 {
		list = append(list, i)
	}
	for p, want := range map[float64]int{0: 0, 50: 500, 99: 990, 100: 999} {
		if got := percentile(list, p); got != want {
			t.Errorf("%v%% is %d, not %d", p, got, want)
		}
	}
	if got := percentile([]int{}, 99); got != 0 {
		t.Errorf("of none it is %d", got)
	}
}
