package igdtest

// The IPv6 firewall: WANIPv6FirewallControl:1 on a table of pinholes, and the
// router's IPv6 side.

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// FirewallControl is its service type.
const FirewallControl = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1"

// Firewall is the router's IPv6 firewall: put one into Behaviour.Firewall. The
// exported fields are set before the router is asked; Behaviour's Faults and
// Control hold for its actions, too.
type Firewall struct {
	// Off means that it filters nothing, and Closed that it permits no
	// pinholes.
	Off, Closed bool
	// OwnOnly means that only the internal client itself may ask.
	OwnOnly bool
	// Idle means that no traffic has come through any pinhole.
	Idle bool

	mu       sync.Mutex // guards what follows
	pinholes map[uint16]fact.Pinhole
	last     uint16
}

// Pinholes is the table, by id; Lease is what was last asked for.
func (f *Firewall) Pinholes() map[uint16]fact.Pinhole {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.pinholes)
}

// Forget empties the table and counts ids from one again, as a power cut does.
func (f *Firewall) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pinholes, f.last = nil, 0
}

// service is its entry in the description; empty where there is no firewall.
func (f *Firewall) service() string {
	if f == nil {
		return ""
	}
	return "<service><serviceType>" + FirewallControl + "</serviceType><serviceId>urn:upnp-org:serviceId:WANIPv6Firewall1</serviceId>" +
		"<SCPDURL>/WANIP6FC.xml</SCPDURL><controlURL>/ctl/firewall</controlURL><eventSubURL>/evt/IP6FCtl</eventSubURL></service>"
}

// pinholeArgs are the arguments of all actions together.
type pinholeArgs struct {
	RemoteHost     string `xml:"RemoteHost"`
	RemotePort     uint16 `xml:"RemotePort"`
	InternalClient string `xml:"InternalClient"`
	InternalPort   uint16 `xml:"InternalPort"`
	Protocol       uint16 `xml:"Protocol"`
	Lease          uint32 `xml:"LeaseTime"`
	ID             uint16 `xml:"UniqueID"`
	NewLease       uint32 `xml:"NewLeaseTime"`
}

// firewall answers one SOAP call on the service.
func (r *Router) firewall(w http.ResponseWriter, req *http.Request) {
	service, action, _ := strings.Cut(strings.Trim(req.Header.Get("SOAPAction"), `"`), "#")
	call := Call{Action: action, Service: service, From: netip.MustParseAddrPort(req.RemoteAddr).Addr(), Began: time.Now()}
	r.mu.Lock()
	odd := r.odd.clone()
	r.mu.Unlock()
	defer func() {
		call.Ended = time.Now()
		r.mu.Lock()
		r.calls = append(r.calls, call)
		r.mu.Unlock()
	}()
	body, err := io.ReadAll(io.LimitReader(req.Body, 64<<10))
	if err != nil || odd.Control != nil && odd.Control(w, req, action) {
		return
	}
	var envelopeIn struct {
		Body struct {
			Action pinholeArgs `xml:",any"`
		} `xml:"Body"`
	}
	code, out := 0, ""
	switch {
	case odd.Firewall == nil || service != FirewallControl:
		code = 401
	case odd.Faults[action] != 0:
		code = odd.Faults[action]
	case xml.Unmarshal(body, &envelopeIn) != nil:
		code = 402
	default:
		out, code = odd.Firewall.act(action, envelopeIn.Body.Action, call.From)
	}
	if code != 0 {
		fault(w, odd.Wire, code)
		return
	}
	envelope(w, odd.Wire, http.StatusOK, fmt.Sprintf(`<u:%sResponse xmlns:u="%s">%s</u:%sResponse>`, action, service, out, action))
}

