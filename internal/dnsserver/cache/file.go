package cache

// The cache as a file: what outlives a restart.
//
// A header (magic, version, when it was saved, CRC) is followed by records,
// each with its length and CRC, the most useful first, so that whatever is
// left of a torn file can be used. Numbers are big-endian, times milliseconds
// of the wall clock, CRCs CRC-32C over the octets they stand before or after.

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

const (
	fileMagic   = "edgeDNS\n"
	fileVersion = 1
	headerLen   = len(fileMagic) + 4 + 8 + 4
	// recordHead is length and CRC of a record, recordFixed what is before the
	// key in it: flags, time, length of the key.
	recordHead  = 4 + 4
	recordFixed = 1 + 8 + 2
	maxRecord   = recordFixed + wire.MaxName + keyTail + MaxResponse

	flagEstablished = 1
)

var (
	// ErrForeign means that a file is no saved cache, or one of another
	// version; nothing was loaded.
	ErrForeign = errors.New("the file is not a saved DNS cache of this version")
	// ErrTorn means that a file is damaged; what was loaded before the damage
	// counts.
	ErrTorn = errors.New("the file is damaged")
)

// earliest is before any time at which this can run: a clock that says less is
// not set. Houses have servers without a clock of their own.
var earliest = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

var (
	be         = binary.BigEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Version returns a number that is another one once there is something new to
// save.
func (c *Cache) Version() uint64 { return c.version.Load() }

// Save writes all replies to w as of now and returns how many. It holds the
// lock of a shard only while it makes records of the shard's entries.
func (c *Cache) Save(w io.Writer, now time.Time) (n int, err error) {
	t := c.table.Load()
	head := be.AppendUint32([]byte(fileMagic), fileVersion)
	head = be.AppendUint64(head, uint64(now.UnixMilli()))
	if _, err := w.Write(be.AppendUint32(head, crc32.Checksum(head, castagnoli))); err != nil || t == nil {
		return 0, err
	}
	var records []byte
	for _, segment := range []uint8{established, probation} {
		for i := range t.shards {
			var more int
			records, more = t.shards[i].appendRecords(records[:0], segment, c.moment(now), moment(c.stale.Load()), now.UnixMilli())
			if _, err := w.Write(records); err != nil {
				return n, err
			}
			n += more
		}
	}
	return n, nil
}

// appendRecords appends records of the replies in a segment, the one used last
// first, and returns how many. Now is also given in milliseconds of the wall
// clock.
func (s *shard) appendRecords(dst []byte, segment uint8, now, keepStale moment, wall int64) (_ []byte, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed() {
		return dst, 0 // Resize has marked the cache as changed, so it is saved again
	}
	for r := s.segments[segment].first; r != 0; r = s.at(r).next {
		if e := s.at(r); !e.over(now, keepStale) {
			dst = s.appendRecord(dst, r, wall-(now-e.at).Milliseconds())
			n++
		}
	}
	return dst, n
}

// appendRecord appends the record of the reply at r, got at a time in
// milliseconds of the wall clock.
func (s *shard) appendRecord(dst []byte, r ref, got int64) []byte {
	e, question, response := s.at(r), s.question(r), s.response(r)
	var flags byte
	if e.segment == established {
		flags = flagEstablished
	}
	start := len(dst)
	dst = append(dst, make([]byte, recordHead)...)
	dst = append(dst, flags)
	dst = be.AppendUint64(dst, uint64(got))
	dst = be.AppendUint16(dst, uint16(len(question)+1))
	dst = append(append(dst, question...), e.mark)
	dst = append(dst, response.Packed()...)
	record := dst[start:]
	be.PutUint32(record, uint32(len(record)-recordHead))
	be.PutUint32(record[4:], crc32.Checksum(record[recordHead:], castagnoli))
	return dst
}

// Load adds the replies that Save wrote to r, as of now, and returns how many.
// It replaces nothing that is there, and reads no more octets than the cache
// may hold. The time that has passed counts; where that cannot be told, as one
// of the clocks was not set or went back, the replies are taken for stale. The
// error is ErrForeign, ErrTorn or one of reading.
func (c *Cache) Load(r io.Reader, now time.Time) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := bufio.NewReaderSize(r, 64<<10)
	var head [headerLen]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, readError(err, ErrForeign)
	}
	sum := headerLen - 4
	version := be.Uint32(head[len(fileMagic):])
	if string(head[:len(fileMagic)]) != fileMagic || version != fileVersion || be.Uint32(head[sum:]) != crc32.Checksum(head[:sum], castagnoli) {
		return 0, ErrForeign
	}
	clock := fileClock{now: now, saved: time.UnixMilli(int64(be.Uint64(head[len(fileMagic)+4:])))}
	t := c.table.Load()
	for read := int64(0); read <= t.bound(); {
		k, size, err := readRecord(in)
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, err
		}
		read += size
		if c.adopt(t, &k, clock) {
			n++
			c.loaded.Add(1)
		}
	}
	return n, nil
}

// readRecord reads the next record; io.EOF means that there is none. The time
// at which the reply was got is a moment that counts from 1970.
func readRecord(in io.Reader) (k kept, size int64, err error) {
	var head [recordHead]byte
	if _, err := io.ReadFull(in, head[:]); err == io.EOF {
		return k, 0, io.EOF
	} else if err != nil {
		return k, 0, readError(err, ErrTorn)
	}
	length := be.Uint32(head[:])
	if length < recordFixed || length > maxRecord {
		return k, 0, ErrTorn
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(in, body); err != nil {
		return k, 0, readError(err, ErrTorn)
	}
	keyEnd := recordFixed + int(be.Uint16(body[9:]))
	if be.Uint32(head[4:]) != crc32.Checksum(body, castagnoli) || keyEnd > len(body) {
		return k, 0, ErrTorn
	}
	response, err := wire.NewResponse(body[keyEnd:])
	if err != nil || !keepable(response) || !response.Answers(body[recordFixed:keyEnd]) {
		return k, 0, ErrTorn
	}
	k = kept{key: body[recordFixed:keyEnd], response: *response, at: moment(be.Uint64(body[1:])), established: body[0]&flagEstablished != 0}
	return k, recordHead + int64(length), nil
}

// readError is err, or torn where the file has come to its end.
func readError(err, torn error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return torn
	}
	return fmt.Errorf("reading the file: %w", err)
}

// fileClock is when a file was saved and is loaded.
type fileClock struct{ saved, now time.Time }

// age returns how old a reply is that was got at a time in milliseconds; false
// where that cannot be told.
func (c fileClock) age(got int64) (time.Duration, bool) {
	if c.saved.Before(earliest) || c.now.Before(c.saved) || got > c.saved.UnixMilli() || got < 0 {
		return 0, false
	}
	return c.now.Sub(time.UnixMilli(got)), true // at most what a Duration holds
}

// adopt keeps k, as readRecord returned it, and reports whether it did.
func (c *Cache) adopt(t *table, k *kept, clock fileClock) bool {
	now, life := c.moment(clock.now), time.Duration(k.response.Lifetime())*time.Second
	age, known := clock.age(int64(k.at))
	if !known {
		age = life
	}
	k.at, k.hash = now-age, c.hash(k.key)
	over := now >= k.at+life+moment(c.stale.Load())
	if t == nil || over || c.quiet.Load().silences(k.key[:len(k.key)-keyTail], &k.response, now) {
		return false
	}
	return t.shard(k.hash).restore(k)
}
