//go:build unix

package relay

// Reading from a connection of the system's, which needs no buffer while there
// is nothing to read.

import (
	"io"
	"net"
	"os"
	"syscall"
)

// rawSource borrows a buffer when the kernel says that something is there. A
// thousand silent connections so share the few buffers of those that speak.
type rawSource struct {
	conn syscall.RawConn
	try  func(fd uintptr) bool // bound to this source, once

	buffer *[bufferSize]byte
	n      int
	err    error
}

// newSource returns how to read from a connection.
func newSource(conn net.Conn) source {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return plainSource{conn}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return plainSource{conn}
	}
	s := &rawSource{conn: raw}
	s.try = s.read
	return s
}

// read reads what is there, and reports false if that is nothing.
func (s *rawSource) read(fd uintptr) bool {
	s.buffer = buffers.Get().(*[bufferSize]byte)
	for {
		s.n, s.err = syscall.Read(int(fd), s.buffer[:])
		if s.err != syscall.EINTR {
			break
		}
	}
	if s.n > 0 {
		return true
	}
	s.n = 0
	buffers.Put(s.buffer)
	s.buffer = nil
	switch s.err {
	case syscall.EAGAIN:
		return false
	case nil:
		s.err = io.EOF
	default:
		s.err = os.NewSyscallError("read", s.err)
	}
	return true
}

func (s *rawSource) next() (*[bufferSize]byte, int, error) {
	s.buffer, s.n, s.err = nil, 0, nil
	if err := s.conn.Read(s.try); err != nil {
		return nil, 0, err // it was closed
	}
	return s.buffer, s.n, s.err
}
