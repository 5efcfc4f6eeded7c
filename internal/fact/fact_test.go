package fact_test

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

func TestZeroValuesAreUnknown(t *testing.T) {
	var o fact.Observation
	var v fact.Verdict
	if o.State != fact.Unknown || v != fact.VerdictUnknown {
		t.Errorf("zero values are %v and %v, want unknown", o, v)
	}
}

func TestKnownAddrUnmapsAndRefusesTheInvalid(t *testing.T) {
	now := time.Now()
	if got := fact.KnownAddr(netip.MustParseAddr("::ffff:11.22.33.44"), "x", now); got.String() != "11.22.33.44" {
		t.Errorf("4-in-6 stays %v", got)
	}
	if got := fact.KnownAddr(netip.Addr{}, "x", now); got.State != fact.Unknown {
		t.Errorf("an invalid address is %v", got)
	}
}

func TestVerdictTextGoesBothWays(t *testing.T) {
	for _, v := range []fact.Verdict{fact.VerdictUnknown, fact.VerdictPass, fact.VerdictWarn, fact.VerdictFail} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var back fact.Verdict
		if err := json.Unmarshal(text, &back); err != nil || back != v {
			t.Errorf("%s came back as %v, %v", text, back, err)
		}
	}
	var v fact.Verdict
	if err := json.Unmarshal([]byte(`"green"`), &v); err == nil {
		t.Error(`"green" was taken for a verdict`)
	}
}

func TestWorse(t *testing.T) {
	order := []fact.Verdict{fact.VerdictPass, fact.VerdictUnknown, fact.VerdictWarn, fact.VerdictFail}
	for i, a := range order {
		for j, b := range order {
			if got := fact.Worse(a, b); got != order[max(i, j)] {
				t.Errorf("Worse(%v, %v) = %v", a, b, got)
			}
		}
	}
}

func TestCanonicalName(t *testing.T) {
	for in, want := range map[string]string{
		"MyHome.DuckDNS.org.": "myhome.duckdns.org",
		"a.b":                 "a.b",
		"":                    "",
		"\u212a.example":      "\u212a.example", // Kelvin sign: Unicode folding would make it k
	} {
		if got := fact.CanonicalName(in); got != want {
			t.Errorf("CanonicalName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCloudflareIsKnownByItsNetworks(t *testing.T) {
	for text, want := range map[string]bool{
		"104.16.0.1": true, "172.71.255.255": true, "131.0.75.255": true,
		"104.15.255.255": false, "172.72.0.0": false, "198.51.100.4": false, "::ffff:104.16.0.1": false,
		"2606:4700::1": true, "2a06:98c7:ffff::1": true, "2606:4701::1": false, "2a06:98c8::1": false, "2001:db8::1": false,
	} {
		if got := fact.IsCloudflare(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %t, want %t", text, got, want)
		}
	}
	if fact.IsCloudflare(netip.Addr{}) {
		t.Error("no address is taken for one of Cloudflare's")
	}
}

func TestIsShared(t *testing.T) {
	for addr, want := range map[string]bool{
		"100.64.0.0": true, "100.127.255.255": true, "100.63.255.255": false, "100.128.0.0": false, "10.0.0.1": false, "::ffff:100.64.0.1": false,
	} {
		if got := fact.IsShared(netip.MustParseAddr(addr)); got != want {
			t.Errorf("IsShared(%s) = %t", addr, got)
		}
	}
	if fact.IsShared(netip.Addr{}) {
		t.Error("no address is shared")
	}
}
