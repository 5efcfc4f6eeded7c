//go:build linux

package lab

// A router that tells its address whatever it is, as the routers in shops do.
// miniupnpd tells none that is not public.

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	plainService = "urn:schemas-upnp-org:service:WANIPConnection:1"
	plainDevice  = `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>Plain Router</friendlyName>
<manufacturer>Lab</manufacturer><modelName>Plain</modelName><UDN>uuid:00000000-0000-4000-8000-0000000091a1</UDN>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><UDN>uuid:00000000-0000-4000-8000-0000000091a2</UDN>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><UDN>uuid:00000000-0000-4000-8000-0000000091a3</UDN>
<serviceList><service><serviceType>` + plainService + `</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<SCPDURL>/scpd.xml</SCPDURL><controlURL>/control</controlURL><eventSubURL>/event</eventSubURL></service></serviceList>
</device></deviceList></device></deviceList></device></root>`
)

// StartPlainRouter starts the UPnP service of such a router in place of
// StartRouter's. It answers searches that are sent to RouterAddr, tells the
// address of wan0, forwards nothing (501), and has no events.
func (h *Home) StartPlainRouter(t testing.TB) {
	t.Helper()
	h.servePlain(t, h.plainControl)
}

// servePlain serves the description of such a router, and its calls by control.
func (h *Home) servePlain(t testing.TB, control http.HandlerFunc) {
	t.Helper()
	search, err := h.Router.ListenPacket("udp", netip.AddrPortFrom(RouterAddr, 1900).String())
	if err != nil {
		t.Fatalf("listening for searches: %v", err)
	}
	l, err := h.Router.Listen("tcp", netip.AddrPortFrom(RouterAddr, 5555).String())
	if err != nil {
		search.Close()
		t.Fatalf("listening for UPnP: %v", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /device.xml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		io.WriteString(w, plainDevice)
	})
	mux.HandleFunc("POST /control", control)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { answerSearches(search) })
	serving.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving UPnP: %v", err)
		}
	})
	t.Cleanup(func() {
		h.hold(t)
		search.Close()
		server.Close()
		serving.Wait()
	})
}

// answerSearches answers every search for what the router is, until the socket
// is closed.
func answerSearches(conn net.PacketConn) {
	buffer := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		for line := range strings.Lines(string(buffer[:n])) {
			name, target, ok := strings.Cut(line, ":")
			target = strings.TrimSpace(target)
			if !ok || !strings.EqualFold(name, "ST") || target != "ssdp:all" && !strings.Contains(plainDevice, target) && target != "upnp:rootdevice" {
				continue
			}
			fmt.Fprintf(packetWriter{conn, from}, "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: %s\r\nUSN: uuid:00000000-0000-4000-8000-0000000091a1::%s\r\nEXT:\r\nSERVER: Plain/1.0 UPnP/1.0\r\nLOCATION: http://%s:5555/device.xml\r\n\r\n",
				target, target, RouterAddr)
		}
	}
}

// packetWriter writes each text as one datagram.
type packetWriter struct {
	conn net.PacketConn
	to   net.Addr
}

func (w packetWriter) Write(p []byte) (int, error) { return w.conn.WriteTo(p, w.to) }

// plainControl answers the actions that say how the connection is.
func (h *Home) plainControl(w http.ResponseWriter, r *http.Request) {
	_, action, _ := strings.Cut(strings.Trim(r.Header.Get("SOAPAction"), `"`), "#")
	out := map[string]string{
		"GetExternalIPAddress": "<NewExternalIPAddress>" + h.RouterWAN().String() + "</NewExternalIPAddress>",
		"GetStatusInfo": "<NewConnectionStatus>Connected</NewConnectionStatus>" +
			"<NewLastConnectionError>ERROR_NONE</NewLastConnectionError><NewUptime>1000</NewUptime>",
	}[action]
	w.Header().Set("Content-Type", "text/xml")
	body := fmt.Sprintf(`<u:%sResponse xmlns:u="%s">%s</u:%[1]sResponse>`, html.EscapeString(action), plainService, out)
	if out == "" {
		w.WriteHeader(http.StatusInternalServerError)
		body = `<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>` +
			`<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>501</errorCode><errorDescription>Action Failed</errorDescription></UPnPError></detail></s:Fault>`
	}
	fmt.Fprintf(w, `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>%s</s:Body></s:Envelope>`, body)
}
