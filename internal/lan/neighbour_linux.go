package lan

// The kernel's table of neighbours (rtnetlink(7)): what it knows, and hearing of
// changes.

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// nudValid are the states in which an address is known, nudSure those in
	// which it was confirmed.
	nudSure  = unix.NUD_REACHABLE | unix.NUD_PERMANENT
	nudValid = nudSure | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE
	// sizeofNdMsg is that of struct ndmsg.
	sizeofNdMsg = 12
)

// Neighbours lists the IPv4 neighbours that the kernel knows.
func Neighbours() ([]Neighbour, error) {
	table, err := syscall.NetlinkRIB(unix.RTM_GETNEIGH, unix.AF_INET)
	if err != nil {
		return nil, fmt.Errorf("reading the table of neighbours: %w", err)
	}
	if len(table) > maxDump {
		return nil, fmt.Errorf("reading the table of neighbours: it is too long")
	}
	return neighboursIn(table), nil
}

// neighboursIn are the neighbours that messages tell of. Bytes that make no
// sense end the reading.
func neighboursIn(data []byte) (list []Neighbour) {
	for len(data) > 0 {
		m, rest, err := next(data)
		if err != nil {
			return list
		}
		data = rest
		if n, ok := parseNeighbour(m.body); ok && m.kind == unix.RTM_NEWNEIGH {
			list = append(list, n)
		}
	}
	return list
}

// parseNeighbour reads the body of an RTM_NEWNEIGH; false for an address that is
// not known, and for those of bridges.
func parseNeighbour(body []byte) (n Neighbour, ok bool) {
	if len(body) < sizeofNdMsg || body[0] != unix.AF_INET {
		return Neighbour{}, false
	}
	state := int(binary.NativeEndian.Uint16(body[8:]))
	attributes(body[sizeofNdMsg:], func(kind uint16, value []byte) {
		switch {
		case kind == unix.NDA_DST:
			n.Addr, _ = netip.AddrFromSlice(value)
		case kind == unix.NDA_LLADDR && len(value) == 6:
			n.MAC = net.HardwareAddr(value).String()
		}
	})
	n.Confirmed = state&nudSure != 0
	return n, n.Addr.Is4() && n.MAC != "" && state&nudValid != 0
}

// NeighbourChanges calls heard with each IPv4 neighbour that the kernel comes to
// know, until ctx ends, and returns nil then. heard must not block. An error
// means that the kernel does not let us listen.
func NeighbourChanges(ctx context.Context, heard func(Neighbour)) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("listening for neighbours: %w", err)
	}
	const group = 1 << (unix.RTNLGRP_NEIGH - 1)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: group}); err != nil {
		unix.Close(fd)
		return fmt.Errorf("listening for neighbours: %w", err)
	}
	return receive(ctx, os.NewFile(uintptr(fd), "rtnetlink"), 16<<10, func(data []byte, from unix.Sockaddr) {
		if sender, ok := from.(*unix.SockaddrNetlink); ok && sender.Pid == 0 {
			for _, n := range neighboursIn(data) {
				heard(n)
			}
		}
	})
}

// receive closes file when ctx ends, and until then calls got with each message.
// What the kernel had to drop is passed over.
func receive(ctx context.Context, file *os.File, most int, got func(data []byte, from unix.Sockaddr)) error {
	defer file.Close()
	defer context.AfterFunc(ctx, func() { file.SetReadDeadline(time.Unix(1, 0)) })()
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	buffer := make([]byte, most)
	for {
		var n int
		var from unix.Sockaddr
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			n, from, failed = unix.Recvfrom(int(fd), buffer, unix.MSG_DONTWAIT)
			return failed != unix.EAGAIN && failed != unix.EINTR
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case failed == unix.ENOBUFS || failed == unix.ENETDOWN:
		case failed != nil:
			return failed
		default:
			got(buffer[:n], from)
		}
	}
}
