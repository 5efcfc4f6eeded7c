//go:build linux

package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// Every server must be told the same: where to listen, whom to ask, and the one
// override.
func TestConfigs(t *testing.T) {
	at := place{dir: "/nowhere/at-all", port: 20101, upstream: 20102, status: 20103}
	for _, p := range append([]peer{edgeguard("edgeguard", "eg")}, peers...) {
		c := p.config("/bin/program", at)
		told := strings.Join(c.argv, " ") + strings.Join(slices.Collect(maps.Values(c.files)), "\n")
		if p.echo {
			if c.argv[1] != "20101" {
				t.Errorf("%s is started by %q", p.name, c.argv)
			}
			continue
		}
		for _, part := range []string{"20101", "20102", overrideName, overrideAddr, "127.0.0.1"} {
			if !strings.Contains(told, part) {
				t.Errorf("%s is not told of %s:\n%s", p.name, part, told)
			}
		}
		for name := range c.files {
			if strings.HasPrefix(name, "/") || strings.Contains(name, "..") {
				t.Errorf("%s has a file %q outside its folder", p.name, name)
			}
		}
		if c.argv[0] != "/bin/program" {
			t.Errorf("%s is started by %q", p.name, c.argv)
		}
	}
}

func TestEveryTargetedPeerIsThere(t *testing.T) {
	var names []string
	for _, p := range peers {
		if p.against {
			names = append(names, p.name)
		}
	}
	if want := []string{"dnsdist", "unbound", "dnsmasq", "kresd"}; !slices.Equal(names, want) {
		t.Errorf("the targets are against %v, not %v", names, want)
	}
}

// Nobody may always be first, or always after the same neighbour.
func TestOrderTakesTurns(t *testing.T) {
	first, before := map[string]int{}, map[string]int{}
	for round := range 2 * len(peers) {
		list := inOrder(peers, round)
		seen := map[string]bool{}
		for i, p := range list {
			seen[p.name] = true
			if i > 0 {
				before[list[i-1].name+" "+p.name]++
			}
		}
		if len(seen) != len(peers) {
			t.Fatalf("round %d has %d servers, not %d", round, len(seen), len(peers))
		}
		first[list[0].name]++
	}
	for _, p := range peers {
		if first[p.name] == 0 {
			t.Errorf("%s is never first: %v", p.name, first)
		}
	}
	for pair, n := range before {
		a, b, _ := strings.Cut(pair, " ")
		if before[b+" "+a] != n {
			t.Errorf("%s comes before %s %d times, and after it %d times", a, b, n, before[b+" "+a])
		}
	}
	if got := inOrder(nil, 3); len(got) != 0 {
		t.Errorf("the order of none is %v", got)
	}
}

func TestFlags(t *testing.T) {
	o, err := parseFlags([]string{"-rates", "5,max", "-workload", "miss,start", "-build", "a=b", "-build", "c=/d"})
	if err != nil || !slices.Equal(o.rates, []int{5, 0}) || !slices.Equal(o.workloads, []string{miss, startPart}) || !slices.Equal(o.builds, []string{"a=b", "c=/d"}) {
		t.Errorf("%+v, %v", o, err)
	}
	for _, wrong := range []string{"-rates=0", "-rates=", "-rates=x", "-workload=hit", "-build=x", "-build==x", "-rounds=0", "-seconds=0", "stray"} {
		if o, err := parseFlags([]string{wrong}); err == nil {
			t.Errorf("%s is taken: %+v", wrong, o)
		}
	}
}

func TestNamesAreDistinct(t *testing.T) {
	seen := map[string]bool{overrideName: true}
	for i := range 2000 {
		for _, name := range []string{cachedName(i), missName("miss0", i), missName("miss2000", i)} {
			if seen[name] {
				t.Fatalf("%s is asked in two places", name)
			}
			seen[name] = true
		}
	}
}
