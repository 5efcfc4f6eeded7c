package status_test

// The router and the forwards: sections, evidence, and what a bridge costs.

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// evidence is that of the link forward, without the keeper's own and what is said
// of the forwards.
func evidence(in status.Inputs) []string {
	in.Portmap.Forwards = nil
	return status.NewBuilder(noSecrets).Build(in, noon).Chain[2].Evidence[len(in.Portmap.Link.Evidence):]
}

func TestRouterIsEvidenceOfTheForward(t *testing.T) {
	in := full("x")
	in.Pinholes = pinhole.Status{}
	own := in.Portmap.Link.Evidence
	in.Router.Bridged, in.Router.Others = false, nil
	if got := evidence(in); !slices.Equal(got, []string{"router: AVM x 7590 at 192.168.1.1"}) {
		t.Errorf("evidence is %q", got)
	}
	in.Router = router.Status{Err: "nobody answered"}
	if got := evidence(in); len(got) != 2 || got[0] != "router: nobody answered" || !strings.Contains(got[1], "set there router under [lan]") || !strings.Contains(got[1], "event_port under [wan]") {
		t.Errorf("evidence is %q", got)
	}
	in.LAN.Boxed = true
	for verdict, want := range map[fact.Verdict]bool{fact.VerdictPass: false, fact.VerdictUnknown: true, fact.VerdictFail: true} {
		in.Portmap.Link.Verdict, in.Portmap.Link.Action = verdict, "Forward the port by hand."
		got := *status.NewBuilder(noSecrets).Build(in, noon).Chain[2].Action
		if said := strings.Contains(got, "set router and address under [lan], and event_port under [wan]"); said != want || !strings.HasSuffix(got, "Forward the port by hand.") {
			t.Errorf("%s: the action is %q", verdict, got)
		}
	}
	in.LAN.Boxed, in.LAN.Router = false, netip.MustParseAddr("192.168.1.1")
	if got := evidence(in); len(got) != 1 {
		t.Errorf("with a router that the config names: %q", got)
	}
	in.Router = router.Status{}
	if got := evidence(in); len(got) != 0 {
		t.Errorf("before the router was looked for: %q", got)
	}
	if len(own) != 1 {
		t.Errorf("the concern's own evidence became %q", own)
	}
}

func TestOtherRoutersAreNamed(t *testing.T) {
	in := full("x")
	in.Pinholes = pinhole.Status{}
	in.Router.Bridged = false
	if got := evidence(in); len(got) != 2 || got[1] != "192.168.1.254 answers as a router, too (MiniUPnPd x); it is not used" {
		t.Errorf("evidence is %q", got)
	}
	in.Router.Others[0].Server = ""
	if got := evidence(in); got[1] != "192.168.1.254 answers as a router, too; it is not used" {
		t.Errorf("evidence is %q", got)
	}
	// A liar in the LAN can invent as many as it likes.
	in.Router.Others = nil
	for i := range 200 {
		in.Router.Others = append(in.Router.Others, router.Other{Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), Server: strings.Repeat("x", 5000)})
	}
	got := evidence(in)
	if len(got) != 10 || got[9] != "192 more answer as routers; they are not used" || len(got[1]) > 1024 {
		t.Errorf("%d lines, the last %q", len(got), got[len(got)-1])
	}
}

