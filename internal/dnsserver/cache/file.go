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
// lock of a shard only while it lists the shard's entries.
func (c *Cache) Save(w io.Writer, now time.Time) (n int, err error) {
	t := c.table.Load()
	out := bufio.NewWriterSize(w, 64<<10)
	head := be.AppendUint32([]byte(fileMagic), fileVersion)
	head = be.AppendUint64(head, uint64(now.UnixMilli()))
	_, _ = out.Write(be.AppendUint32(head, crc32.Checksum(head, castagnoli)))
	if t == nil {
		return 0, out.Flush()
	}
	at, keep := c.moment(now), moment(c.stale.Load())
	var record []byte
	for _, established := range []bool{true, false} {
		for i := range t.shards {
			for _, e := range t.shards[i].list(established) {
				if e.over(at, keep) {
					continue
				}
				got := now.UnixMilli() - (at - e.at).Milliseconds()
				record = appendRecord(record[:0], &e, got, established)
				if _, err := out.Write(record); err != nil {
					return n, err
				}
				n++
			}
		}
	}
	return n, out.Flush()
}

func appendRecord(dst []byte, e *entry, got int64, established bool) []byte {
	var flags byte
	if established {
		flags = flagEstablished
	}
	dst = append(dst, make([]byte, recordHead)...)
	dst = append(dst, flags)
	dst = be.AppendUint64(dst, uint64(got))
	dst = be.AppendUint16(dst, uint16(len(e.key)))
	dst = append(append(dst, e.key...), e.response.Packed()...)
	be.PutUint32(dst, uint32(len(dst)-recordHead))
	be.PutUint32(dst[4:], crc32.Checksum(dst[recordHead:], castagnoli))
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
		e, established, size, err := readRecord(in)
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, err
		}
		read += size
		if c.adopt(t, e, established, clock) {
			n++
			c.loaded.Add(1)
		}
	}
	return n, nil
}

// readRecord reads the next record; io.EOF means that there is none. The entry
// has its key, its response and, as a moment that counts from 1970, the time
// it was got.
func readRecord(in io.Reader) (e *entry, established bool, size int64, err error) {
	var head [recordHead]byte
	if _, err := io.ReadFull(in, head[:]); err == io.EOF {
		return nil, false, 0, io.EOF
	} else if err != nil {
		return nil, false, 0, readError(err, ErrTorn)
	}
	length := be.Uint32(head[:])
	if length < recordFixed || length > maxRecord {
		return nil, false, 0, ErrTorn
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, false, 0, readError(err, ErrTorn)
	}
	keyEnd := recordFixed + int(be.Uint16(body[9:]))
	if be.Uint32(head[4:]) != crc32.Checksum(body, castagnoli) || keyEnd > len(body) {
		return nil, false, 0, ErrTorn
	}
	response, err := wire.NewResponse(body[keyEnd:len(body):len(body)])
	if err != nil || response.Lifetime() == 0 || !response.Answers(body[recordFixed:keyEnd]) {
		return nil, false, 0, ErrTorn
	}
	e = &entry{key: string(body[recordFixed:keyEnd]), response: response, at: moment(be.Uint64(body[1:]))}
	return e, body[0]&flagEstablished != 0, recordHead + int64(length), nil
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

// adopt keeps e, as readRecord returned it, and reports whether it did.
func (c *Cache) adopt(t *table, e *entry, established bool, clock fileClock) bool {
	now, life := c.moment(clock.now), time.Duration(e.response.Lifetime())*time.Second
	age, known := clock.age(int64(e.at))
	if !known {
		age = life
	}
	e.at, e.expires = now-age, now-age+life
	e.cost = int64(overhead + len(e.key) + e.response.Cost())
	if t == nil || e.over(now, moment(c.stale.Load())) || c.quiet.Load().silences(nameOf(e.key), e.response, now) {
		return false
	}
	return t.shard(c.seed, []byte(e.key)).restore(e, established)
}
