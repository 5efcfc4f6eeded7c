package igdtest

// SOAP calls on the table.

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// args are the arguments of all actions together.
type args struct {
	RemoteHost     string `xml:"NewRemoteHost"`
	ExternalPort   uint16 `xml:"NewExternalPort"`
	Protocol       string `xml:"NewProtocol"`
	InternalPort   uint16 `xml:"NewInternalPort"`
	InternalClient string `xml:"NewInternalClient"`
	Enabled        string `xml:"NewEnabled"`
	Description    string `xml:"NewPortMappingDescription"`
	Lease          uint32 `xml:"NewLeaseDuration"`
	Index          int    `xml:"NewPortMappingIndex"`
	StartPort      uint16 `xml:"NewStartPort"`
	EndPort        uint16 `xml:"NewEndPort"`
	Number         int    `xml:"NewNumberOfPorts"`
}

// control answers one SOAP call.
func (r *Router) control(w http.ResponseWriter, req *http.Request) {
	service, action, _ := strings.Cut(strings.Trim(req.Header.Get("SOAPAction"), `"`), "#")
	from := netip.MustParseAddrPort(req.RemoteAddr).Addr()
	call := Call{Action: action, Service: service, From: from, Began: time.Now()}
	r.mu.Lock()
	odd := r.odd.clone()
	r.mu.Unlock()
	defer func() {
		call.Ended = time.Now()
		r.mu.Lock()
		r.calls = append(r.calls, call)
		r.mu.Unlock()
	}()
	// Read before anything else: net/http sees a client go only then.
	body, err := io.ReadAll(io.LimitReader(req.Body, 64<<10))
	if err != nil {
		return
	}
	if odd.Control != nil && odd.Control(w, req, action) {
		return
	}
	number, err := strconv.Atoi(req.PathValue("service"))
	var in args
	switch {
	case err != nil || number < 0 || number >= len(odd.Services):
		http.NotFound(w, req)
		return
	case odd.Faults[action] != 0:
		fault(w, odd.Wire, odd.Faults[action])
		return
	case odd.OnlyVersion1 && strings.HasSuffix(service, ":2"):
		fault(w, odd.Wire, 401)
		return
	case !arguments(body, &in):
		fault(w, odd.Wire, 402)
		return
	}
	out, code := r.act(odd, odd.Services[number], action, in, from)
	if code != 0 {
		fault(w, odd.Wire, code)
		return
	}
	envelope(w, odd.Wire, http.StatusOK, fmt.Sprintf(`<u:%sResponse xmlns:u="%s">%s</u:%sResponse>`, action, service, out, action))
}

// act carries an action out and returns the answer's arguments, or an error
// code.
func (r *Router) act(odd Behaviour, service Service, action string, in args, from netip.Addr) (string, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.find(fact.Protocol(in.Protocol), in.ExternalPort)
	switch action {
	case "GetExternalIPAddress":
		return "<NewExternalIPAddress>" + or(service.WAN, odd.WAN) + "</NewExternalIPAddress>", 0
	case "GetStatusInfo":
		return "<NewConnectionStatus>" + or(service.Status, "Connected") +
			"</NewConnectionStatus><NewLastConnectionError>ERROR_NONE</NewLastConnectionError><NewUptime>10</NewUptime>", 0
	case "AddPortMapping":
		return "", r.add(odd, in, from, at)
	case "GetSpecificPortMappingEntry":
		if at < 0 {
			return "", cmp.Or(odd.NoEntry, 714)
		}
		m := r.table[at].left()
		return inTable(m), 0
	case "GetGenericPortMappingEntry":
		if in.Index < 0 || in.Index >= len(r.table) {
			return "", cmp.Or(odd.TableEnd, 713)
		}
		m := r.table[in.Index].left()
		return fmt.Sprintf("<NewRemoteHost></NewRemoteHost><NewExternalPort>%d</NewExternalPort><NewProtocol>%s</NewProtocol>%s", m.ExternalPort, m.Protocol, inTable(m)), 0
	case "GetListOfPortMappings":
		if !strings.HasSuffix(service.Type, ":2") {
			return "", 401
		}
		return r.list(in)
	case "DeletePortMapping":
		if at < 0 {
			return "", cmp.Or(odd.NoEntry, 714)
		}
		r.table = append(r.table[:at], r.table[at+1:]...)
		return "", 0
	}
	return "", 401
}

