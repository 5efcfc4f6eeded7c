package wan_test

// IPv6: the rule, and the watcher of our own address.

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/wan"
	"pgregory.net/rapid"
)

func answers6(own []string, outside ...string) []wan.Answer {
	a := wan.Answer{Source: "interface:eth0", Party: "interface:eth0", Kind: wan.Router, Ours: true, Observation: seen(own[0])}
	if len(own) > 1 {
		a.More = addrs(own[1:]...)
	}
	list := []wan.Answer{a}
	for i, text := range outside {
		party := string(rune('a' + i))
		list = append(list, wan.Answer{Source: "https://" + party, Party: party, Kind: wan.Outside, Observation: seen(text)})
	}
	return list
}

func TestAgreeIPv6(t *testing.T) {
	for name, c := range map[string]struct {
		own     []string
		outside []string
		cause   wan.Cause
		addr    string
	}{
		"same address":                    {[]string{"2a02:8071:1::1"}, []string{"2a02:8071:1::1"}, wan.Agreed, "2a02:8071:1::1"},
		"privacy address":                 {[]string{"2a02:8071:1::1"}, []string{"2a02:8071:1:0:a:b:c:d"}, wan.Agreed, "2a02:8071:1::1"},
		"one of two services":             {[]string{"2a02:8071:1::1"}, []string{"2a02:8071:2::1", "2a02:8071:1::5"}, wan.Agreed, "2a02:8071:1::1"},
		"another /64 of the same /56":     {[]string{"2a02:8071:1::1"}, []string{"2a02:8071:1:1::1"}, wan.Differ, ""},
		"the outside chooses the network": {[]string{"2a02:8071:1::1", "2a02:8071:2::1"}, []string{"2a02:8071:2::9"}, wan.Agreed, "2a02:8071:2::1"},
		"the best of two in a network":    {[]string{"2a02:8071:1::1", "2a02:8071:1::2"}, []string{"2a02:8071:1::9"}, wan.Agreed, "2a02:8071:1::1"},
		"outside silent":                  {[]string{"2a02:8071:1::1"}, []string{"-"}, wan.OutsideSilent, ""},
		"outside proxied":                 {[]string{"2a02:8071:1::1"}, []string{"2606:4700::1"}, wan.OutsideOdd, ""},
		"no address of ours":              {[]string{"none"}, []string{"2a02:8071:1::1", "2a02:8071:1::1"}, wan.RouterNone, ""},
		"ours not known":                  {[]string{"-"}, []string{"2a02:8071:1::1", "2a02:8071:1::1"}, wan.OneVoice, ""},
		"unique local":                    {[]string{"fd00::1"}, []string{"fd00::1"}, wan.RouterOdd, ""},
		"nobody":                          {[]string{"-"}, nil, wan.Silence, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := wan.AgreeIPv6(answers6(c.own, c.outside...))
			addr := ""
			if got.Addr.IsValid() {
				addr = got.Addr.String()
			}
			if got.Cause != c.cause || addr != c.addr {
				t.Errorf("got cause %d addr %q, want %d %q", got.Cause, addr, c.cause, c.addr)
			}
		})
	}
}

// never6 are networks of which no address may ever be published.
var never6 = []string{
	"::/8", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:2::/48", "2001:10::/28", "2001:20::/28",
	"2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
	"2606:4700::/32", "2a06:98c0::/29", "2400:cb00::/32",
}

func TestAgreeIPv6NeverPublishesUnusable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := netip.MustParsePrefix(rapid.SampledFrom(never6).Draw(t, "prefix"))
		b := p.Addr().As16()
		low := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "low")
		for i := range b {
			keep := byte(0xff)
			if bits := p.Bits() - 8*i; bits >= 8 {
				keep = 0
			} else if bits > 0 {
				keep = 0xff >> bits
			}
			b[i] |= low[i] & keep
		}
		addr := netip.AddrFrom16(b)
		text := addr.String()
		if wan.Publishable6(addr) {
			t.Fatalf("%s may be published", addr)
		}
		for _, own := range [][]string{{text}, {"2a02:8071:1::1", text}} {
			got := wan.AgreeIPv6(answers6(own, text, text))
			if got.Addr == addr || got.Cause == wan.Agreed {
				t.Fatalf("%s was agreed: %+v", addr, got)
			}
		}
	})
}

