package packet

// One datagram at a time, on Go's own network poller.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// pollerLoop is the Loop of any system.
type pollerLoop struct {
	log   *slog.Logger
	conn  *net.UDPConn
	bound netip.AddrPort
	// info is whether datagrams come with the address they were sent to: an
	// unspecified address is many, and a reply from another than was asked is
	// thrown away by the client.
	info    bool
	pktinfo pktinfo
}

// listenPoller binds addr.
func listenPoller(log *slog.Logger, addr netip.AddrPort) (Loop, error) {
	network := "udp6"
	if addr.Addr().Is4() {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(receiveBuffer) // a smaller one works too
	bound := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	l := &pollerLoop{log: log, conn: conn, info: addr.Addr().IsUnspecified(), pktinfo: pktinfo{v4: addr.Addr().Is4()},
		bound: netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())}
	if !l.info {
		return l, nil
	}
	if err := l.pktinfo.enable(conn); err != nil {
		conn.Close()
		return nil, fmt.Errorf("asking for the address that datagrams are sent to: %w", err)
	}
	return l, nil
}

// Addr implements Loop.
func (l *pollerLoop) Addr() netip.AddrPort { return l.bound }

// Close implements Loop.
func (l *pollerLoop) Close() { l.conn.Close() }

// Run implements Loop.
func (l *pollerLoop) Run(ctx context.Context, h Handler) error {
	defer l.conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var (
		packet  [MaxPacket]byte
		control [maxControl]byte
		out     = make([]byte, 0, ReplySize)
		failed  int
	)
	for ctx.Err() == nil {
		n, nc, _, from, err := l.conn.ReadMsgUDPAddrPort(packet[:], control[:])
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				break
			}
			if failed++; failed > maxReadErrors {
				return fmt.Errorf("receiving on udp %s: %w", l.bound, err)
			}
			l.log.Debug("receiving a datagram failed", "listen", l.bound, "err", err)
			continue
		}
		failed = 0
		if from.Port() == 0 {
			continue // nobody is there
		}
		to := Peer{Addr: from}
		if l.info {
			to.Local, to.Device = l.pktinfo.parse(control[:nc])
		}
		h.Begin()
		reply := h.Packet(out[:0], packet[:n], to)
		h.End()
		if len(reply) > 0 {
			l.Send(to, reply)
		}
		h.Sent()
	}
	return nil
}

// controls are buffers for control messages: one on the stack would escape.
var controls = sync.Pool{New: func() any { return new([maxControl]byte) }}

// Send implements Loop.
func (l *pollerLoop) Send(to Peer, message []byte) {
	buffer := controls.Get().(*[maxControl]byte)
	defer controls.Put(buffer)
	var control []byte
	if to.Local.IsValid() {
		control = l.pktinfo.append(buffer[:0], to.Local, to.Device)
	}
	if _, _, err := l.conn.WriteMsgUDPAddrPort(message, control, to.Addr); err != nil && !errors.Is(err, net.ErrClosed) {
		l.log.Debug("sending a reply failed", "client", to.Addr, "err", err)
	}
}
