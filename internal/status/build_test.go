package status_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/wan"
	"pgregory.net/rapid"
)

func TestChainIsInOrderAndStatusIsItsWorst(t *testing.T) {
	in := full("x")
	in.Handed.DHCP = nil // that it hands us out, and nobody asks, is said in other words
	s := status.NewBuilder(noSecrets).Build(in, noon)
	var ids []string
	for _, l := range s.Chain {
		ids = append(ids, l.ID)
	}
	if got := strings.Join(ids, " "); got != "wan ddns forward broker certificate hairpin dns clients" {
		t.Errorf("the chain is %s", got)
	}
	for i, want := range []fact.Verdict{fact.VerdictPass, fact.VerdictPass, fact.VerdictFail, fact.VerdictPass, fact.VerdictWarn, fact.VerdictPass, fact.VerdictPass, fact.VerdictUnknown} {
		if l := s.Chain[i]; l.Status != want || l.Summary != l.ID+" x" || *l.Action != "do this about "+l.ID+" x" || l.Evidence[0] != "seen "+l.ID+" x" {
			t.Errorf("link %d is %+v, want %v", i, l, want)
		}
	}
	if s.Status != fact.VerdictFail {
		t.Errorf("status is %v, want fail", s.Status)
	}
	in.Portmap.Link.Verdict = fact.VerdictPass
	if s = status.NewBuilder(noSecrets).Build(in, noon); s.Chain[2].Status != fact.VerdictWarn {
		t.Errorf("with a pinhole missing the forward is %v, want warn", s.Chain[2].Status)
	}
	in.Pinholes = pinhole.Status{}
	if s = status.NewBuilder(noSecrets).Build(in, noon); s.Status != fact.VerdictWarn {
		t.Errorf("without the failure status is %v, want warn", s.Status)
	}
	in.Hairpin.Certificate.Verdict = fact.VerdictPass
	if s = status.NewBuilder(noSecrets).Build(in, noon); s.Status != fact.VerdictUnknown {
		t.Errorf("with clients unknown status is %v, want unknown", s.Status)
	}
	in.DNS.ClientsLink.Verdict = fact.VerdictPass
	if s = status.NewBuilder(noSecrets).Build(in, noon); s.Status != fact.VerdictPass {
		t.Errorf("with nothing wrong status is %v, want pass", s.Status)
	}
}

func TestSinceMovesWithTheVerdictOnly(t *testing.T) {
	b := status.NewBuilder(noSecrets)
	in := full("x")
	since := func(at time.Duration) time.Duration {
		return b.Build(in, noon.Add(at)).Chain[0].Since.Sub(noon.Truncate(time.Second))
	}
	if got := since(0); got != 0 {
		t.Errorf("at first since is %v", got)
	}
	in.WAN.Link.Summary, in.WAN.Link.Evidence = "other words", nil
	if got := since(time.Minute); got != 0 {
		t.Errorf("other words moved since to %v", got)
	}
	in.WAN.Link.Verdict = fact.VerdictFail
	if got := since(2 * time.Minute); got != 2*time.Minute {
		t.Errorf("after a change since is %v", got)
	}
	if got := since(3 * time.Minute); got != 2*time.Minute {
		t.Errorf("later since is %v", got)
	}
	// One who looked earlier and comes later turns nothing back.
	in.WAN.Link.Verdict = fact.VerdictPass
	since(time.Minute)
	in.WAN.Link.Verdict = fact.VerdictFail
	if got := since(4 * time.Minute); got != 2*time.Minute {
		t.Errorf("after a stale look since is %v", got)
	}
}

func TestNothingKnownIsNullNeverZero(t *testing.T) {
	body, err := status.JSON(status.NewBuilder(noSecrets).Build(status.Inputs{Version: "1"}, noon))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if got["status"] != "unknown" || got["started_at"] != nil || got["generated_at"] != "2026-11-21T11:00:00Z" {
		t.Errorf("status, started_at, generated_at: %v, %v, %v", got["status"], got["started_at"], got["generated_at"])
	}
	for _, list := range []string{"ddns", "router", "forwards", "services", "certificate"} {
		if value, present := got[list]; !present || value != nil {
			t.Errorf("%s is %v, want null", list, value)
		}
	}
	want := map[string]map[string]any{
		"wan":     {"ipv4": nil, "ipv4_state": "unknown", "ipv6": nil, "ipv6_state": "unknown", "nat": nil, "changed_at": nil, "sources": nil, "events": nil, "last_hint": nil},
		"hairpin": {"verdict": "unknown", "evidence": nil, "source_seen": nil},
		"dns":     {"listen": nil, "tls_listen": nil, "waiting": nil, "overrides": nil, "upstreams": nil, "cache": nil, "queries": nil, "clients_seen": nil, "clients_total": nil},
	}
	for section, fields := range want {
		if !reflect.DeepEqual(got[section], any(fields)) {
			t.Errorf("%s is %v, want %v", section, got[section], fields)
		}
	}
	for _, l := range got["chain"].([]any) {
		if l := l.(map[string]any); l["status"] != "unknown" || l["action"] != nil || l["summary"] == "" {
			t.Errorf("link %v", l)
		}
	}
}

