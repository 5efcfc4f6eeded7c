//go:build linux

package forward

// A listener in the LAN that notes when the router says that it is there.

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
	"golang.org/x/sys/unix"
)

// announcements are when the router said ssdp:alive.
type announcements struct {
	mu sync.Mutex
	at []time.Time // guarded by mu
}

// hearAlive listens on the phone until the test ends.
func hearAlive(t *testing.T, h *lab.Home) *announcements {
	t.Helper()
	packets, err := h.Phone.ListenPacket("udp4", "0.0.0.0:1900")
	if err != nil {
		t.Fatalf("listening to the router: %v", err)
	}
	conn := packets.(*net.UDPConn)
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	// By the address of the interface: this process is in another namespace,
	// where its index means something else.
	join := &unix.IPMreq{Multiaddr: [4]byte{239, 255, 255, 250}, Interface: lab.PhoneAddr.As4()}
	var joined error
	if err := raw.Control(func(fd uintptr) {
		joined = unix.SetsockoptIPMreq(int(fd), unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, join)
	}); err != nil || joined != nil {
		t.Fatalf("joining the group of SSDP: %v, %v", err, joined)
	}
	a := &announcements{}
	var reading sync.WaitGroup
	reading.Go(func() { a.read(conn) })
	t.Cleanup(func() {
		conn.Close()
		reading.Wait()
	})
	return a
}

// read notes what comes until the socket is closed.
func (a *announcements) read(conn *net.UDPConn) {
	buffer := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		if from.Addr().Unmap() != lab.RouterAddr || !bytes.Contains(buffer[:n], []byte("ssdp:alive")) {
			continue
		}
		a.mu.Lock()
		a.at = append(a.at, time.Now())
		a.mu.Unlock()
	}
}

// after is when the router said it first at or after a moment; ok is false where it has
// not yet.
func (a *announcements) after(moment time.Time) (at time.Time, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, at := range a.at {
		if !at.Before(moment) {
			return at, true
		}
	}
	return time.Time{}, false
}
