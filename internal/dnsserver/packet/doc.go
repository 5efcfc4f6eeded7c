// Package packet moves UDP datagrams between a socket and a handler, and knows
// nothing of what is in them.
//
// There are two kinds of Loop. That of any system lives on Go's network poller
// and moves one datagram at a time. That of Linux moves up to 32 with one
// recvmmsg(2) and sends their replies with one sendmmsg(2), and it waits in two
// ways. As long as it has little to do it waits in the network poller too, and
// costs nothing while nothing comes. From some 80 datagrams a second on it
// waits in recvmmsg itself, by a raw system call of which the scheduler is not
// told: to give up the P and to find one again is most of what a datagram costs
// a Go program that waits for each.
//
// CPU time of an echo for each datagram in µs, user and system, the median of
// rounds that alternated on one two-core machine under other load (compare
// within a column):
//
//	datagrams a second              0     10    50   200   2,000   20,000   saturation
//	C, recvmmsg and sendmmsg        0     34    20     8     4.6      2.9          1.8
//	batches                         0     71    80    37     8.3      2.8          1.9
//	batches, always with the P   0.5 %   545    75    32     7.2      3.2          1.9
//	network poller                  0    142    96    48      24      7.8          3.6
//
// The first column is the share of a core. A thread of its own
// (runtime.LockOSThread) won nothing and made each preemption a change of
// threads. Blocking in a system call of which the scheduler is told cost more
// than the network poller below 100 datagrams a second, and twice the raw call
// above.
//
// At saturation batches of 8, 32 and 64 cost 2.06, 1.99 and 1.93 µs; 64 would be
// twice the memory, which is up to 200 KiB for a loop.
//
// What a thread in the kernel owes the runtime while it keeps its P:
//
//   - SO_RCVTIMEO is set, so that a signal ends recvmmsg. Without it the kernel
//     restarts the call and a garbage collection waits for the next datagram.
//   - When a signal has ended it, the loop yields.
//   - Each loop raises GOMAXPROCS by one while it runs, and none keeps the last
//     P.
//   - Sending never blocks in a raw call.
//
// A socket is shut down (shutdown(2)) to end its loop: the kernel then wakes
// whoever waits for it. Only after the loop has left it, and no late reply is
// being sent, is its descriptor closed.
//
// There is one socket for each address, without SO_REUSEPORT. One loop answers
// more than a home can ask, a second one costs the same for each datagram, and
// with SO_REUSEPORT another process of the same user could bind the port too
// and get half of the questions in silence.
package packet
