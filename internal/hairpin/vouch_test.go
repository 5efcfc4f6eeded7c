package hairpin_test

// Who answers at another address, before anything is led there.

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
)

func TestVouch(t *testing.T) {
	ca, stranger := newCA(t, "Home CA"), newCA(t, "Stranger CA")
	key := newKey(t)
	at := func(cert *authority, names ...string) netip.AddrPort {
		return listen(t, "127.0.0.1", newBroker(cert.issueFor(t, key, names, nil), accepted()...).handle)
	}
	own := hairpin.Vouch(t.Context(), service(at(ca, "mqtt.example.com"), ca, "mqtt.example.com"), nil)
	if !own.Answers || !own.Trusted || len(own.SPKI) != 64 {
		t.Errorf("the service: %+v", own)
	}
	learned := hairpin.Vouch(t.Context(), service(at(ca, "mqtt.example.com"), ca), []string{"mqtt.example.com"})
	if !learned.Trusted || learned.SPKI != own.SPKI {
		t.Errorf("by a name that was learned: %+v", learned)
	}
	for what, v := range map[string]hairpin.Vouched{
		"another authority": hairpin.Vouch(t.Context(), service(at(stranger, "mqtt.example.com"), ca, "mqtt.example.com"), nil),
		"another name":      hairpin.Vouch(t.Context(), service(at(ca, "nas.example.com"), ca, "mqtt.example.com"), nil),
		"no name":           hairpin.Vouch(t.Context(), service(at(ca, "nas.example.com"), ca), nil),
	} {
		if !v.Answers || v.Trusted || v.Why == "" || v.SPKI != own.SPKI {
			t.Errorf("%s: %+v", what, v)
		}
	}
	nobody := hairpin.Vouch(t.Context(), service(netip.MustParseAddrPort("127.0.0.1:1"), ca), nil)
	if nobody.Answers || nobody.Trusted || nobody.SPKI != "" || nobody.Why == "" {
		t.Errorf("nobody: %+v", nobody)
	}
}

// A service that is looked for is not blamed, and a remote one is no evidence of
// the router's loopback.
func TestServicesThatAreNotFoundOrNotAtHome(t *testing.T) {
	ca := newCA(t, "Home CA")
	lost := service(netip.AddrPort{}, ca, "mqtt.example.com")
	lost.Host = "broker.lan"
	p := run(t, hairpin.Config{Services: []hairpin.Service{lost}}, nil)
	status := await(t, p, "a look", func(s hairpin.Status) bool { return strings.Contains(s.Broker.Summary, "found") })
	if got := status.Services[0]; status.Broker.Verdict != fact.VerdictUnknown || got.Reachable != fact.VerdictUnknown || got.Host != "broker.lan" || got.LastError != "" {
		t.Errorf("%+v, %+v", got, status.Broker)
	}
	b := newBroker(ca.issue(t, []string{"mqtt.example.com"}, nil), accepted()...)
	remote := service(listen(t, "127.0.0.1", b.handle), ca, "mqtt.example.com")
	remote.Remote, remote.ExternalPort = true, 0
	p = run(t, hairpin.Config{Services: []hairpin.Service{remote}}, wanValue("192.0.2.1"))
	status = looked(t, p)
	if status.Hairpin.Verdict != fact.VerdictPass || status.Broker.Verdict != fact.VerdictPass || !status.Services[0].Remote || status.Services[0].OutsideEvidence != "" {
		t.Errorf("hairpin %+v, services %+v", status.Hairpin, status.Services)
	}
}
