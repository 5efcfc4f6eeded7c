package relay

// Reading from a connection.

import (
	"net"
	"sync"
)

// bufferSize is how much is read at once. Measured by the benchmarks here, as
// the time that io.Copy takes with the kernel's splice: 1.3 to 1.5 in bulk and
// 1.0 for 200 small connections. With 16 KiB it was 1.3 to 1.9 and 1.0, with 64
// KiB 1.0 and 1.0. Splicing itself would keep two file descriptors and a pipe
// for each direction, also while it is silent, and count octets only when it
// pauses; the difference begins at several gigabits per second.
//
// A silent connection takes 9 KiB of this process's memory in all, as it has no
// buffer; with one for each direction it would be 73. All directions together
// hold 16 MiB at the most, when 256 connections have both peers not reading.
const bufferSize = 32 << 10

// buffers are lent to directions that have something to carry, and only while
// they do.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// source is where a direction comes from.
type source interface {
	// next waits for octets and returns them in a buffer, which then is the
	// caller's to put back; it is nil where there are none. n may be more than 0
	// beside an error.
	next() (buffer *[bufferSize]byte, n int, err error)
}

// plainSource is any connection. It has a buffer while it waits.
type plainSource struct{ conn net.Conn }

func (s plainSource) next() (*[bufferSize]byte, int, error) {
	buffer := buffers.Get().(*[bufferSize]byte)
	n, err := s.conn.Read(buffer[:])
	if n == 0 {
		buffers.Put(buffer)
		return nil, 0, err
	}
	return buffer, n, err
}
