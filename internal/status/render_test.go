package status_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/status"
)

func TestText(t *testing.T) {
	in := full("x")
	in.WAN.Link.Action = ""
	b := status.NewBuilder(noSecrets)
	s := b.Build(in, noon)
	s.Chain = s.Chain[:3]
	s.Chain[1].Status = fact.VerdictUnknown
	var got bytes.Buffer
	if err := status.WriteText(&got, s, status.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	const want = `edgeguard 1.2.3 x: fail, as of 2026-11-21 11:00:00 UTC

The config file has a fault, so the older config is still in force: line 3 x

PASS  wan          wan x
                   since   2026-11-21 11:00:00 UTC
                   events  gena on, announcements off (in use x), ssdp off
                   hint    gena x at 2026-11-21 11:00:00 UTC

????  ddns         ddns x
                   since   2026-11-21 11:00:00 UTC
                   action  do this about ddns x
                   record  myhome.duckdns.org A: changed 2026-11-21 11:00:02 UTC, wrong since 2026-11-21 11:00:01 UTC, DNS questions about it are intercepted

FAIL  forward      forward x
                   since   2026-11-21 11:00:00 UTC
                   action  do this about forward x
                   router  AVM x 7590 at 192.168.1.1, speaks UPnP-IGD
                   router  edgeguard is not in the router's network, as in a container on a bridge: what the router tells all hosts (SSDP, and the announcements of NAT-PMP and PCP) is not heard here, so a router that restarts is noticed only when the forward is read back, within a minute; to have its events as well, set address under [lan] to this host's own address in the LAN, and event_port under [wan] to a TCP port that the container publishes
                   router  192.168.1.254 answers as a router, too; it is not used
                   port    mqtt: TCP 8883 to 192.168.1.10:8883 is in conflict; held by x; 718 x; another port x; by hand x; was missing for 2.5s when it was last found gone, which was looked for because found anew x; to do: remove it x
                   relay   mqtt: 3 connections open, 20 carried so far (1.0 kB in, 2.0 kB out), 1 refused as there were too many, 2 found no service; the last one: no route x
                   port    mqtt: IPv6 pinhole, TCP to [2001:db8::10]:8883 is unconfirmed by UPnP-IGD until 2026-11-21 12:00:00 UTC; 606 x; traffic x; to do: allow it x
`
	if got.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
}

// What the link says already is not said again, and a forward without a relay
// or an address is told of all the same.
func TestTextSaysWhatTheLinkDoesNot(t *testing.T) {
	in := full("x")
	f := &in.Portmap.Forwards[0]
	f.State, f.Relay, f.Down, f.LastError = "failed", nil, 0, ""
	in.Portmap.Link.Summary, in.Portmap.Link.Action = "It does not work: held by x, another port x.", f.Action
	in.Portmap.Forwards = append(in.Portmap.Forwards, portmap.ForwardStatus{Service: "wg", Protocol: fact.UDP, ExternalPort: 51820, State: "active"})
	in.Pinholes.Pinholes[0] = pinhole.PinholeStatus{Service: "mqtt", Protocol: fact.TCP, Port: 8883, State: pinhole.StateWaiting}
	in.Router = router.Status{Address: netip.MustParseAddr("192.168.1.1"), Speaks: []fact.Method{fact.MethodPCP, fact.MethodNATPMP}, Err: "no UPnP here"}
	var got bytes.Buffer
	if err := status.WriteText(&got, status.NewBuilder(noSecrets).Build(in, noon), status.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"router  192.168.1.1 speaks PCP, NAT-PMP; no UPnP here\n",
		"port    mqtt: TCP 8883 to 192.168.1.10:8883 is not made; by hand x\n",
		"port    wg: UDP 51820 is active\n",
		"port    mqtt: IPv6 pinhole, TCP 8883 is waiting for an address\n",
	} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("the text has no %q:\n%s", want, got.String())
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestTextSaysWhenItCouldNotBeWritten(t *testing.T) {
	if err := status.WriteText(fullDisk{}, fullSnapshot(), status.TextOptions{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v", err)
	}
}
