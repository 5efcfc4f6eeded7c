//go:build linux

package lab_test

// Names that are proved by an answer on port 80, through a real miniupnpd.

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// webPort is a line by which the router lets the LAN forward port 80 too.
const webPort = "allow 80 192.168.77.0/24 1024-65535"

const byHTTP = "challenge = \"http-01\"\n"

// gate holds calls back.
type gate struct {
	prefix string // of the paths that are held
	held   chan string
	once   sync.Once
	open   chan struct{}
}

func newGate(prefix string) *gate {
	return &gate{prefix: prefix, held: make(chan string, 1), open: make(chan struct{})}
}

// hook is for ACME.Disturb.
func (g *gate) hook(_ http.ResponseWriter, r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, g.prefix) {
		return false
	}
	select {
	case g.held <- r.URL.Path:
	default:
	}
	select {
	case <-g.open:
		return false
	case <-r.Context().Done():
		return true // whoever asked is gone
	}
}

func (g *gate) lift() { g.once.Do(func() { close(g.open) }) }

// wantHeld waits until a call is held back.
func (g *gate) wantHeld(t *testing.T) {
	t.Helper()
	lab.Eventually(t, lab.Patience, func() error {
		select {
		case <-g.held:
			return nil
		default:
			return fmt.Errorf("no call of %s has come", g.prefix)
		}
	})
}

// A daemon that is killed while port 80 is open: the next one closes it, and goes
// on with the same order.
func TestACMEPort80IsClosedAfterAKill(t *testing.T) {
	t.Parallel() // it waits more than it works
	const name = lab.DuckDNSName
	h := newACMEHome(t, lab.ACMEOptions{}, webPort)
	h.NAS.SetResolver(t, lab.NASAddr) // whose view of the name is no use here
	h.inet.DuckDNS.Set(name, lab.WANAddr)
	asks := newGate(lab.ACMEChallenge)
	t.Cleanup(asks.lift)
	h.ca.Disturb(asks.hook)
	d := h.start(t, lab.EdgeguardOptions{Provider: "duckdns"}, "key = \"ecdsa-p256\"\n"+h.bySignal(), byHTTP)
	asks.wantHeld(t)
	at := h.port80(t)
	if at.Addr() != lab.NASAddr || at.Port() < 1024 {
		t.Fatalf("while the CA is to look, port 80 leads to %v", at)
	}
	if err := h.Phone.WantA(lab.NASAddr, name, lab.NASAddr)(); err != nil {
		t.Errorf("the home's own view: %v", err)
	}

	d.Kill()
	if h.port80(t) != at {
		t.Fatal("a kill closed port 80: this test proves nothing")
	}
	all := newGate("/")
	t.Cleanup(all.lift)
	h.ca.Disturb(all.hook)
	d.Start(t)
	all.wantHeld(t)
	lab.Eventually(t, lab.Patience, h.closed80(t))

	h.ca.Disturb(nil)
	all.lift()
	asks.lift()
	h.broker.StartHanded(t)
	h.serves(t, d, name, "")
	if orders := h.ca.Accepted(lab.ACMENewOrder); orders != 1 {
		t.Errorf("%d orders were placed, though the first was still good", orders)
	}
	lab.Eventually(t, lab.Patience, h.works(name))
	lab.Eventually(t, lab.Patience, h.closed80(t))
}

// closed80 wants port 80 of the public address to lead nowhere.
func (h *acmeHome) closed80(t *testing.T) func() error {
	return func() error {
		if at := h.port80(t); at.IsValid() {
			return fmt.Errorf("port 80 still leads to %v", at)
		}
		return nil
	}
}

// Port 80 that is somebody else's is left alone, and said to be.
func TestACMEPort80OfANeighbourIsNotTouched(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newACMEHome(t, lab.ACMEOptions{}, webPort)
	h.Pi.Run(t, "upnpc", "-m", "eth0", "-e", "web server", "-a", lab.PiAddr.String(), "8080", "80", "TCP")
	theirs := netip.AddrPortFrom(lab.PiAddr, 8080)
	if at := h.port80(t); at != theirs {
		t.Fatalf("port 80 leads to %v before anything", at)
	}
	h.inet.DuckDNS.Set(lab.DuckDNSName, lab.WANAddr)
	d := h.start(t, lab.EdgeguardOptions{Provider: "duckdns"}, "key = \"ecdsa-p256\"\n", byHTTP)
	lab.Eventually(t, lab.Patience, fails(d, "taken by "+theirs.String()+". Prove the names by dns-01"))
	if at := h.port80(t); at != theirs {
		t.Errorf("port 80 leads to %v now", at)
	}
	if told := h.ca.Accepted(lab.ACMEChallenge); told != 0 {
		t.Errorf("the CA was told to look %d times for what it cannot find, and counts that", told)
	}
	d.Stop(t)
	if at := h.port80(t); at != theirs {
		t.Errorf("port 80 leads to %v after the stop", at)
	}
}
