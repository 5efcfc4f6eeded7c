package zone_test

// What a zone can be made of, and when two are the same.

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// Overrides with addresses of one family, of both, and of the other.
var (
	mqtt = zone.Override{Name: "mqtt.example.org", V4: []netip.Addr{netip.MustParseAddr("192.168.1.10")}, Reason: "configured"}
	both = zone.Override{Name: "both.example.org", V4: []netip.Addr{netip.MustParseAddr("192.168.1.11"), netip.MustParseAddr("10.0.0.11")},
		V6: []netip.Addr{netip.MustParseAddr("fd00::11")}}
	six = zone.Override{Name: "six.example.org", V6: []netip.Addr{netip.MustParseAddr("fd00::12")}}
)

func mustZone(t testing.TB, overrides ...zone.Override) *zone.Zone {
	t.Helper()
	z, err := zone.New(overrides, 0)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func rec(name, typ string, values ...string) zone.Record {
	return zone.Record{Name: name, Type: typ, Values: values}
}

func TestNewRefuses(t *testing.T) {
	v4, v6 := mqtt.V4, six.V6
	for name, list := range map[string][]zone.Override{
		"no address":          {{Name: "a.example"}},
		"no name":             {{V4: v4}},
		"a wildcard":          {{Name: "*.example", V4: v4}},
		"a V6 address as V4":  {{Name: "a.example", V4: v6}},
		"a V4 address as V6":  {{Name: "a.example", V6: v4}},
		"an empty address":    {{Name: "a.example", V4: []netip.Addr{{}}}},
		"0.0.0.0":             {{Name: "a.example", V4: []netip.Addr{netip.IPv4Unspecified()}}},
		"two different":       {{Name: "a.example", V4: v4}, {Name: "A.example.", V6: v6}},
		"too many addresses":  {{Name: "a.example", V4: slices.Repeat(v4, 17)}},
		"a label of 64 bytes": {{Name: strings.Repeat("x", 64), V4: v4}},
	} {
		if _, err := zone.New(list, 0); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, ttl := range []time.Duration{-1, 1, 25 * time.Hour} {
		if _, err := zone.New(nil, ttl); err == nil {
			t.Errorf("a TTL of %s is taken", ttl)
		}
	}
}

func TestZoneEqual(t *testing.T) {
	a := mustZone(t, mqtt, both)
	if !a.Equal(mustZone(t, both, mqtt)) {
		t.Error("order counts")
	}
	other := mqtt
	other.V4 = both.V4
	for name, b := range map[string]*zone.Zone{"fewer": mustZone(t, mqtt), "another address": mustZone(t, other, both), "nil": nil} {
		if a.Equal(b) || b.Equal(a) {
			t.Errorf("a zone equals one with %s", name)
		}
	}
	if !(*zone.Zone)(nil).Equal(nil) {
		t.Error("nil is not nil")
	}
	slow, err := zone.New([]zone.Override{mqtt, both}, time.Hour)
	if err != nil || a.Equal(slow) {
		t.Error("the TTL does not count")
	}
	if same := mustZone(t, mqtt, zone.Override{Name: "MQTT.example.org.", V4: mqtt.V4, Reason: "certificate of mqtt"}); len(same.Overrides()) != 1 || same.Overrides()[0].Reason != "configured, certificate of mqtt" {
		t.Errorf("the same override twice is %v", same.Overrides())
	}
}

func TestBuildRefusesRecords(t *testing.T) {
	for name, list := range map[string][]zone.Record{
		"no value":              {rec("a.example", "A")},
		"another type":          {rec("a.example", "MX", "10 b.example")},
		"AAAA as A":             {rec("a.example", "A", "fd00::1")},
		"A as AAAA":             {rec("a.example", "AAAA", "192.168.1.1")},
		"4-in-6":                {rec("a.example", "AAAA", "::ffff:192.168.1.1")},
		"0.0.0.0":               {rec("a.example", "A", "0.0.0.0")},
		"a value twice":         {rec("a.example", "TXT", "x", "x")},
		"an address twice":      {rec("a.example", "A", "192.168.1.1", "192.168.1.1")},
		"two targets":           {rec("a.example", "CNAME", "b.example", "c.example")},
		"CNAME and A":           {rec("a.example", "CNAME", "b.example"), rec("a.example", "A", "192.168.1.1")},
		"A and CNAME":           {rec("a.example", "A", "192.168.1.1"), rec("A.example", "CNAME", "b.example")},
		"a type twice":          {rec("a.example", "TXT", "x"), rec("a.example", "TXT", "y")},
		"A twice":               {rec("a.example", "A", "192.168.1.1"), rec("a.example", "A", "192.168.1.2")},
		"SRV of three":          {rec("a.example", "SRV", "1 2 b.example")},
		"a port of 70000":       {rec("a.example", "SRV", "1 2 70000 b.example")},
		"a text of 5000 octets": {rec("a.example", "TXT", strings.Repeat("x", 5000))},
		"a wildcard":            {rec("*.a.example", "A", "192.168.1.1")},
		"a name of 64 octets":   {rec(strings.Repeat("x", 64), "A", "192.168.1.1")},
		"a TTL of a ms":         {{Name: "a.example", Type: "A", Values: []string{"192.168.1.1"}, TTL: time.Millisecond}},
	} {
		if _, err := zone.Build(zone.Config{Records: list}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	circle := []zone.Record{rec("a.example", "CNAME", "b.example"), rec("b.example", "CNAME", "c.example"), rec("c.example", "CNAME", "b.example")}
	_, err := zone.Build(zone.Config{Records: circle})
	if e := new(zone.CircleError); !errors.As(err, &e) || e.Name != "a.example" {
		t.Errorf("a circle is %v", err)
	}
	if _, err := zone.Build(zone.Config{Records: []zone.Record{rec("a.example", "CNAME", "A.example")}}); err == nil {
		t.Error("an alias of itself is taken")
	}
}
