package history_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status/history"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	one  = netip.MustParseAddr("203.0.113.7")
	two  = netip.MustParseAddr("203.0.113.8")
	six  = netip.MustParseAddr("2001:db8::7")

	ids = []string{"wan", "ddns", "dns"}
)

// fresh remembers nothing, and over no restart.
func fresh() *history.History { return history.New(history.Config{Links: ids}) }

func TestAddressesThatCame(t *testing.T) {
	h := fresh()
	none := netip.Addr{}
	if v := h.View(); !v.Empty() {
		t.Fatalf("at first %+v is remembered", v)
	}
	for i, saw := range []struct {
		family string
		state  fact.State
		addr   netip.Addr
	}{
		{history.IPv6, fact.None, none}, // it never had one: no news
		{history.IPv4, fact.Unknown, none},
		{history.IPv4, fact.Known, one},
		{history.IPv4, fact.Known, one},
		{history.IPv4, fact.Unknown, one}, // a failed look changes nothing
		{history.IPv4, fact.Known, one},
		{history.IPv6, fact.Known, six},
		{history.IPv4, fact.Known, none}, // claims to be known, and is not
		{history.IPv4, fact.Known, two},
		{history.IPv6, fact.None, six},
		{history.IPv6, fact.None, none},
	} {
		h.SawAddress(noon.Add(time.Duration(i)*time.Second+time.Millisecond), saw.family, saw.state, saw.addr)
	}
	want := []history.Address{
		{At: noon.Add(9 * time.Second), Family: history.IPv6},
		{At: noon.Add(8 * time.Second), Family: history.IPv4, Addr: two},
		{At: noon.Add(6 * time.Second), Family: history.IPv6, Addr: six},
		{At: noon.Add(2 * time.Second), Family: history.IPv4, Addr: one},
	}
	if got := h.View().WAN; !reflect.DeepEqual(got, want) {
		t.Errorf("remembered %v, want %v", got, want)
	}
}

func TestVerdictsThatCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := fresh()
		begun := time.Now()
		at := func(after time.Duration, id string, verdict fact.Verdict, summary string) {
			time.Sleep(time.Until(begun.Add(after)))
			h.SawLink(time.Now(), id, verdict, summary)
		}
		at(0, "wan", fact.VerdictUnknown, "Nothing is known.")
		at(1*time.Second, "wan", fact.VerdictPass, "Good.")
		at(2*time.Second, "wan", fact.VerdictPass, "Good, in other words.")
		at(3*time.Second, "ddns", fact.VerdictFail, "Wrong.")
		at(4*time.Second, "lan", fact.VerdictFail, "No link of ours.")
		at(5*time.Second, "wan", fact.VerdictUnknown, "Just started.") // no news yet
		at(70*time.Second, "dns", fact.VerdictUnknown, "Never known.")
		at(71*time.Second, "wan", fact.VerdictUnknown, "Not known any more.")
		want := []history.Change{
			{At: begun.Add(71 * time.Second).UTC(), ID: "wan", Summary: "Not known any more."},
			{At: begun.Add(3 * time.Second).UTC(), ID: "ddns", Verdict: fact.VerdictFail, Summary: "Wrong."},
			{At: begun.Add(1 * time.Second).UTC(), ID: "wan", Verdict: fact.VerdictPass, Summary: "Good."},
		}
		if got := h.View().Links; !reflect.DeepEqual(got, want) {
			t.Errorf("remembered %v, want %v", got, want)
		}
	})
}

// A link that flaps takes no place from the others, nor a family of addresses.
func TestNobodyTakesTheOthersPlace(t *testing.T) {
	h := fresh()
	h.SawLink(noon, "ddns", fact.VerdictPass, "Quiet.")
	h.SawAddress(noon, history.IPv6, fact.Known, six)
	for i := range 1000 {
		at := noon.Add(time.Duration(i) * time.Minute)
		h.SawLink(at, "wan", []fact.Verdict{fact.VerdictPass, fact.VerdictFail}[i%2], fmt.Sprint(i))
		h.SawAddress(at, history.IPv4, fact.Known, []netip.Addr{one, two}[i%2])
	}
	v := h.View()
	if len(v.Links) != 200 || v.Links[0].Summary != "999" || v.Links[198].Summary != "801" || v.Links[199].Summary != "Quiet." {
		t.Errorf("%d changes of links: %v", len(v.Links), v.Links)
	}
	if len(v.WAN) != 50 || v.WAN[49].Addr != six || !v.WAN[0].At.Equal(noon.Add(999*time.Minute)) {
		t.Errorf("%d addresses: %v", len(v.WAN), v.WAN)
	}
}

// The clock of a small computer is often set only after the start, or back.
func TestTimesAreToldAsTheyWere(t *testing.T) {
	h := fresh()
	h.SawLink(noon, "wan", fact.VerdictPass, "First.")
	h.SawLink(noon.Add(-time.Hour), "wan", fact.VerdictFail, "Second.")
	h.SawLink(noon.Add(time.Minute), "wan", fact.VerdictPass, "Third.")
	got := h.View().Links
	if len(got) != 3 || got[0].Summary != "Third." || got[1].Summary != "Second." || !got[1].At.Equal(noon.Add(-time.Hour)) {
		t.Errorf("remembered %v", got)
	}
}

// What was handed out stays as it was.
func TestViewsDoNotChange(t *testing.T) {
	h := fresh()
	h.SawLink(noon, "wan", fact.VerdictPass, "First.")
	h.CountDNS(noon, history.Counters{})
	h.CountDNS(noon, history.Counters{Queries: 1})
	v := h.View()
	h.SawLink(noon, "wan", fact.VerdictFail, "Second.")
	h.CountDNS(noon, history.Counters{Queries: 3})
	if len(v.Links) != 1 || v.Links[0].Summary != "First." || len(v.DNS.Queries) != 1 || v.DNS.Queries[0] != 1 {
		t.Errorf("it became %+v, %+v", v, v.DNS)
	}
}

func TestSeries(t *testing.T) {
	h := fresh()
	h.CountDNS(noon, history.Counters{Queries: 100, Hits: 50})
	if h.View().DNS != nil {
		t.Error("there are figures before the first interval has ended")
	}
	h.CountDNS(noon.Add(history.Step), history.Counters{Queries: 110, Hits: 55, Upstream: 12345678 * time.Nanosecond})
	h.CountDNS(noon.Add(2*history.Step), history.Counters{Queries: 110, Hits: 55})
	h.CountDNS(noon.Add(3*history.Step), history.Counters{Queries: 7, Hits: 2}) // counted anew
	want := &history.Series{End: noon.Add(3 * history.Step), Queries: []uint64{10, 0, 7}, Hits: []uint64{5, 0, 2}, UpstreamSeconds: []float64{0.012346, 0, 0}}
	if got := h.View().DNS; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for i := range uint64(500) {
		h.CountDNS(noon.Add(time.Hour), history.Counters{Queries: 7 + i*i})
	}
	got := h.View().DNS
	if len(got.Queries) != 120 || len(got.Hits) != 120 || len(got.UpstreamSeconds) != 120 || got.Queries[119] != 499*499-498*498 || got.Queries[0] != 380*380-379*379 {
		t.Errorf("got %+v", got)
	}
}