func TestAgreeIPv6IgnoresOrderAndSilence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		said := rapid.SampledFrom([]string{"-", "2a02:8071:1::1", "2a02:8071:1::2", "2a02:8071:2::1", "2a02:8071:3::1", "fd00::1", "2606:4700::1"})
		own := rapid.SampledFrom([][]string{{"-"}, {"none"}, {"2a02:8071:1::1"}, {"2a02:8071:1::1", "2a02:8071:2::1"}, {"fd00::1"}}).Draw(t, "own")
		list := answers6(own, rapid.SliceOfN(said, 0, 5).Draw(t, "outside")...)
		want := wan.AgreeIPv6(list)
		spoken := slices.DeleteFunc(slices.Clone(list), func(a wan.Answer) bool { return a.Observation.State == fact.Unknown })
		if got := wan.AgreeIPv6(spoken); !reflect.DeepEqual(got, want) {
			t.Fatalf("without the silent: %+v, with them: %+v", got, want)
		}
		got := wan.AgreeIPv6(rapid.Permutation(list).Draw(t, "order"))
		if got.Addr != want.Addr || got.Cause != want.Cause || got.Router != want.Router {
			t.Fatalf("in another order: %+v, before: %+v", got, want)
		}
		if got.Addr.IsValid() && !slices.Contains(own, got.Addr.String()) {
			t.Fatalf("%s is not ours", got.Addr)
		}
	})
}

// eth is our interface.
type eth struct {
	mu    sync.Mutex
	addrs []netip.Addr // guarded by mu
	err   error        // guarded by mu
}

func (e *eth) has(texts ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.addrs = addrs(texts...)
}

func (e *eth) list() ([]netip.Addr, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.addrs, e.err
}

func TestWatcherOfIPv6(t *testing.T) {
	e, a, b := &eth{}, outside("a", says("2a02:8071:1:0:a:b:c:d")), outside("b", says("2a02:8071:1:0:a:b:c:d"))
	runWith(t, wan.Config{Family: wan.IPv6}, func(t *testing.T, w *wan.Watcher) {
		after(48 * time.Hour)
		wantAddress(t, w, "unknown")
		if n := len(a.asked()) + len(b.asked()); n != 0 {
			t.Errorf("without an address of ours the outside was asked %d times", n)
		}
		e.has("fd00::1", "2a02:8071:1::1")
		if took := changed(t, w, time.Minute, hint(w, "address")); took > 100*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		wantAddress(t, w, "2a02:8071:1::1")
		wantVerdict(t, w, fact.VerdictPass)
		after(time.Hour)
		// The provider gives another prefix; a router that was restarted lets
		// the old one stand.
		e.has("2a02:8071:2::1", "2a02:8071:1::1")
		a.says("2a02:8071:2:0:a:b:c:d")
		b.says("2a02:8071:2:0:a:b:c:d")
		if took := changed(t, w, time.Minute, hint(w, "address")); took > 100*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		wantAddress(t, w, "2a02:8071:2::1")
		e.has()
		after(time.Hour)
		wantAddress(t, w, "2a02:8071:2::1")
		wantVerdict(t, w, fact.VerdictWarn)
	}, wan.NewIPv6Interface("interface:eth0", e.list), a, b)
}

func TestWatcherOfIPv6ThatCannotLook(t *testing.T) {
	e := &eth{err: errors.New("no netlink here")}
	a := outside("a", says("2a02:8071:1::1"))
	runWith(t, wan.Config{Family: wan.IPv6}, func(t *testing.T, w *wan.Watcher) {
		after(time.Hour)
		wantAddress(t, w, "unknown")
		wantVerdict(t, w, fact.VerdictUnknown)
		if n := len(a.asked()); n != 0 {
			t.Errorf("asked %d times", n)
		}
	}, wan.NewIPv6Interface("interface:eth0", e.list), a)
}

func TestStatusOfBothFamilies(t *testing.T) {
	four := wan.Status{IPv4: seen("11.22.33.44"), NAT: "none", Link: fact.Link{Verdict: fact.VerdictPass, Summary: "Four."}, Sources: make([]wan.SourceStatus, 2)}
	six := wan.Status{IPv6: seen("2a02::1"), Link: fact.Link{Verdict: fact.VerdictPass, Summary: "Six."}, Sources: make([]wan.SourceStatus, 1)}
	both := four.With6(six)
	if both.IPv4 != four.IPv4 || both.IPv6 != six.IPv6 || both.NAT != "none" || both.Link.Summary != "Four." || len(both.Sources) != 3 {
		t.Errorf("both good: %+v", both)
	}
	six.Link = fact.Link{Verdict: fact.VerdictWarn, Summary: "Six differs.", Action: "Do."}
	if l := four.With6(six).Link; l.Verdict != fact.VerdictWarn || l.Summary != "Four. IPv6: Six differs." || l.Action != "Do." {
		t.Errorf("six worse: %+v", l)
	}
	four.Link = fact.Link{Verdict: fact.VerdictFail, Summary: "NAT.", Action: "Ask."}
	if l := four.With6(six).Link; l.Verdict != fact.VerdictFail || l.Action != "Ask." {
		t.Errorf("four worse: %+v", l)
	}
}
