//go:build linux

package lab

// A device in the LAN that says it is the router, and lies in whatever way it
// is told to.

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// HostilePort is the TCP port of the hostile device's descriptions.
const HostilePort = 5555

// HostileUDN is what the lab's real router is called by, and so what a hostile
// device says, too.
const HostileUDN = "uuid:00000000-0000-4000-8000-00000000ed6e"

// ssdpGroup is where searches and announcements go.
var ssdpGroup = netip.MustParseAddrPort("239.255.255.250:1900")

// Hostile is the running device. Its methods may be called at any time.
type Hostile struct {
	// Addr is its address.
	Addr netip.Addr

	host     *Host
	raw      *spoofer
	answers  atomic.Value // []SSDPAnswer
	serve    atomic.Value // http.HandlerFunc
	searches atomic.Int64
	ended    chan struct{}

	mu       sync.Mutex
	requests []string // guarded by mu
	callers  int      // guarded by mu; connections to its port
}

// SSDPAnswer is what the device says to each search.
type SSDPAnswer struct {
	// From is the address that it seems to come from; the zero Addr is its own.
	From netip.Addr
	// Location is the LOCATION.
	Location string
	// BootID is the BOOTID.UPNP.ORG; may be empty.
	BootID string
	// Headers are more header lines, each with its end; may be empty.
	Headers string
}

func (a SSDPAnswer) String() string {
	boot := ""
	if a.BootID != "" {
		boot = "BOOTID.UPNP.ORG: " + a.BootID + "\r\n"
	}
	const st = "urn:schemas-upnp-org:device:InternetGatewayDevice:2"
	return "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: " + st + "\r\nUSN: " + HostileUDN + "::" + st +
		"\r\nEXT:\r\nSERVER: Lab/1.0 UPnP/1.1 MiniUPnPd/2.3.1\r\nLOCATION: " + a.Location + "\r\n" + boot + a.Headers + "\r\n"
}

// StartHostile starts the device on a host: it hears every search to the
// multicast group, and to itself, and answers nothing yet. Descriptions are
// those of ServePlain until Serve says otherwise.
func (h *Home) StartHostile(t testing.TB, host *Host) *Hostile {
	t.Helper()
	x := &Hostile{Addr: host.Addr, host: host, ended: make(chan struct{})}
	x.answers.Store([]SSDPAnswer(nil))
	x.Serve(x.Lie("/control"))
	raw, err := host.newSpoofer()
	if err != nil {
		t.Fatalf("opening a raw socket in %s: %v", host.Name, err)
	}
	x.raw = raw
	group, err := host.listenGroup(ssdpGroup)
	if err != nil {
		t.Fatalf("hearing searches in %s: %v", host.Name, err)
	}
	l, err := host.Listen("tcp", netip.AddrPortFrom(host.Addr, HostilePort).String())
	if err != nil {
		t.Fatalf("listening in %s: %v", host.Name, err)
	}
	server := &http.Server{Handler: x, ReadHeaderTimeout: 10 * time.Second, ConnState: x.counts}
	var tasks sync.WaitGroup
	tasks.Go(func() { x.answer(group) })
	tasks.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving UPnP: %v", err)
		}
	})
	t.Cleanup(func() {
		h.hold(t)
		close(x.ended)
		group.Close()
		server.Close()
		tasks.Wait()
		raw.close()
	})
	return x
}

// listenGroup listens to a multicast group on eth0, or br0 of a router; what is
// sent to the host itself on the group's port is heard, too.
func (h *Host) listenGroup(group netip.AddrPort) (*net.UDPConn, error) {
	var c *net.UDPConn
	err := h.inside(func() error {
		link, err := net.InterfaceByName("eth0")
		if err != nil {
			link, err = net.InterfaceByName("br0")
		}
		if err == nil {
			c, err = net.ListenMulticastUDP("udp4", link, net.UDPAddrFromAddrPort(group))
		}
		return err
	})
	return c, err
}

// Answer says what each search is answered with from now on, all at once.
func (x *Hostile) Answer(answers ...SSDPAnswer) { x.answers.Store(answers) }

// Serve says how HTTP requests are answered from now on.
func (x *Hostile) Serve(how http.HandlerFunc) { x.serve.Store(how) }

// Searches is how many searches it has heard.
func (x *Hostile) Searches() int { return int(x.searches.Load()) }

// Requests are the HTTP requests that it got, as "METHOD PATH", and of SOAP
// with the action and the internal client that it names.
func (x *Hostile) Requests() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]string(nil), x.requests...)
}

// Callers is how many TCP connections it got.
func (x *Hostile) Callers() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.callers
}

// URL is a path of its own.
func (x *Hostile) URL(path string) string {
	return fmt.Sprintf("http://%s:%d%s", x.Addr, HostilePort, path)
}

func (x *Hostile) counts(_ net.Conn, s http.ConnState) {
	if s == http.StateNew {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.callers++
	}
}

// ServeHTTP notes a request and answers it with the lie of the moment.
func (x *Hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	note := r.Method + " " + r.URL.Path
	if _, action, ok := strings.Cut(strings.Trim(r.Header.Get("SOAPAction"), `"`), "#"); ok {
		note += " " + action
		if _, client, ok := strings.Cut(string(body), "<NewInternalClient>"); ok {
			client, _, _ = strings.Cut(client, "<")
			note += " for " + client
		}
	}
	x.mu.Lock()
	if len(x.requests) < 10_000 {
		x.requests = append(x.requests, note)
	}
	x.mu.Unlock()
	x.serve.Load().(http.HandlerFunc)(w, r)
}

// answer answers searches until the socket is closed.
func (x *Hostile) answer(conn net.PacketConn) {
	buffer := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if !strings.HasPrefix(string(buffer[:n]), "M-SEARCH") {
			continue
		}
		x.searches.Add(1)
		to := from.(*net.UDPAddr).AddrPort()
		for _, a := range x.answers.Load().([]SSDPAnswer) {
			source := a.From
			if !source.IsValid() {
				source = x.Addr
			}
			_ = x.raw.send(netip.AddrPortFrom(source, 1900), netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), []byte(a.String()))
		}
	}
}