// What a container on a bridge does not hear is said, with what is missing.
func TestBridgedSaysWhatIsLost(t *testing.T) {
	address := netip.MustParseAddr("192.168.1.2")
	for name, test := range map[string]struct {
		lan      status.LANConfig
		gena     router.EventSource
		has, not []string
	}{
		"nothing set": {status.LANConfig{}, router.EventSource{On: true},
			[]string{"noticed only when the forward is read back, within a minute", "set address under [lan] to this host's own address in the LAN, and event_port under [wan]"}, nil},
		"no port": {status.LANConfig{Address: address}, router.EventSource{On: true},
			[]string{"noticed only when the forward is read back", "set event_port under [wan] to a TCP port that the container publishes"}, []string{"[lan]"}},
		"no address": {status.LANConfig{EventPort: 49200}, router.EventSource{On: true},
			[]string{"set address under [lan]"}, []string{"[wan]"}},
		"refused": {status.LANConfig{Address: address, EventPort: 49200}, router.EventSource{Why: "the router said 412"},
			[]string{"noticed only when the forward is read back", "its events do not arrive: the router said 412"}, []string{"[lan]", "[wan]"}},
		"all set": {status.LANConfig{Address: address, EventPort: 49200}, router.EventSource{On: true, Heard: true},
			[]string{"noticed by its events, which arrive at TCP port 49200, and else when the forward is read back, within a minute"}, []string{"[lan]", "[wan]", "only"}},
		"routed, not translated": {status.LANConfig{}, router.EventSource{On: true, Heard: true},
			[]string{"noticed by its events, and else when the forward is read back"}, []string{"[lan]", "[wan]", "only"}},
		"not published": {status.LANConfig{Address: address, EventPort: 49200}, router.EventSource{On: true},
			[]string{"noticed only when the forward is read back", "none of its events has arrived yet: publish TCP port 49200 of the container as 192.168.1.2:49200"}, []string{"[lan]", "[wan]"}},
	} {
		in := full("x")
		in.Pinholes = pinhole.Status{}
		in.LAN, in.Router.Events.GENA, in.Router.Others = test.lan, test.gena, nil
		got := evidence(in)
		if len(got) != 2 {
			t.Errorf("%s: evidence is %q", name, got)
			continue
		}
		for _, want := range append(test.has, "SSDP, and the announcements of NAT-PMP and PCP") {
			if !strings.Contains(got[1], want) {
				t.Errorf("%s: %q does not say %q", name, got[1], want)
			}
		}
		for _, not := range append(test.not, "…") {
			if strings.Contains(got[1], not) {
				t.Errorf("%s: %q says %q", name, got[1], not)
			}
		}
		if s := status.NewBuilder(noSecrets).Build(in, noon); !s.Router.Bridged || *s.Router.Lost != got[1] {
			t.Errorf("%s: the section says %q", name, *s.Router.Lost)
		}
	}
	in := full("x")
	in.Pinholes = pinhole.Status{}
	in.Router = router.Status{Bridged: true, Speaks: []fact.Method{fact.MethodNATPMP}, Err: "no UPnP"}
	in.LAN = status.LANConfig{EventPort: 49200}
	if got := evidence(in)[1]; !strings.Contains(got, "noticed by the clock in its answers (NAT-PMP) when") || !strings.Contains(got, "set address under [lan]") || strings.Contains(got, "[wan]") {
		t.Errorf("without UPnP: %q", got)
	}
	in.LAN.Address = address
	if got := evidence(in)[1]; strings.Contains(got, "[lan]") {
		t.Errorf("without UPnP, all set: %q", got)
	}
	in = full("x")
	in.Pinholes = pinhole.Status{}
	in.Router.Bridged = false
	if s := status.NewBuilder(noSecrets).Build(in, noon); s.Router.Lost != nil {
		t.Errorf("on the host's network %q is lost", *s.Router.Lost)
	}
}

