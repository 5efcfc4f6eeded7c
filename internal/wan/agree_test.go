package wan_test

// The rule of agreement: a table of homes, and what must hold for any answers.

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/wan"
	"pgregory.net/rapid"
)

var own = []netip.Prefix{netip.MustParsePrefix("192.168.77.0/24"), netip.MustParsePrefix("11.99.0.0/16")}

// seen reads "-" as no answer, "none" as a positive none, else an address.
func seen(text string) fact.Observation {
	switch text {
	case "-":
		return fact.Observation{}
	case "none":
		return fact.NoAddr("", time.Time{})
	default:
		return fact.KnownAddr(netip.MustParseAddr(text), "", time.Time{})
	}
}

func answers(router string, outside ...string) []wan.Answer {
	list := []wan.Answer{{Source: "igd", Party: "igd", Kind: wan.Router, Observation: seen(router)}}
	for i, text := range outside {
		host := string(rune('a' + i))
		list = append(list, wan.Answer{Source: "https://" + host, Party: host, Kind: wan.Outside, Observation: seen(text)})
	}
	return list
}

func TestAgree(t *testing.T) {
	tests := []struct {
		name    string
		router  string
		outside []string
		cause   wan.Cause
		addr    string
		nat     string
	}{
		{"router and outside agree", "11.22.33.44", []string{"11.22.33.44"}, wan.Agreed, "11.22.33.44", "none"},
		{"router and one of two agree", "11.22.33.44", []string{"11.22.33.55", "11.22.33.44"}, wan.Agreed, "11.22.33.44", "none"},
		{"mapped form is the same address", "11.22.33.44", []string{"::ffff:11.22.33.44"}, wan.Agreed, "11.22.33.44", "none"},
		{"nobody", "-", nil, wan.Silence, "", ""},
		{"router alone", "11.22.33.44", []string{"-"}, wan.OutsideSilent, "", ""},
		{"one outside alone", "-", []string{"11.22.33.44", "-"}, wan.OneVoice, "", ""},
		{"two outside agree", "-", []string{"11.22.33.44", "11.22.33.44"}, wan.Agreed, "11.22.33.44", ""},
		{"two outside differ", "-", []string{"11.22.33.44", "11.22.33.55"}, wan.OutsideSplit, "", ""},
		{"two of three agree", "-", []string{"11.22.33.44", "11.22.33.55", "11.22.33.44"}, wan.Agreed, "11.22.33.44", ""},
		{"two against two", "-", []string{"11.22.33.44", "11.22.33.55", "11.22.33.44", "11.22.33.55"}, wan.OutsideSplit, "", ""},
		{"router says none", "none", []string{"11.22.33.44", "11.22.33.44"}, wan.RouterNone, "", ""},
		{"double NAT", "192.168.1.2", []string{"11.22.33.44"}, wan.RouterPrivate, "", "double"},
		{"double NAT, outside silent", "10.0.0.2", []string{"-"}, wan.RouterPrivate, "", "double"},
		{"double NAT beats two outside", "172.16.0.9", []string{"11.22.33.44", "11.22.33.44"}, wan.RouterPrivate, "", "double"},
		{"CGNAT", "100.64.0.9", []string{"11.22.33.44"}, wan.RouterCGNAT, "", "cgnat"},
		{"upper end of CGNAT", "100.127.255.255", []string{"-"}, wan.RouterCGNAT, "", "cgnat"},
		{"beyond CGNAT", "100.128.0.1", []string{"100.128.0.1"}, wan.Agreed, "100.128.0.1", "none"},
		{"reversed octets", "44.33.22.11", []string{"11.22.33.44"}, wan.RouterReversed, "", ""},
		{"reversed octets look private", "10.22.33.44", []string{"44.33.22.10"}, wan.RouterReversed, "", ""},
		{"palindrome is no reversal", "11.22.22.11", []string{"11.22.22.11"}, wan.Agreed, "11.22.22.11", "none"},
		{"differ", "11.22.33.44", []string{"11.22.33.55", "11.22.33.55"}, wan.Differ, "", ""},
		{"router in own LAN", "192.168.77.1", []string{"11.22.33.44"}, wan.RouterOdd, "", ""},
		{"router loopback", "127.0.0.1", []string{"127.0.0.1"}, wan.RouterOdd, "", ""},
		{"router IPv6", "2001:db8::1", []string{"11.22.33.44"}, wan.RouterOdd, "", ""},
		{"own prefix that looks public", "11.99.3.4", []string{"11.99.3.4"}, wan.RouterOdd, "", ""},
		{"Cloudflare outside", "11.22.33.44", []string{"104.18.0.1"}, wan.OutsideOdd, "", ""},
		{"Cloudflare everywhere", "-", []string{"1.1.1.1", "1.1.1.1"}, wan.OutsideOdd, "", ""},
		{"DS-Lite", "192.0.0.2", []string{"11.22.33.44"}, wan.RouterDSLite, "", "cgnat"},
		{"beyond DS-Lite", "192.0.0.8", []string{"11.22.33.44"}, wan.RouterOdd, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := wan.Agree(answers(tt.router, tt.outside...), own)
			addr := ""
			if got.Addr.IsValid() {
				addr = got.Addr.String()
			}
			if got.Cause != tt.cause || addr != tt.addr || got.NAT != tt.nat {
				t.Errorf("got cause %d addr %q nat %q, want %d %q %q", got.Cause, addr, got.NAT, tt.cause, tt.addr, tt.nat)
			}
		})
	}
}

