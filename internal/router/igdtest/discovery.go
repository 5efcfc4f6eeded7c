package igdtest

// Answers to searches, and the description.

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// answerSearches runs until the socket is closed.
func (r *Router) answerSearches() {
	buffer := make([]byte, 4096)
	for {
		n, from, err := r.ssdp.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		target := ""
		for line := range strings.Lines(string(buffer[:n])) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "ST") {
				target = strings.TrimSpace(value)
			}
		}
		if target != "" {
			r.answerSearch(target, from)
		}
	}
}

func (r *Router) answerSearch(target string, from netip.AddrPort) {
	r.mu.Lock()
	odd, location, bootID := r.odd, r.location(), r.bootID
	r.searches++
	r.mu.Unlock()
	if odd.Silent || location == "" || odd.AnswersTo != nil && !odd.AnswersTo(target) {
		return
	}
	if odd.Location != nil {
		location = odd.Location(location)
	}
	if target == "ssdp:all" {
		target = "upnp:rootdevice"
	}
	reply := "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: " + target + "\r\nUSN: " + odd.UDN + "::" + target +
		"\r\nEXT:\r\nSERVER: " + odd.Server + "\r\nLOCATION: " + location + fmt.Sprintf("\r\nBOOTID.UPNP.ORG: %d\r\n", bootID)
	for _, header := range odd.ReplyHeaders {
		reply += header + "\r\n"
	}
	if odd.Reply != nil {
		reply = odd.Reply(reply)
	}
	conn := r.ssdp
	if odd.OtherPort && !odd.ReplyFrom.IsValid() {
		odd.ReplyFrom = r.addr
	}
	if odd.ReplyFrom.IsValid() {
		other, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(odd.ReplyFrom, 0)))
		if err != nil {
			r.tb.Errorf("opening a socket for a foreign reply: %v", err)
			return
		}
		defer other.Close()
		conn = other
	}
	_, _ = conn.WriteToUDPAddrPort([]byte(reply+"\r\n"), from)
}

// describe answers with the description, of the shape that miniupnpd's has.
func (r *Router) describe(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	odd := r.odd.clone()
	r.mu.Unlock()
	if odd.Description != nil {
		odd.Description(w, req)
		return
	}
	types := "urn:" + or(odd.Domain, "schemas-upnp-org") + ":device:"
	var devices strings.Builder
	for i, s := range odd.Services {
		if i > 0 && s.Device != odd.Services[i-1].Device {
			devices.WriteString("</serviceList></device>")
		}
		if i == 0 || s.Device != odd.Services[i-1].Device {
			fmt.Fprintf(&devices, "<device><deviceType>%sWANConnectionDevice:1</deviceType><UDN>%s-%d</UDN><serviceList>", types, odd.UDN, s.Device)
		}
		fmt.Fprintf(&devices, `<service><serviceType>%s</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn%d</serviceId>`+
			`<SCPDURL>%s</SCPDURL><controlURL>%s</controlURL><eventSubURL>%s</eventSubURL></service>`, s.Type, i,
			or(odd.SCPDURL, "/WANIPCn.xml"), or(odd.ControlURL, fmt.Sprintf("/ctl/%d", i)), or(odd.EventSubURL, "/evt/IPConn"))
	}
	if len(odd.Services) > 0 {
		devices.WriteString(odd.Firewall.service() + "</serviceList></device>")
	}
	base := ""
	if odd.URLBase != "" {
		base = "<URLBase>" + odd.URLBase + "</URLBase>"
	}
	odd.Wire.write(w, http.StatusOK, fmt.Sprintf(`<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>1</minor></specVersion>%s
<device><deviceType>%s</deviceType><friendlyName>%s</friendlyName>
<manufacturer>%s</manufacturer><modelName>%s</modelName><UDN>%s</UDN>
<deviceList><device><deviceType>%sWANDevice:1</deviceType><UDN>%s</UDN>
<deviceList>%s</deviceList></device></deviceList></device></root>`,
		base, types+or(odd.Root, "InternetGatewayDevice:2"), odd.Model, odd.Manufacturer, odd.Model, odd.UDN, types, odd.UDN, devices.String()))
}

func or(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}
