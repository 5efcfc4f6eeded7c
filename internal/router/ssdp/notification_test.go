package ssdp_test

import (
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/router/ssdp"
)

const (
	device  = "urn:schemas-upnp-org:device:InternetGatewayDevice:2"
	service = "urn:schemas-upnp-org:service:WANIPConnection:1"
)

func notify(headers ...string) []byte {
	return []byte("NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n")
}

func alive(target, location, bootID string) []byte {
	return notify("NTS: ssdp:alive", "NT: "+target, "LOCATION: "+location, "BOOTID.UPNP.ORG: "+bootID)
}

func TestParseNotification(t *testing.T) {
	n, err := ssdp.ParseNotification(alive(device, "http://192.168.1.1:5000/d.xml", "7"), gateway)
	if err != nil || n.Byebye || n.Target != device || n.Location.String() != "http://192.168.1.1:5000/d.xml" || n.BootID != "7" {
		t.Errorf("alive: %+v, %v", n, err)
	}
	n, err = ssdp.ParseNotification(notify("NTS:ssdp:byebye", "nt:"+service), gateway)
	if err != nil || !n.Byebye || n.Target != service || n.Location != nil {
		t.Errorf("byebye: %+v, %v", n, err)
	}
}

func TestParseNotificationRefuses(t *testing.T) {
	const good = "http://192.168.1.1:5000/d.xml"
	for name, packet := range map[string][]byte{
		"nothing":           nil,
		"a search":          []byte("M-SEARCH * HTTP/1.1\r\nNTS: ssdp:alive\r\nNT: " + device + "\r\nLOCATION: " + good + "\r\n\r\n"),
		"a reply":           reply("NTS: ssdp:alive", "NT: "+device, "LOCATION: "+good),
		"a path":            []byte("NOTIFY / HTTP/1.1\r\nNTS: ssdp:byebye\r\nNT: " + device + "\r\n\r\n"),
		"a media server":    alive("urn:schemas-upnp-org:device:MediaServer:1", good, "7"),
		"a root device":     alive("upnp:rootdevice", good, "7"),
		"all":               alive("ssdp:all", good, "7"),
		"an unknown number": alive(device+"9", good, "7"),
		"an update":         notify("NTS: ssdp:update", "NT: "+device, "LOCATION: "+good),
		"no NTS":            notify("NT: "+device, "LOCATION: "+good),
		"another host":      alive(device, "http://192.168.1.2:5000/d.xml", "7"),
		"loopback":          alive(device, "http://[::1]:5000/d.xml", "7"),
		"no location":       notify("NTS: ssdp:alive", "NT: "+device),
		"two NTS":           notify("NTS: ssdp:alive", "NTS: ssdp:byebye", "NT: "+device, "LOCATION: "+good),
		"too long":          notify("NTS: ssdp:byebye", "NT: "+device, "X: "+strings.Repeat("x", ssdp.MaxReply)),
	} {
		if got, err := ssdp.ParseNotification(packet, gateway); err == nil {
			t.Errorf("%s: %+v was taken", name, got)
		}
	}
}

func TestPresence(t *testing.T) {
	const here, there, other = "http://192.168.1.1:5000/d.xml", "http://192.168.1.1:6000/d.xml", "http://192.168.1.1:5000/e.xml"
	bye := notify("NTS: ssdp:byebye", "NT: "+device)
	type heard struct {
		packet []byte
		want   ssdp.News
	}
	for name, story := range map[string][]heard{
		"all is well": {{alive(device, here, "7"), ssdp.Nothing}, {alive(device, here, "7"), ssdp.Nothing}, {alive(service, here, "7"), ssdp.Nothing}},
		// Some routers describe each device at another place.
		"two descriptions": {{alive(device, here, "7"), ssdp.Nothing}, {alive(service, other, "7"), ssdp.Nothing}, {alive(device, here, "7"), ssdp.Nothing}, {alive(service, other, "7"), ssdp.Nothing}},
		"another boot":     {{alive(device, here, "7"), ssdp.Nothing}, {alive(device, here, "8"), ssdp.Moved}, {alive(service, here, "8"), ssdp.Nothing}, {alive(device, here, "8"), ssdp.Nothing}},
		"heard first":      {{alive(device, here, "8"), ssdp.Moved}, {alive(device, here, "8"), ssdp.Nothing}, {alive(service, here, "8"), ssdp.Nothing}},
		"another port":     {{alive(device, there, "7"), ssdp.Moved}, {alive(service, there, "7"), ssdp.Nothing}},
		"goodbye":          {{bye, ssdp.Gone}, {bye, ssdp.Nothing}, {alive(device, here, "7"), ssdp.Back}, {alive(service, here, "7"), ssdp.Nothing}, {bye, ssdp.Gone}},
		"no boot told":     {{alive(device, here, ""), ssdp.Nothing}, {alive(device, here, ""), ssdp.Nothing}},
	} {
		var p ssdp.Presence
		for i, h := range story {
			n, err := ssdp.ParseNotification(h.packet, gateway)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Take(n, here, "7"); got != h.want {
				t.Errorf("%s, %d: %v, want %v", name, i, got, h.want)
			}
		}
	}
	var p ssdp.Presence
	n, _ := ssdp.ParseNotification(alive(device, here, "8"), gateway)
	if got := p.Take(n, "", ""); got != ssdp.Nothing {
		t.Errorf("before any router was found: %v", got)
	}
}

func FuzzParseNotification(f *testing.F) {
	f.Add(alive(device, "http://192.168.1.1:5000/d.xml", "7"))
	f.Add(notify("NTS: ssdp:byebye", "NT: "+service))
	f.Add([]byte("NOTIFY * HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		n, err := ssdp.ParseNotification(packet, gateway)
		if err != nil {
			return
		}
		if !n.Byebye && (n.Location.Hostname() != gateway.String() || n.Location.Scheme != "http") || n.Target == "" {
			t.Fatalf("took %+v", n)
		}
		var p ssdp.Presence
		p.Take(n, "", "")
		if again := p.Take(n, "", ""); again != ssdp.Nothing {
			t.Fatalf("the same again is %v", again)
		}
	})
}