func TestAgreeTwoNamesOfOnePartyAreOneVoice(t *testing.T) {
	list := answers("-", "11.22.33.44", "11.22.33.44")
	list[1].Party = list[2].Party
	if got := wan.Agree(list, own); got.Cause != wan.OneVoice {
		t.Errorf("got cause %d, want OneVoice", got.Cause)
	}
}

func TestAgreeRoutersContradict(t *testing.T) {
	const right = "11.22.33.44"
	tests := []struct {
		name, first, second string
		outside             []string
		agreed              string
	}{
		{"one stale", right, "11.22.33.55", []string{right}, right},
		{"the first stale", "11.22.33.55", right, []string{right}, right},
		{"one reversed", right, "44.33.22.11", []string{right}, right},
		{"one reversed, which looks private", "44.33.22.10", "10.22.33.44", []string{"44.33.22.10"}, "44.33.22.10"},
		{"one garbage", right, "240.0.0.1", []string{right}, right},
		{"one of two outside", right, "11.22.33.55", []string{"11.22.33.66", right}, right},
		{"another's reversal", right, "10.22.33.44", []string{right}, ""},
		{"one has none", right, "none", []string{right}, ""},
		{"one private", right, "192.168.1.2", []string{right}, ""},
		{"one CGNAT", right, "100.64.0.9", []string{right}, ""},
		{"one DS-Lite", right, "192.0.0.2", []string{right}, ""},
		{"one in the own LAN", right, "192.168.77.1", []string{right}, ""},
		{"both confirmed", right, "11.22.33.55", []string{"11.22.33.55", right}, ""},
		{"none confirmed", right, "11.22.33.55", []string{"11.22.33.66", "11.22.33.66"}, ""},
		{"outside silent", right, "11.22.33.55", []string{"-"}, ""},
		{"both unusable", "10.0.0.2", "240.0.0.1", []string{right, right}, ""},
	}
	for _, tt := range tests {
		list := append(answers(tt.first, tt.outside...), answers(tt.second)...)
		got := wan.Agree(list, own)
		switch {
		case tt.agreed == "" && (got.Cause != wan.RoutersSplit || got.Addr.IsValid() || len(got.Against) > 0):
			t.Errorf("%s: got %+v, want RoutersSplit", tt.name, got)
		case tt.agreed != "" && (got.Cause != wan.Agreed || got.Addr.String() != tt.agreed || got.NAT != "none" || len(got.Against) != 1):
			t.Errorf("%s: got %+v, want %s against one voice", tt.name, got, tt.agreed)
		}
	}
}

