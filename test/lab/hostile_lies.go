//go:build linux

package lab

// What the hostile device serves over HTTP.

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
	"time"
)

// Lie serves a description whose control URL is this one, and, on every other
// path than the description's, a router that says yes to everything and does
// nothing: it lists each mapping as somebody else's.
func (x *Hostile) Lie(control string) http.HandlerFunc {
	device := strings.NewReplacer(">/control<", ">"+html.EscapeString(control)+"<", "uuid:00000000-0000-4000-8000-0000000091a1", HostileUDN).Replace(plainDevice)
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		if r.Method == http.MethodGet {
			io.WriteString(w, device)
			return
		}
		_, action, _ := strings.Cut(strings.Trim(r.Header.Get("SOAPAction"), `"`), "#")
		out := map[string]string{
			"GetExternalIPAddress": "<NewExternalIPAddress>11.66.66.66</NewExternalIPAddress>",
			"GetStatusInfo":        "<NewConnectionStatus>Connected</NewConnectionStatus><NewLastConnectionError>ERROR_NONE</NewLastConnectionError><NewUptime>1000</NewUptime>",
		}[action]
		if action == "GetSpecificPortMappingEntry" {
			w.WriteHeader(http.StatusInternalServerError)
			io.WriteString(w, `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>`+
				`<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>714</errorCode><errorDescription>NoSuchEntryInArray</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>`)
			return
		}
		fmt.Fprintf(w, `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:%sResponse xmlns:u="%s">%s</u:%[1]sResponse></s:Body></s:Envelope>`,
			html.EscapeString(action), plainService, out)
	}
}

// RedirectTo sends every request elsewhere.
func (x *Hostile) RedirectTo(url string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, http.StatusTemporaryRedirect) }
}

// RedirectCalls is a sound description whose calls are sent elsewhere.
func (x *Hostile) RedirectCalls(url string) http.HandlerFunc {
	sound := x.Lie("/control")
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			sound(w, r)
			return
		}
		http.Redirect(w, r, url, http.StatusTemporaryRedirect)
	}
}

// Endless serves a body that never ends, as fast as it is taken.
func (x *Hostile) Endless() http.HandlerFunc {
	chunk := []byte(strings.Repeat("<!-- "+strings.Repeat("x", 1000)+" -->", 64))
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		io.WriteString(w, `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">`)
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
}

// Slow serves one octet every quarter of a second, and never ends.
func (x *Hostile) Slow() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := io.WriteString(w, " "); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			case <-x.ended:
				return
			}
		}
	}
}

// Deep serves a description of 20,000 elements within each other.
func (x *Hostile) Deep() http.HandlerFunc {
	text := strings.Repeat("<deviceList>", 20_000)
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		io.WriteString(w, `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">`+text)
	}
}