func TestKnownToBeEmptyIsAnEmptyList(t *testing.T) {
	in := status.Inputs{
		DDNS:    ddns.Status{Link: link(fact.VerdictPass, "not used")},
		Hairpin: hairpin.Status{Services: []hairpin.ServiceStatus{{Certificate: &hairpin.Certificate{}}}},
		DNS:     dnsserver.Status{DNS: link(fact.VerdictPass, "on")},
	}
	s := status.NewBuilder(noSecrets).Build(in, noon)
	if s.DDNS == nil || s.DNS.Listen == nil || s.DNS.ClientsSeen == nil || s.Services[0].Certificate.Names == nil || *s.DNS.ClientsTotal != 0 {
		t.Errorf("a list known to be empty is nil: %+v", s)
	}
	if c := s.Services[0].Certificate; c.NotAfter != nil || c.SubjectCN != nil {
		t.Errorf("an empty certificate has %+v", c)
	}
	if s.Forwards != nil {
		t.Errorf("forwards nobody spoke of are %v", s.Forwards)
	}
}

func TestNoneIsToldFromUnknown(t *testing.T) {
	in := full("x")
	in.DDNS.Records[0].Published = fact.NoAddr("ns1", noon)
	in.WAN.IPv4 = fact.NoAddr("igd", noon)
	s := status.NewBuilder(noSecrets).Build(in, noon)
	if s.WAN.IPv4 != nil || s.WAN.IPv4State != "none" || s.DDNS[0].Published != nil || s.DDNS[0].PublishedState != "none" {
		t.Errorf("none is %v %s, %v %s", s.WAN.IPv4, s.WAN.IPv4State, s.DDNS[0].Published, s.DDNS[0].PublishedState)
	}
	var states []string
	for _, source := range s.WAN.Sources {
		if (source.Address != nil) != (source.State == "known") {
			t.Errorf("source %+v", source)
		}
		states = append(states, source.State)
	}
	if got := strings.Join(states, " "); got != "known none unknown" {
		t.Errorf("sources are %s", got)
	}
	in.WAN.IPv4 = fact.Observation{State: fact.Known}
	if s = status.NewBuilder(noSecrets).Build(in, noon); s.WAN.IPv4 != nil || s.WAN.IPv4State != "unknown" {
		t.Errorf("a known address that is none: %v %s", s.WAN.IPv4, s.WAN.IPv4State)
	}
}

// Both families in one status: IPv6 is whatever its own watcher says.
func TestIPv6IsThatOfItsWatcher(t *testing.T) {
	four, address := full("x").WAN, netip.MustParseAddr("2a02:8071::9")
	four.IPv6 = fact.Observation{} // a watcher of IPv4 says nothing of it
	for state, six := range map[string]fact.Observation{
		"known": fact.KnownAddr(address, "interface", noon), "none": fact.NoAddr("interface", noon), "unknown": {},
	} {
		in := full("x")
		in.WAN = four.With6(wan.Status{IPv6: six, LastHint: wan.Hint{Kind: "address", At: noon.Add(time.Minute)}})
		s := status.NewBuilder(noSecrets).Build(in, noon)
		if s.WAN.IPv6State != state || (s.WAN.IPv6 != nil) != (state == "known") || s.WAN.IPv6 != nil && *s.WAN.IPv6 != address {
			t.Errorf("%s: %v %s", state, s.WAN.IPv6, s.WAN.IPv6State)
		}
		if s.WAN.IPv4State != "known" || s.WAN.LastHint.Kind != "address" || !s.WAN.LastHint.At.Equal(noon.Add(time.Minute).Truncate(time.Second)) {
			t.Errorf("%s: IPv4 %s, last hint %+v", state, s.WAN.IPv4State, s.WAN.LastHint)
		}
	}
}

