//go:build linux

package lab

// A router that forwards although its own address is private, as most in shops
// do behind another router. miniupnpd refuses.

import (
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// StartPrivateRouter starts such a router's UPnP service in place of
// StartRouter's. What it is asked for becomes a rule in the kernel, so Mappings
// tells the truth of it; leases do not end.
func (h *Home) StartPrivateRouter(t testing.TB) *PrivateRouter {
	t.Helper()
	r := &PrivateRouter{home: h, entries: make(map[string]portArgs)}
	h.servePlain(t, r.control)
	return r
}

// portArgs are the arguments of the actions on a mapping.
type portArgs struct {
	External    uint16 `xml:"Body>any>NewExternalPort"`
	Protocol    string `xml:"Body>any>NewProtocol"`
	Internal    uint16 `xml:"Body>any>NewInternalPort"`
	Client      string `xml:"Body>any>NewInternalClient"`
	Description string `xml:"Body>any>NewPortMappingDescription"`
	Lease       uint32 `xml:"Body>any>NewLeaseDuration"`
}

// PrivateRouter is such a router's UPnP service.
type PrivateRouter struct {
	home *Home

	mu      sync.Mutex
	entries map[string]portArgs // guarded by mu; by protocol and port
	claimed netip.Addr          // guarded by mu; zero: it tells the truth
}

// Claim has the router tell this address as its own from now on; the zero Addr
// is the truth again.
func (r *PrivateRouter) Claim(addr netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.claimed = addr
}

// address is what it tells; mu is held.
func (r *PrivateRouter) address() netip.Addr {
	if r.claimed.IsValid() {
		return r.claimed
	}
	return r.home.RouterWAN()
}

// control answers a SOAP action.
func (r *PrivateRouter) control(w http.ResponseWriter, req *http.Request) {
	_, action, _ := strings.Cut(strings.Trim(req.Header.Get("SOAPAction"), `"`), "#")
	body, _ := io.ReadAll(io.LimitReader(req.Body, 64<<10))
	// The element in the body is called after the action.
	text := strings.NewReplacer("u:"+action+" ", "any ", "u:"+action+">", "any>").Replace(string(body))
	var a portArgs
	if err := xml.Unmarshal([]byte(text), &a); err != nil {
		answerSOAP(w, action, 402, "")
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := a.Protocol + strconv.Itoa(int(a.External))
	known, ok := r.entries[key]
	switch action {
	case "GetExternalIPAddress":
		answerSOAP(w, action, 0, "<NewExternalIPAddress>"+r.address().String()+"</NewExternalIPAddress>")
	case "GetStatusInfo":
		answerSOAP(w, action, 0, "<NewConnectionStatus>Connected</NewConnectionStatus><NewLastConnectionError>ERROR_NONE</NewLastConnectionError><NewUptime>1000</NewUptime>")
	case "AddPortMapping":
		if ok && known.Client != a.Client {
			answerSOAP(w, action, 718, "")
			return
		}
		r.entries[key] = a
		code := r.apply()
		if code != 0 {
			delete(r.entries, key)
		}
		answerSOAP(w, action, code, "")
	case "DeletePortMapping":
		if delete(r.entries, key); !ok {
			answerSOAP(w, action, 714, "")
			return
		}
		answerSOAP(w, action, r.apply(), "")
	case "GetSpecificPortMappingEntry":
		if !ok {
			answerSOAP(w, action, 714, "")
			return
		}
		answerSOAP(w, action, 0, fmt.Sprintf("<NewInternalPort>%d</NewInternalPort><NewInternalClient>%s</NewInternalClient><NewEnabled>1</NewEnabled><NewPortMappingDescription>%s</NewPortMappingDescription><NewLeaseDuration>%d</NewLeaseDuration>",
			known.Internal, html.EscapeString(known.Client), html.EscapeString(known.Description), known.Lease))
	default:
		answerSOAP(w, action, 401, "")
	}
}

// apply writes the table into the kernel; mu is held. It returns the error code
// to answer with, 0 for none.
func (r *PrivateRouter) apply() int {
	rules := "flush chain inet filter prerouting_miniupnpd; flush chain inet filter miniupnpd;"
	for _, e := range r.entries {
		addr, err := netip.ParseAddr(e.Client)
		if err != nil || e.Protocol != "TCP" && e.Protocol != "UDP" {
			return 402
		}
		protocol := strings.ToLower(e.Protocol)
		// With the protocol as miniupnpd writes it, for Mappings.
		number := map[string]int{"tcp": 6, "udp": 17}[protocol]
		rules += fmt.Sprintf(" add rule inet filter prerouting_miniupnpd iifname wan0 @nh,72,8 %d meta l4proto %s th dport %d dnat ip to %s:%d;", number, protocol, e.External, addr, e.Internal)
		rules += fmt.Sprintf(" add rule inet filter miniupnpd ip daddr %s meta l4proto %s th dport %d accept;", addr, protocol, e.Internal)
	}
	if _, err := r.home.Router.Try(Patience, "nft", rules); err != nil {
		return 501
	}
	return 0
}

// answerSOAP answers an action, or refuses it with a code other than 0.
func answerSOAP(w http.ResponseWriter, action string, code int, out string) {
	w.Header().Set("Content-Type", "text/xml")
	body := fmt.Sprintf(`<u:%sResponse xmlns:u="%s">%s</u:%[1]sResponse>`, html.EscapeString(action), plainService, out)
	if code != 0 {
		w.WriteHeader(http.StatusInternalServerError)
		body = fmt.Sprintf(`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%d</errorCode><errorDescription>no</errorDescription></UPnPError></detail></s:Fault>`, code)
	}
	fmt.Fprintf(w, `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>%s</s:Body></s:Envelope>`, body)
}