func TestRouterSection(t *testing.T) {
	in := full("x")
	in.Pinholes = pinhole.Status{}
	in.LAN = status.LANConfig{Address: netip.MustParseAddr("192.168.1.2"), EventPort: 49200}
	in.WAN.Sources = append(in.WAN.Sources, wan.SourceStatus{Name: "natpmp", Observation: fact.NoAddr("natpmp", noon)}, wan.SourceStatus{Name: "pcp"})
	body, err := json.Marshal(status.NewBuilder(noSecrets).Build(in, noon).Router)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"found":true,"address":"192.168.1.1","local":"172.17.0.2","manufacturer":"AVM x","model":"7590","udn":"uuid:1 x",` +
		`"description":"AVM x 7590 at 192.168.1.1","found_at":"2026-11-21T11:00:00Z","generation":1,"bridged":true,` +
		`"lost":"edgeguard is not in the router's network, as in a container on a bridge: what the router tells all hosts (SSDP, and the announcements of NAT-PMP and PCP) is not heard here, so a router that restarts is noticed only when the forward is read back, within a minute; none of its events has arrived yet: publish TCP port 49200 of the container as 192.168.1.2:49200, and let no firewall of the host's keep the router from it",` +
		`"events":{"gena":{"on":true,"why":null},"announcements":{"on":false,"why":"in use x"},"ssdp":{"on":false,"why":null}},` +
		`"others":[{"address":"192.168.1.254","server":"MiniUPnPd x"}],"speaks":["igd","natpmp"]}`
	if string(body) != want {
		t.Errorf("got\n%s\nwant\n%s", body, want)
	}
	in.Router = router.Status{Err: "nobody answered x"}
	in.WAN.Sources, in.Portmap.Forwards = nil, nil
	s := status.NewBuilder(noSecrets).Build(in, noon)
	if r := s.Router; r.Found || r.Address != nil || *r.Description != "nobody answered x" || r.Others == nil || r.Speaks == nil || len(r.Speaks) != 0 || r.FoundAt != nil {
		t.Errorf("without a router the section is %+v", r)
	}
}

// A mapping that stands by a protocol shows that the router speaks it.
func TestRouterSpeaksWhatItGranted(t *testing.T) {
	in := full("x")
	in.Pinholes = pinhole.Status{}
	in.Router, in.WAN.Sources = router.Status{Err: "no UPnP"}, nil
	for state, want := range map[portmap.State]string{portmap.StateActive: "[pcp]", portmap.StateFailed: "[]", portmap.StatePending: "[]"} {
		in.Portmap.Forwards[0].Method, in.Portmap.Forwards[0].State = "pcp", state
		if got := fmt.Sprint(status.NewBuilder(noSecrets).Build(in, noon).Router.Speaks); got != want {
			t.Errorf("%s: it speaks %s, want %s", state, got, want)
		}
	}
}

func TestForwardSection(t *testing.T) {
	in := full("x")
	body, err := json.Marshal(status.NewBuilder(noSecrets).Build(in, noon).Forwards[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"family":"ipv4","protocol":"TCP"`, `"read_back_at":"2026-11-21T10:59:00Z","woken_by":"found anew x","down_seconds":2.5,`,
		`"relay":{"listen":"192.168.1.2:8883","target":"192.168.1.10:8883","open":3,"total":20,"refused":1,"failed":2,"bytes_in":1000,"bytes_out":2000,"last_error":"no route x"}`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%s\ndoes not hold %s", body, want)
		}
	}
	six, err := json.Marshal(status.NewBuilder(noSecrets).Build(in, noon).Forwards[1])
	want := `"family":"ipv6","protocol":"TCP","external_port":8883,"internal":"[2001:db8::10]:8883","method":"igd","state":"unconfirmed"`
	if err != nil || !strings.Contains(string(six), want) {
		t.Errorf("a pinhole is %s, %v", six, err)
	}
	// What is not known, or never was, is null.
	in.Portmap.Forwards[0] = portmap.ForwardStatus{Service: "mqtt", Down: 0}
	f := status.NewBuilder(noSecrets).Build(in, noon).Forwards[0]
	if f.Family != nil || f.ReadBackAt != nil || f.WokenBy != nil || f.DownSeconds != nil || f.Relay != nil || f.Warning != nil || f.Steps != nil {
		t.Errorf("a forward of which nothing is known is %+v", f)
	}
	for address, want := range map[string]string{"[2001:db8::10]:8883": "ipv6", "192.168.1.10:8883": "ipv4", "[::ffff:192.168.1.10]:8883": "ipv4"} {
		in.Portmap.Forwards[0].Internal = netip.MustParseAddrPort(address)
		if f := status.NewBuilder(noSecrets).Build(in, noon).Forwards[0]; *f.Family != want {
			t.Errorf("%s is %s", address, *f.Family)
		}
	}
	for down, want := range map[time.Duration]float64{1234567 * time.Microsecond: 1.235, time.Hour: 3600} {
		in.Portmap.Forwards[0].Down = down
		if f := status.NewBuilder(noSecrets).Build(in, noon).Forwards[0]; *f.DownSeconds != want {
			t.Errorf("%v is %v", down, *f.DownSeconds)
		}
	}
}