// act carries an action out and returns the answer's arguments, or an error
// code of section 2.5.
func (f *Firewall) act(action string, in pinholeArgs, from netip.Addr) (string, int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if action == "GetFirewallStatus" {
		return fmt.Sprintf("<FirewallEnabled>%d</FirewallEnabled><InboundPinholeAllowed>%d</InboundPinholeAllowed>", number(!f.Off), number(!f.Closed)), 0
	}
	if f.Off {
		return "", 702
	}
	if f.Closed {
		return "", 703
	}
	if action == "AddPinhole" {
		return f.add(in, from)
	}
	p, there := f.pinholes[in.ID]
	switch {
	case !there:
		return "", 704
	case f.OwnOnly && from != p.Internal.Addr():
		return "", 606
	}
	switch action {
	case "UpdatePinhole":
		if in.NewLease < 1 || in.NewLease > 86400 {
			return "", 402
		}
		p.Lease = time.Duration(in.NewLease) * time.Second
		f.pinholes[in.ID] = p
		return "", 0
	case "DeletePinhole":
		delete(f.pinholes, in.ID)
		return "", 0
	case "CheckPinholeWorking":
		if f.Idle {
			return "", 709
		}
		return "<IsWorking>1</IsWorking>", 0
	case "GetPinholePackets":
		return fmt.Sprintf("<PinholePackets>%d</PinholePackets>", 7*number(!f.Idle)), 0
	}
	return "", 401
}

// add opens a pinhole, or finds the one that is there; mu is held.
func (f *Firewall) add(in pinholeArgs, from netip.Addr) (string, int) {
	client, err := netip.ParseAddr(in.InternalClient)
	protocol := map[uint16]fact.Protocol{6: fact.TCP, 17: fact.UDP}[in.Protocol]
	switch {
	case in.InternalPort == 0:
		return "", 706
	case in.InternalClient == "":
		return "", 708
	case in.Protocol == 65535:
		return "", 707
	case protocol == "":
		return "", 705
	case err != nil || !client.Is6() || in.RemoteHost != "" || in.RemotePort != 0 || in.Lease < 1 || in.Lease > 86400:
		return "", 402
	case f.OwnOnly && client != from:
		return "", 606
	}
	p := fact.Pinhole{Protocol: protocol, Internal: netip.AddrPortFrom(client, in.InternalPort), Lease: time.Duration(in.Lease) * time.Second}
	id := f.last + 1
	for at, there := range f.pinholes {
		if there.Internal == p.Internal && there.Protocol == p.Protocol {
			id = at
		}
	}
	if f.pinholes == nil {
		f.pinholes = map[uint16]fact.Pinhole{}
	}
	f.pinholes[id], f.last = p, max(f.last, id)
	return fmt.Sprintf("<UniqueID>%d</UniqueID>", id), 0
}

// Address6 is the address of the router's IPv6 side, and the only one that a
// program under test can have on loopback.
var Address6 = netip.IPv6Loopback()

// ServeIPv6 makes the router answer HTTP on Address6, too, until it is stopped:
// on the port that it has over IPv4, or on another one where same is false. It
// returns the port.
func (r *Router) ServeIPv6(same bool) uint16 {
	r.tb.Helper()
	r.mu.Lock()
	server, port := r.http, r.port
	r.mu.Unlock()
	if !same {
		port = 0
	}
	listener, err := net.Listen("tcp6", netip.AddrPortFrom(Address6, port).String())
	if err != nil {
		r.tb.Skipf("there is no IPv6 on loopback: %v", err)
	}
	r.tasks.Go(func() { _ = server.Serve(listener) })
	return listener.Addr().(*net.TCPAddr).AddrPort().Port()
}

// AnswerSearches6 answers searches by IPv6 with the reply that answer makes of
// a search, on a port of Address6 that it returns, until the test ends. An
// empty reply is not sent.
func AnswerSearches6(tb testing.TB, answer func(search string) string) uint16 {
	tb.Helper()
	conn, err := net.ListenUDP("udp6", net.UDPAddrFromAddrPort(netip.AddrPortFrom(Address6, 0)))
	if err != nil {
		tb.Skipf("there is no IPv6 on loopback: %v", err)
	}
	var task sync.WaitGroup
	task.Go(func() {
		buffer := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			if reply := answer(string(buffer[:n])); reply != "" {
				_, _ = conn.WriteToUDPAddrPort([]byte(reply), from)
			}
		}
	})
	tb.Cleanup(func() {
		conn.Close()
		task.Wait()
	})
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}
