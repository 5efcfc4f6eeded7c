package packet

// Waiting without a thread, while there is little to do.

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// idler waits for a socket through Go's network poller. It exists only while
// the loop is idle: the poller's thread is woken for each datagram of a socket
// that it knows, whoever receives it.
type idler struct {
	file *os.File
	conn syscall.RawConn
	read func(fd uintptr) bool
	// What read was asked for, and got.
	list  []mmsghdr
	n     int
	errno unix.Errno
}

// newIdler puts a copy of a descriptor into the poller. The poller takes
// descriptors in non-blocking mode alone, which copies share; it does not mind
// when that changes back. Once closing is true, receive waits no more; whoever
// sets it wakes the socket then.
func newIdler(fd int, closing *atomic.Bool) (*idler, error) {
	twin, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("copying a socket's descriptor: %w", err)
	}
	err = unix.SetNonblock(twin, true)
	file := os.NewFile(uintptr(twin), "udp")
	if err == nil {
		err = unix.SetNonblock(fd, false)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("changing the mode of a socket: %w", err)
	}
	i := &idler{file: file}
	if i.conn, err = file.SyscallConn(); err != nil {
		file.Close()
		return nil, fmt.Errorf("waiting for a socket: %w", err)
	}
	i.read = func(fd uintptr) bool {
		i.n, i.errno = receiveNow(int(fd), i.list)
		// To a call that does not wait, a socket that is shut down looks like an
		// empty one.
		return i.errno != unix.EAGAIN || closing.Load()
	}
	return i, nil
}

// receive waits for datagrams and returns how many came.
func (i *idler) receive(list []mmsghdr) (int, error) {
	i.list = list
	if err := i.conn.Read(i.read); err != nil {
		return 0, err
	}
	if i.errno != 0 {
		return 0, i.errno
	}
	return i.n, nil
}

// stop takes the socket out of the poller. Nil is fine.
func (i *idler) stop() {
	if i != nil {
		i.file.Close()
	}
}
