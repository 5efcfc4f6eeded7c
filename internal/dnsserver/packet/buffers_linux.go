package packet

// The buffers of a batch loop, and what happens to a batch in them.

import (
	"sync"

	"golang.org/x/sys/unix"
)

// batchSize is how many datagrams one call moves at most; the package's comment
// has the figures.
const batchSize = 32

// batch is the message headers of one loop, which point into its buffers for
// good.
type batch struct {
	loop   *batchLoop
	in     [batchSize]mmsghdr
	out    [batchSize]mmsghdr
	inVec  [batchSize]unix.Iovec
	outVec [batchSize]unix.Iovec
	peers  [batchSize]Peer // of the replies
	room   *[batchSize]slot
}

// slot is the room for one datagram and its reply. A slot is used only when a
// batch is that deep, so a quiet house keeps the last ones out of its memory.
type slot struct {
	packet        [MaxPacket]byte
	reply         [ReplySize]byte
	receive, send [maxControl]byte
	from          sockaddr
}

// single is what it takes to send one late reply.
type single struct {
	hdr  unix.Msghdr
	vec  unix.Iovec
	name sockaddr
	room [maxControl]byte
}

var singles = sync.Pool{New: func() any { return new(single) }}

func newBatch(l *batchLoop) *batch {
	b := &batch{loop: l, room: new([batchSize]slot)}
	for i := range b.in {
		s := &b.room[i]
		point(&b.inVec[i], s.packet[:])
		b.ready(i)
	}
	return b
}

// ready makes slot i ready to receive.
func (b *batch) ready(i int) {
	s := &b.room[i]
	var control []byte
	if b.loop.info {
		control = s.receive[:]
	}
	aim(&b.in[i].hdr, &s.from, nameLen(b.loop.v4), &b.inVec[i], control)
}

// answer passes n datagrams to h and sends the replies.
func (b *batch) answer(h Handler, n int) {
	h.Begin()
	replies := 0
	for i := range n {
		if b.one(h, i, replies) {
			replies++
		}
	}
	h.End()
	b.send(replies)
	h.Sent()
	for i := range n {
		b.ready(i)
	}
}

// one passes datagram i to h and makes its reply, if there is one, number r.
func (b *batch) one(h Handler, i, r int) bool {
	l, m, s := b.loop, &b.in[i], &b.room[i]
	if m.hdr.Namelen != nameLen(l.v4) {
		return false // nobody sent it
	}
	var from Peer
	from.Addr, from.scope = parseName(&s.from, l.v4)
	if from.Addr.Port() == 0 {
		return false // nobody is there
	}
	if from.scope != 0 {
		from.Addr = l.zones.add(from.Addr, from.scope)
	}
	if l.info {
		from.Local, from.Device = l.pktinfo.parse(s.receive[:min(int(m.hdr.Controllen), maxControl)])
	}
	out := h.Packet(s.reply[:0], s.packet[:min(int(m.len), MaxPacket)], from)
	if len(out) == 0 {
		return false
	}
	var control []byte
	if from.Local.IsValid() {
		control = l.pktinfo.append(s.send[:0], from.Local, from.Device)
	}
	point(&b.outVec[r], out)
	aim(&b.out[r].hdr, &s.from, nameLen(l.v4), &b.outVec[r], control)
	b.peers[r] = from
	return true
}

// send sends the first n replies. One that cannot be sent does not hold up the
// others. Where the send queue is full it is waited for once: then it does not
// move, and clients ask again.
func (b *batch) send(n int) {
	fd, waited := b.loop.fd, false
	for at := 0; at < n; {
		sent, errno := sendNow(fd, b.out[at:n])
		if at += sent; errno == 0 && sent > 0 || errno == unix.EINTR {
			continue
		}
		if errno == unix.EAGAIN && !waited {
			waited = true
			errno = sendPatiently(fd, &b.out[at].hdr)
		}
		if errno != 0 {
			b.loop.failed(b.peers[at].Addr, errno)
		}
		at++
	}
}
