package packet

// The system calls of the batch loop: recvmmsg(2), sendmmsg(2), and their
// structs. All that is unsafe is here.

import (
	"encoding/binary"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// receiveTimeout is SO_RCVTIMEO. Without one a signal restarts recvmmsg
	// instead of ending it (signal(7)), and then the garbage collector, which
	// sends one to every thread that holds a P, waits until a datagram comes.
	// It never passes in practice, as the scheduler sends such a signal every
	// 10 ms, so its length does not matter.
	receiveTimeout = 2 * time.Second
	// sendTimeout is SO_SNDTIMEO, for a full send queue.
	sendTimeout = 20 * time.Millisecond
)

// mmsghdr is struct mmsghdr; the compiler pads it as C does.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// sockaddr is room for a sockaddr_in or a sockaddr_in6.
type sockaddr = unix.RawSockaddrInet6

// socket returns a socket in blocking mode that is bound to addr, with the
// control messages of info.
func socket(addr netip.AddrPort, info bool) (int, error) {
	family := unix.AF_INET6
	if addr.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := prepare(fd, addr, info); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// prepare sets the options of a socket and binds it.
func prepare(fd int, addr netip.AddrPort, info bool) error {
	v4 := addr.Addr().Is4()
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer) // a smaller one works too
	for option, d := range map[int]time.Duration{unix.SO_RCVTIMEO: receiveTimeout, unix.SO_SNDTIMEO: sendTimeout} {
		tv := unix.NsecToTimeval(d.Nanoseconds())
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &tv); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if !v4 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if info {
		if err := (pktinfo{v4: v4}).enableFD(fd); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	var sa unix.Sockaddr = &unix.SockaddrInet4{Port: int(addr.Port())}
	if v4 {
		sa.(*unix.SockaddrInet4).Addr = addr.Addr().As4()
	} else {
		sa = &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16(), ZoneId: scopeOf(addr.Addr().Zone())}
	}
	return os.NewSyscallError("bind", unix.Bind(fd, sa))
}

// supported reports whether the kernel, or what stands in for it, knows both
// calls: asked for no datagrams, they do nothing.
func supported(fd int) bool {
	_, _, in := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	_, _, out := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return in == 0 && out == 0
}

// receive waits for datagrams and returns how many came. The scheduler is not
// told, so the P stays with the thread: to give it away and to get it back is
// what waiting costs a Go program, several times the price of a datagram.
func receive(fd int, list []mmsghdr) (int, unix.Errno) {
	return recvmmsg(fd, list, unix.MSG_WAITFORONE)
}

// receiveNow is receive without waiting.
func receiveNow(fd int, list []mmsghdr) (int, unix.Errno) {
	return recvmmsg(fd, list, unix.MSG_DONTWAIT)
}

func recvmmsg(fd int, list []mmsghdr, flags uintptr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&list[0])), uintptr(len(list)), flags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// sendNow sends what goes without waiting and returns how many that were; the
// error is that of the first one.
func sendNow(fd int, list []mmsghdr) (int, unix.Errno) {
	sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&list[0])), uintptr(len(list)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(sent), 0
}

// sendPatiently sends one datagram and waits for room up to sendTimeout.
func sendPatiently(fd int, hdr *unix.Msghdr) unix.Errno {
	for {
		_, _, errno := unix.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(hdr)), 0)
		if errno != unix.EINTR {
			return errno
		}
	}
}

// wake makes all receive calls on the socket return, now and later. The kernel
// says ENOTCONN and does it nevertheless.
func wake(fd int) { _ = unix.Shutdown(fd, unix.SHUT_RD) }

// aim points a message header at its buffers; control may be empty.
func aim(h *unix.Msghdr, name *sockaddr, nameLen uint32, vec *unix.Iovec, control []byte) {
	h.Name, h.Namelen = (*byte)(unsafe.Pointer(name)), nameLen
	h.Iov = vec
	h.SetIovlen(1)
	h.Control = unsafe.SliceData(control)
	h.SetControllen(len(control))
}

// point points an iovec at a buffer.
func point(vec *unix.Iovec, buffer []byte) {
	vec.Base = unsafe.SliceData(buffer)
	vec.SetLen(len(buffer))
}

// nameLen is the size of a family's socket address.
func nameLen(v4 bool) uint32 {
	if v4 {
		return unix.SizeofSockaddrInet4
	}
	return unix.SizeofSockaddrInet6
}

// parseName reads a socket address of the family; its port is in network order.
// Scope is the interface's index of a link-local address.
func parseName(sa *sockaddr, v4 bool) (addr netip.AddrPort, scope uint32) {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:])
	if v4 {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr), port), 0
	}
	return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), port), sa.Scope_id
}

// putName is the other way round.
func putName(sa *sockaddr, to netip.AddrPort, scope uint32, v4 bool) {
	*sa = sockaddr{}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:], to.Port())
	if v4 {
		sa.Family = unix.AF_INET
		(*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr = to.Addr().As4()
		return
	}
	sa.Family, sa.Addr, sa.Scope_id = unix.AF_INET6, to.Addr().As16(), scope
}