// never are ranges of which no address may ever be published, whoever says so.
var never = []string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4", "104.16.0.0/13", "172.64.0.0/13", "162.158.0.0/15", "11.99.0.0/16",
}

func TestAgreeNeverPublishesUnusable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := netip.MustParsePrefix(rapid.SampledFrom(never).Draw(t, "prefix"))
		b := p.Addr().As4()
		low := rapid.Uint32().Draw(t, "low") & (1<<(32-p.Bits()) - 1)
		for i := range b {
			b[i] |= byte(low >> (24 - 8*i))
		}
		text := netip.AddrFrom4(b).String()
		for _, router := range []string{text, "-"} {
			if got := wan.Agree(answers(router, text, text, text), own); got.Cause == wan.Agreed || got.Addr.IsValid() {
				t.Fatalf("%s was agreed with router %s: %+v", text, router, got)
			}
		}
	})
}

func drawAnswers(t *rapid.T) []wan.Answer {
	said := rapid.SampledFrom([]string{"-", "none", "11.22.33.44", "44.33.22.11", "11.22.33.55", "192.168.1.2", "100.64.1.1", "104.16.0.1", "11.99.1.1"})
	list := make([]wan.Answer, rapid.IntRange(0, 6).Draw(t, "n"))
	for i := range list {
		kind, host := wan.Router, "igd"
		if rapid.Bool().Draw(t, "outside") {
			kind, host = wan.Outside, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "host")
		}
		list[i] = wan.Answer{Source: host, Party: host, Kind: kind, Observation: seen(said.Draw(t, "said"))}
	}
	return list
}

// TestAgreeRule says the rule a second time, in the other direction.
func TestAgreeRule(t *testing.T) {
	public := map[string]bool{"11.22.33.44": true, "44.33.22.11": true, "11.22.33.55": true}
	rapid.Check(t, func(t *rapid.T) {
		list := drawAnswers(t)
		routers, hosts := map[string]bool{}, map[string]map[string]bool{}
		for _, a := range list {
			text := a.Observation.String()
			switch {
			case a.Observation.State == fact.Unknown:
			case a.Kind == wan.Router:
				routers[text] = true
			case public[text]:
				if hosts[text] == nil {
					hosts[text] = map[string]bool{}
				}
				hosts[text][a.Party] = true
			}
		}
		want, agreed := "", 0
		for addr := range public {
			if routers[addr] && len(hosts[addr]) > 0 || len(routers) == 0 && len(hosts[addr]) >= 2 {
				want = addr
				agreed++
			}
		}
		for said := range routers { // beside one that is agreed
			switch said {
			case "none", "192.168.1.2", "100.64.1.1", "11.99.1.1":
				want = ""
			}
		}
		if agreed != 1 {
			want = ""
		}
		got := wan.Agree(list, own)
		if (got.Cause == wan.Agreed) != (want != "") || want != "" && got.Addr.String() != want {
			t.Fatalf("got %+v, want %q", got, want)
		}
	})
}

func TestAgreeIgnoresOrderAndSilence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := drawAnswers(t)
		want := wan.Agree(list, own)
		var spoken []wan.Answer
		for _, a := range list {
			if a.Observation.State != fact.Unknown {
				spoken = append(spoken, a)
			}
		}
		if got := wan.Agree(spoken, own); !reflect.DeepEqual(got, want) {
			t.Fatalf("without the silent: %+v, with them: %+v", got, want)
		}
		got := wan.Agree(rapid.Permutation(list).Draw(t, "order"), own)
		if got.Addr != want.Addr || got.Cause != want.Cause || got.NAT != want.NAT {
			t.Fatalf("in another order: %+v, before: %+v", got, want)
		}
	})
}
