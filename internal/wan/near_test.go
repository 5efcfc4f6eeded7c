package wan_test

// The router in the ways it is asked, an interface of ours, a person's word.

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/wan"
)

func TestRouterSource(t *testing.T) {
	tests := []struct {
		name string
		said fact.Observation
		err  error
		want string
	}{
		{"address", seen("11.22.33.44"), nil, "11.22.33.44"},
		{"mapped", fact.Observation{State: fact.Known, Addr: netip.MustParseAddr("::ffff:11.22.33.44")}, nil, "11.22.33.44"},
		{"none", seen("none"), nil, "none"},
		{"not connected", seen("0.0.0.0"), nil, "none"},
		{"could not say", seen("-"), nil, "unknown"},
		{"error beside an address", seen("11.22.33.44"), fact.ErrNoRouter, "unknown"},
		{"IPv6", seen("2001:db8::1"), nil, "unknown"},
	}
	for _, tt := range tests {
		for _, name := range []string{"igd", "natpmp", "pcp"} {
			source := wan.NewRouterSource(name, func(context.Context) (fact.Observation, error) { return tt.said, tt.err })
			o, err := source.Observe(t.Context())
			if o.String() != tt.want || o.Source != name || source.Name() != name || source.Kind() != wan.Router {
				t.Errorf("%s: got %#v, want %s", tt.name, o, tt.want)
			}
			if wantErr := tt.err != nil || tt.name == "IPv6"; (err != nil) != wantErr {
				t.Errorf("%s: error %v", tt.name, err)
			}
		}
	}
}

func addrs(texts ...string) []netip.Addr {
	list := make([]netip.Addr, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParseAddr(text)
	}
	return list
}

func TestInterfaceSource(t *testing.T) {
	for name, c := range map[string]struct {
		has  []netip.Addr
		err  error
		want string
	}{
		"public":                  {addrs("fe80::1", "11.22.33.44"), nil, "11.22.33.44"},
		"public beside private":   {addrs("192.168.1.2", "::ffff:11.22.33.44"), nil, "11.22.33.44"},
		"CGNAT is given as it is": {addrs("100.64.3.4"), nil, "100.64.3.4"},
		"none":                    {nil, nil, "none"},
		"IPv6 only":               {addrs("2a02::1", "169.254.1.1", "127.0.0.1"), nil, "none"},
		"no such interface":       {nil, errors.New("no such network interface"), "unknown"},
	} {
		source := wan.NewInterface(wan.SourceSpec{Type: "interface", Arg: "ppp0"}, func(name string) ([]netip.Addr, error) {
			if name != "ppp0" {
				t.Errorf("asked for %q", name)
			}
			return c.has, c.err
		})
		o, err := source.Observe(t.Context())
		if o.String() != c.want || (err != nil) != (c.err != nil) || source.Name() != "interface:ppp0" || source.Kind() != wan.Router {
			t.Errorf("%s: got %#v, %v, want %s", name, o, err, c.want)
		}
	}
}

// Without a list of the test's, the kernel is asked.
func TestInterfaceSourceAsksTheKernel(t *testing.T) {
	all, err := net.Interfaces()
	if err != nil || len(all) == 0 {
		t.Skip("no interfaces")
	}
	if _, err := wan.NewInterface(wan.SourceSpec{Type: "interface", Arg: all[0].Name}, nil).Observe(t.Context()); err != nil {
		t.Error(err)
	}
	if o, err := wan.NewInterface(wan.SourceSpec{Type: "interface", Arg: "nosuchif0"}, nil).Observe(t.Context()); err == nil || o.State != fact.Unknown {
		t.Errorf("got %#v, %v", o, err)
	}
}

// The public address of our own interface lies in one of our own prefixes.
func TestInterfaceSourceAgreesInItsOwnPrefix(t *testing.T) {
	spec := wan.SourceSpec{Type: "interface", Arg: "ppp0"}
	source := wan.NewInterface(spec, func(string) ([]netip.Addr, error) { return addrs("11.22.33.44"), nil })
	cfg := wan.Config{OwnPrefixes: func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("11.22.33.0/24")} }}
	runWith(t, cfg, func(t *testing.T, w *wan.Watcher) {
		wantAddress(t, w, "11.22.33.44")
		wantVerdict(t, w, fact.VerdictPass)
	}, source, outside("a", says("11.22.33.44")))
}

func word(text string) wan.Source {
	return wan.NewStatic(wan.SourceSpec{Type: "static", Addr: netip.MustParseAddr(text)})
}

func TestStaticStandsAlone(t *testing.T) {
	runWith(t, wan.Config{}, func(t *testing.T, w *wan.Watcher) {
		wantAddress(t, w, "11.22.33.44")
		wantVerdict(t, w, fact.VerdictPass)
	}, word("11.22.33.44"))
}

func TestStaticIsHeldAgainstTheOthers(t *testing.T) {
	for name, c := range map[string]struct {
		router, outside string
		verdict         fact.Verdict
		nat, want       string
	}{
		"confirmed":            {"11.22.33.44", "11.22.33.44", fact.VerdictPass, "none", "the config"},
		"others silent":        {"-", "-", fact.VerdictPass, "", ""},
		"outside contradicts":  {"-", "11.22.33.55", fact.VerdictWarn, "", "the internet sees 11.22.33.55"},
		"router contradicts":   {"11.22.33.55", "11.22.33.44", fact.VerdictWarn, "", "the router gives 11.22.33.55"},
		"router is behind NAT": {"192.168.1.2", "11.22.33.44", fact.VerdictWarn, "double", "second NAT"},
		"router is in CGNAT":   {"100.64.1.2", "11.22.33.44", fact.VerdictWarn, "cgnat", "second NAT"},
	} {
		t.Run(name, func(t *testing.T) {
			runWith(t, wan.Config{}, func(t *testing.T, w *wan.Watcher) {
				after(time.Minute)
				wantAddress(t, w, "11.22.33.44")
				wantVerdict(t, w, c.verdict)
				s := w.Status().Load()
				if s.NAT != c.nat || c.verdict != fact.VerdictPass && !strings.Contains(s.Link.Summary, c.want) {
					t.Errorf("NAT %q, %q", s.NAT, s.Link.Summary)
				}
			}, router(says(c.router)), word("11.22.33.44"), outside("a", says(c.outside)))
		})
	}
}

func TestStaticThatNobodyCanHaveIsNotPublished(t *testing.T) {
	for _, text := range []string{"192.168.1.1", "100.64.0.1", "104.16.0.1", "11.99.0.1", "224.0.0.1"} {
		runWith(t, wan.Config{}, func(t *testing.T, w *wan.Watcher) {
			wantAddress(t, w, "unknown")
			wantVerdict(t, w, fact.VerdictUnknown)
		}, word(text), router(says(text)), outside("a", says(text)), outside("b", says(text)))
	}
}
