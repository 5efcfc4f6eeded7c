package dnsserver

// Questions over UDP.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/limit"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// packetLoop moves datagrams between one socket and a server. Another way of
// receiving takes the place of udpLoop behind it.
type packetLoop interface {
	// run serves until ctx ends, and then closes the socket and returns nil.
	run(ctx context.Context) error
	// address is the one bound, with its real port.
	address() netip.AddrPort
	// close closes the socket; a run of it then ends.
	close()
}

const (
	// receiveBuffer is asked of the kernel, for bursts; it may grant less.
	receiveBuffer = 4 << 20
	// maxQuery is more than any question needs; what is longer is cut and
	// found malformed.
	maxQuery = 4096
	// maxControl is room for the control messages that are asked for.
	maxControl = 128
	// maxReadErrors in a row end a loop.
	maxReadErrors = 100
)

// udpLoop is a packetLoop on Go's own netpoller.
type udpLoop struct {
	server *Server
	conn   *net.UDPConn
	bound  netip.AddrPort
	// info is whether datagrams come with the address they were sent to: an
	// unspecified address is many, and a reply from another than was asked is
	// thrown away by the client.
	info    bool
	pktinfo pktinfo
}

// listenUDP binds addr, for its own family only.
func listenUDP(s *Server, addr netip.AddrPort) (*udpLoop, error) {
	conn, err := net.ListenUDP(networkFor("udp", addr), net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(receiveBuffer) // a smaller one works too
	bound := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	l := &udpLoop{server: s, conn: conn, info: addr.Addr().IsUnspecified(), pktinfo: pktinfo{v4: addr.Addr().Is4()},
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

// networkFor adds the family of addr to a network's name, so that 0.0.0.0 and
// :: can be bound side by side.
func networkFor(network string, addr netip.AddrPort) string {
	if addr.Addr().Is4() {
		return network + "4"
	}
	return network + "6"
}

func (l *udpLoop) address() netip.AddrPort { return l.bound }

func (l *udpLoop) close() { l.conn.Close() }

func (l *udpLoop) run(ctx context.Context) error {
	defer l.conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var (
		question wire.Question
		packet   [maxQuery]byte
		control  [maxControl]byte
		out      = make([]byte, 0, wire.MaxMessage+maxControl)
		failed   int
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
			l.server.log.Debug("receiving a datagram failed", "listen", l.bound, "err", err)
			continue
		}
		failed = 0
		if from.Port() == 0 {
			continue // nobody is there
		}
		to := peer{addr: from}
		if l.info {
			to.local, to.device = l.pktinfo.parse(control[:nc])
		}
		l.handle(ctx, &question, packet[:n], to, out)
	}
	return nil
}

// handle answers one datagram, or hands it on.
func (l *udpLoop) handle(ctx context.Context, q *wire.Question, packet []byte, from peer, out []byte) {
	out, what := l.server.inline(out[:0], q, packet, from.addr.Addr(), 0)
	switch what {
	case ask:
		if l.server.tooMany(from.addr.Addr(), limit.Miss, time.Now()) {
			out = wire.AppendTruncated(out, q)
			break
		}
		if l.server.dispatch(ctx, q, 0, from, l, nil) {
			return
		}
		out = l.server.busy(out, q, from.addr.Addr(), q.Limit(0))
	case drop:
		return
	}
	l.send(from, out)
}

// send implements sender. The control message that makes the kernel send from
// the address that was asked stands behind message, in its buffer.
func (l *udpLoop) send(to peer, message []byte) {
	var control []byte
	if to.local.IsValid() {
		control = l.pktinfo.append(message, to.local, to.device)[len(message):]
	}
	if _, _, err := l.conn.WriteMsgUDPAddrPort(message, control, to.addr); err != nil {
		l.server.log.Debug("sending a reply failed", "client", to.addr, "err", err)
	}
}