// An event source that is off says why, or that nobody has tried.
func TestEventsAreThoseOfTheRouter(t *testing.T) {
	in := full("x")
	got := status.NewBuilder(noSecrets).Build(in, noon).WAN.Events
	if len(got) != 3 || !got[0].On || got[0].Detail != nil || got[1].On || *got[1].Detail != "in use x" || got[2].On || got[2].Detail != nil {
		t.Errorf("events are %+v", got)
	}
	in.Router = router.Status{}
	if got := status.NewBuilder(noSecrets).Build(in, noon).WAN.Events; got != nil {
		t.Errorf("events of a router nobody spoke of are %+v", got)
	}
}

func TestReachableIsUnknownUntilSeen(t *testing.T) {
	in := full("x")
	for verdict, want := range map[fact.Verdict]string{fact.VerdictUnknown: "null", fact.VerdictFail: "false", fact.VerdictPass: "true"} {
		in.Hairpin.Services[0].Reachable = verdict
		got, err := json.Marshal(status.NewBuilder(noSecrets).Build(in, noon).Services[0].Reachable)
		if err != nil || string(got) != want {
			t.Errorf("%v is %s, %v", verdict, got, err)
		}
	}
}

func TestSnapshotSharesNothingWithItsInputs(t *testing.T) {
	in := full("x")
	s := status.NewBuilder(noSecrets).Build(in, noon)
	before, err := status.JSON(s)
	if err != nil {
		t.Fatal(err)
	}
	in.WAN.Sources[0].Name = "changed"
	in.Hairpin.Services[0].Certificate.Names[0] = "changed"
	in.DNS.Listen[0] = netip.AddrPort{}
	in.DNS.Overrides[0].V4[0] = netip.Addr{}
	in.Portmap.Link.Evidence[0] = "changed"
	if after, err := status.JSON(s); err != nil || string(after) != string(before) {
		t.Errorf("the snapshot changed with its inputs: %s, %v", after, err)
	}
}

// TestForeignTextIsOneCleanLine puts odd text into every field at once.
func TestForeignTextIsOneCleanLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(
			rapid.String(),
			rapid.StringOfN(rapid.RuneFrom([]rune("a\x00\x1b[31m\r\n\u202e\u009b\u2028é")), 0, 2000, -1),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		).Draw(t, "word")
		s := status.NewBuilder(noSecrets).Build(full(word), noon)
		eachText(reflect.ValueOf(s), func(text string) {
			if len(text) > 1024 {
				t.Fatalf("%d bytes of text", len(text))
			}
			if bad := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' }); bad >= 0 {
				t.Fatalf("%q holds a control character at %d", text, bad)
			}
		})
		if _, err := status.JSON(s); err != nil {
			t.Fatal(err)
		}
	})
}

// eachText calls f with every string that v holds.
func eachText(v reflect.Value, f func(string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachText(v.Elem(), f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachText(v.Index(i), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				eachText(v.Field(i), f)
			}
		}
	case reflect.String:
		f(v.String())
	}
}

func TestYearsThatJSONCanNotSay(t *testing.T) {
	in := full("x")
	in.Hairpin.Services[0].Certificate.NotAfter = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	s := status.NewBuilder(noSecrets).Build(in, noon)
	if _, err := status.JSON(s); err != nil || s.Services[0].Certificate.NotAfter != nil {
		t.Errorf("not_after is %v, %v", s.Services[0].Certificate.NotAfter, err)
	}
}

func TestLongListsAreBounded(t *testing.T) {
	in := full("x")
	in.Hairpin.Services[0].Certificate.Names = make([]string, 10_000)
	in.WAN.Sources = make([]wan.SourceStatus, 10_000)
	s := status.NewBuilder(noSecrets).Build(in, noon)
	if len(s.Services[0].Certificate.Names) != 256 || len(s.WAN.Sources) != 256 {
		t.Errorf("%d names, %d sources", len(s.Services[0].Certificate.Names), len(s.WAN.Sources))
	}
}

func TestBuildTogether(t *testing.T) {
	b := status.NewBuilder(noSecrets)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { b.Build(full("x"), noon.Add(time.Duration(i)*time.Second)) })
	}
	all.Wait()
}
