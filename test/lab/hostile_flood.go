//go:build linux

package lab

// Datagrams under any sender's address, as many as are wanted.

import (
	"context"
	endian "encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// spoofer sends UDP datagrams with whatever source it is told, as any host in
// a LAN can. It may be used by several goroutines.
type spoofer struct {
	mu sync.Mutex // one datagram at a time, and none after close
	fd int
}

// newSpoofer opens a raw socket in the host's namespace.
func (h *Host) newSpoofer() (*spoofer, error) {
	s := &spoofer{}
	err := h.inside(func() (err error) {
		// IPPROTO_RAW: we write the IP header, source and all.
		s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	})
	return s, err
}

// send sends one datagram. The kernel fills in the IP header's length,
// identification and checksum; UDP's checksum may be left out (RFC 768).
func (s *spoofer) send(from, to netip.AddrPort, payload []byte) error {
	packet := make([]byte, 28, 28+len(payload))
	packet[0], packet[8], packet[9] = 0x45, 64, unix.IPPROTO_UDP
	source, target := from.Addr().As4(), to.Addr().As4()
	copy(packet[12:], source[:])
	copy(packet[16:], target[:])
	endian.BigEndian.PutUint16(packet[20:], from.Port())
	endian.BigEndian.PutUint16(packet[22:], to.Port())
	endian.BigEndian.PutUint16(packet[24:], uint16(8+len(payload)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return unix.EBADF
	}
	return unix.Sendto(s.fd, append(packet, payload...), 0, &unix.SockaddrInet4{Addr: target})
}

func (s *spoofer) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	unix.Close(s.fd)
	s.fd = -1
}

// Datagram is one to send in a flood.
type Datagram struct {
	From, To netip.AddrPort
	Payload  []byte
}

// Flood sends the datagrams that next makes, perSecond of them, until ctx ends
// and returns how many it sent in which time. next is told how many went
// before.
func (x *Hostile) Flood(ctx context.Context, perSecond int, next func(i int) Datagram) (sent int, took time.Duration, err error) {
	began := time.Now()
	for ctx.Err() == nil {
		due := int(time.Since(began).Seconds() * float64(perSecond))
		for ; sent < due; sent++ {
			d := next(sent)
			if err := x.raw.send(d.From, d.To, d.Payload); err != nil {
				return sent, time.Since(began), fmt.Errorf("after %d datagrams: %w", sent, err)
			}
			if sent%64 == 0 && ctx.Err() != nil {
				break
			}
		}
		time.Sleep(time.Millisecond)
	}
	return sent, time.Since(began), nil
}

// Send sends one datagram.
func (x *Hostile) Send(t testing.TB, d Datagram) {
	t.Helper()
	if err := x.raw.send(d.From, d.To, d.Payload); err != nil {
		t.Fatal(err)
	}
}

// Alive is an ssdp:alive of a router, forged to come from an address.
func Alive(from netip.Addr, location, bootID string) Datagram {
	return notify(from, "ssdp:alive", "CACHE-CONTROL: max-age=120\r\nLOCATION: "+location+"\r\nBOOTID.UPNP.ORG: "+bootID+"\r\n")
}

// Byebye is an ssdp:byebye of a router, forged to come from an address.
func Byebye(from netip.Addr) Datagram { return notify(from, "ssdp:byebye", "") }

func notify(from netip.Addr, nts, more string) Datagram {
	const nt = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
	return Datagram{
		From: netip.AddrPortFrom(from, 1900), To: ssdpGroup,
		Payload: []byte("NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: " + nt + "\r\nUSN: " + HostileUDN + "::" + nt +
			"\r\nNTS: " + nts + "\r\nSERVER: Lab/1.0 UPnP/1.1 MiniUPnPd/2.3.1\r\n" + more + "\r\n"),
	}
}

// NATPMPNews is NAT-PMP's announcement (RFC 6886, section 3.2.1), forged to
// come from an address, with an external address that is a lie.
func NATPMPNews(from netip.Addr, epoch uint32) Datagram {
	payload := make([]byte, 12)
	payload[1] = 128
	endian.BigEndian.PutUint32(payload[4:], epoch)
	copy(payload[8:], []byte{11, 66, 66, 66})
	return news(from, payload)
}

// PCPNews is PCP's ANNOUNCE (RFC 6887, section 14.1), forged likewise.
func PCPNews(from netip.Addr, epoch uint32) Datagram {
	payload := make([]byte, 24)
	payload[0], payload[1] = 2, 128
	endian.BigEndian.PutUint32(payload[8:], epoch)
	return news(from, payload)
}

func news(from netip.Addr, payload []byte) Datagram {
	return Datagram{From: netip.AddrPortFrom(from, 5351), To: netip.MustParseAddrPort("224.0.0.1:5350"), Payload: payload}
}
