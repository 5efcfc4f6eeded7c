package certs_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin/certs"
	"pgregory.net/rapid"
)

func TestHostNames(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct {
		name               string
		served, configured []string
		want               []string
	}{
		{"none", nil, nil, []string{}},
		{"canonical, sorted, once", []string{"MQTT.Example.com.", "a.example.com", "mqtt.example.com"}, nil, []string{"a.example.com", "mqtt.example.com"}},
		{"no wildcards", []string{"*.example.com", "a.*.example.com"}, nil, []string{}},
		{"no addresses", []string{"192.168.1.1", "::1", "1.2.3", "0x7f.1", "127.0x1"}, nil, []string{}},
		{"no localhost", []string{"localhost", "mqtt.localhost", "LOCALHOST."}, []string{"localhost"}, []string{}},
		{"no single labels", []string{"com", "broker"}, nil, []string{}},
		{"single label if configured", []string{"com", "broker"}, []string{"broker"}, []string{"broker"}},
		{"no odd characters", []string{"a b.example.com", "a_b.example.com", "ä.example.com", "a\x00.example.com", "a.example.com\n", "-a.example.com", "a-.example.com"}, nil, []string{}},
		{"no empty labels", []string{"", ".", "a..example.com", ".example.com", "example.com.."}, nil, []string{}},
		{"punycode", []string{"xn--4ca.example.com"}, nil, []string{"xn--4ca.example.com"}},
		{"longest", []string{long + "." + long + "." + long + "." + long[:61], long + "." + long + "." + long + "." + long[:62], long + "a.example.com"}, nil,
			[]string{long + "." + long + "." + long + "." + long[:61]}},
		{"digits within", []string{"1.2.3.example", "3com.com"}, nil, []string{"1.2.3.example", "3com.com"}},
	}
	for _, tt := range tests {
		if got := certs.HostNames(tt.served, tt.configured); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestHostNamesProperties(t *testing.T) {
	name := rapid.OneOf(
		rapid.StringMatching(`[a-zA-Z0-9*_.\-]{0,20}`),
		rapid.StringMatching(`([a-z0-9]{1,8}\.){0,3}[a-z]{1,5}\.?`),
		rapid.String(),
		rapid.SampledFrom([]string{"localhost", "x.localhost", "10.0.0.1", "*.example.com"}),
	)
	rapid.Check(t, func(t *rapid.T) {
		served := rapid.SliceOfN(name, 0, 300).Draw(t, "served")
		got := certs.HostNames(served, nil)
		if got == nil || len(got) > 100 || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("not a sorted set of at most 100: %q", got)
		}
		canonical := make([]string, len(served))
		for i, s := range served {
			canonical[i] = fact.CanonicalName(s)
		}
		for _, n := range got {
			last := n[strings.LastIndexByte(n, '.')+1:]
			switch {
			case !slices.Contains(canonical, n):
				t.Fatalf("%q was not served", n)
			case len(n) > 253, !strings.Contains(n, "."), strings.ContainsAny(n, "*_:/ \n"), strings.HasSuffix(n, ".localhost"):
				t.Fatalf("%q must not be answered", n)
			case strings.Trim(last, "0123456789") == "":
				t.Fatalf("%q may be an address", n)
			}
		}
		if again := certs.HostNames(got, nil); !slices.Equal(again, got) {
			t.Fatalf("not stable: %q, then %q", got, again)
		}
	})
}

func TestCovers(t *testing.T) {
	names := []string{"mqtt.example.com", "*.home.example.org", "*.com"}
	for name, want := range map[string]bool{
		"mqtt.example.com":     true,
		"www.example.com":      false,
		"a.home.example.org":   true,
		"home.example.org":     false,
		"a.b.home.example.org": false,
		"example.com":          false, // a wildcard of a top-level domain covers nothing
	} {
		if got := certs.Covers(names, name); got != want {
			t.Errorf("covers %s: %v", name, got)
		}
	}
}