// add enters a mapping and returns an error code, or 0; mu is held.
func (r *Router) add(odd Behaviour, in args, from netip.Addr, at int) int {
	client, err := netip.ParseAddr(in.InternalClient)
	switch {
	case err != nil || in.RemoteHost != "" || in.ExternalPort == 0 || in.InternalPort == 0:
		return 402
	case in.Protocol != "TCP" && in.Protocol != "UDP": // as TP-Link's ER605 does with lower case
		return 402
	case odd.SecureMode != 0 && client != from:
		return odd.SecureMode
	case at >= 0 && r.table[at].Internal.Addr() != client:
		return 718
	case odd.RefusesLeases != 0 && in.Lease != 0:
		return odd.RefusesLeases
	case at < 0 && odd.TableSize != 0 && len(r.table) >= odd.TableSize:
		return 728
	}
	e := Entry{Description: in.Description, LeaseSeconds: in.Lease, Enabled: in.Enabled == "1"}
	if odd.Rewrites != nil {
		odd.Rewrites(&e)
	}
	if e.Drop {
		return 0
	}
	if odd.NeverRenews && at >= 0 {
		return 0
	}
	r.put(fact.Mapping{
		Protocol:     fact.Protocol(in.Protocol),
		ExternalPort: in.ExternalPort,
		Internal:     netip.AddrPortFrom(client, in.InternalPort),
		Description:  e.Description,
		Lease:        time.Duration(e.LeaseSeconds) * time.Second,
		Enabled:      e.Enabled,
	})
	if at = r.find(fact.Protocol(in.Protocol), in.ExternalPort); odd.LeasesLast != 0 && e.LeaseSeconds != 0 {
		r.table[at].gone = time.Now().Add(odd.LeasesLast)
	}
	return 0
}

// inTable is what both ways to read one entry have in common.
func inTable(m fact.Mapping) string {
	return fmt.Sprintf("<NewInternalPort>%d</NewInternalPort><NewInternalClient>%s</NewInternalClient><NewEnabled>%d</NewEnabled>"+
		"<NewPortMappingDescription>%s</NewPortMappingDescription><NewLeaseDuration>%d</NewLeaseDuration>",
		m.Internal.Port(), m.Internal.Addr(), number(m.Enabled), m.Description, int(m.Lease/time.Second))
}

// list is the answer of GetListOfPortMappings; mu is held.
func (r *Router) list(in args) (string, int) {
	var text strings.Builder
	n := 0
	for _, e := range r.table {
		if m := e.left(); string(m.Protocol) == in.Protocol && m.ExternalPort >= in.StartPort && m.ExternalPort <= in.EndPort && (in.Number == 0 || n < in.Number) {
			n++
			fmt.Fprintf(&text, "<p:PortMappingEntry><p:NewRemoteHost></p:NewRemoteHost><p:NewExternalPort>%d</p:NewExternalPort><p:NewProtocol>%s</p:NewProtocol>"+
				"<p:NewInternalPort>%d</p:NewInternalPort><p:NewInternalClient>%s</p:NewInternalClient><p:NewEnabled>%d</p:NewEnabled>"+
				"<p:NewDescription>%s</p:NewDescription><p:NewLeaseTime>%d</p:NewLeaseTime></p:PortMappingEntry>",
				m.ExternalPort, m.Protocol, m.Internal.Port(), m.Internal.Addr(), number(m.Enabled), m.Description, int(m.Lease/time.Second))
		}
	}
	if n == 0 {
		return "", 730
	}
	return `<NewPortListing><![CDATA[<p:PortMappingList xmlns:p="urn:schemas-upnp-org:gw:WANIPConnection">` + text.String() + `</p:PortMappingList>]]></NewPortListing>`, 0
}

// arguments reads an action's arguments out of an envelope.
func arguments(body []byte, into *args) bool {
	var e struct {
		Body struct {
			Action struct {
				Inner []byte `xml:",innerxml"`
			} `xml:",any"`
		} `xml:"Body"`
	}
	if xml.Unmarshal(body, &e) != nil {
		return false
	}
	return xml.Unmarshal([]byte("<args>"+string(e.Body.Action.Inner)+"</args>"), into) == nil
}

func fault(w http.ResponseWriter, wire Wire, code int) {
	envelope(w, wire, http.StatusInternalServerError, fmt.Sprintf(`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring>`+
		`<detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%d</errorCode><errorDescription>told to</errorDescription></UPnPError></detail></s:Fault>`, code))
}

func envelope(w http.ResponseWriter, wire Wire, status int, body string) {
	wire.write(w, status, fmt.Sprintf(`<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>%s</s:Body></s:Envelope>`, body))
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
