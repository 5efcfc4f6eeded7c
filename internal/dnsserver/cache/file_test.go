package cache_test

// The saved cache: what comes back, what does not, and what no octets may do.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/cache"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

const day = 24 * time.Hour

// saved returns the file of a cache with a (TTL 300), b (TTL 10) and c (86400),
// as of a minute after they came.
func saved(t testing.TB) []byte {
	t.Helper()
	k := keeper{cache.New(1 << 20), t}
	k.put("a.example.", 300, 1, start)
	k.put("b.example.", 10, 1, start)
	k.put("c.example.", 86400, 300, start)
	k.Fail(k.question("failed.example."), wire.ServFail, start.Add(time.Minute))
	var file bytes.Buffer
	if n, err := k.Save(&file, start.Add(time.Minute)); n != 3 || err != nil {
		t.Fatalf("Save = %d, %v", n, err)
	}
	return file.Bytes()
}

// loaded returns a cache that has read file.
func loaded(t testing.TB, file []byte, now time.Time) (k keeper, n int, err error) {
	t.Helper()
	k = keeper{cache.New(1 << 20), t}
	n, err = k.Load(bytes.NewReader(file), now)
	return k, n, err
}

func TestLoadedRepliesAreOlderByTheTimeThatPassed(t *testing.T) {
	file := saved(t)
	for name, c := range map[string]struct {
		after   time.Duration // since they came
		a, b, c uint32        // ages; gone is not there
		n       int
	}{
		"at once":              {time.Minute, 60, wire.Stale, 60, 3},
		"while a is good":      {299 * time.Second, 299, wire.Stale, 299, 3},
		"a is over":            {300 * time.Second, wire.Stale, wire.Stale, 300, 3},
		"b is over for a day":  {day + 10*time.Second, wire.Stale, gone, wire.Stale, 2},
		"long after":           {2*day - time.Second, gone, gone, wire.Stale, 1},
		"after all are over":   {2 * day, gone, gone, gone, 0},
		"the clock went back":  {59 * time.Second, wire.Stale, wire.Stale, wire.Stale, 3},
		"the clock is not set": {-50 * 365 * day, wire.Stale, wire.Stale, wire.Stale, 3},
	} {
		t.Run(name, func(t *testing.T) {
			now := start.Add(c.after)
			k, n, err := loaded(t, file, now)
			if n != c.n || err != nil || k.Stats(now).Loaded != uint64(n) {
				t.Errorf("Load = %d, %v, want %d", n, err, c.n)
			}
			for name, want := range map[string]uint32{"a.example.": c.a, "b.example.": c.b, "c.example.": c.c} {
				h := k.get(name, now)
				if (!h.Found) != (want == gone) || h.Found && h.Age != want {
					t.Errorf("%s is %+v, want age %d", name, h, want)
				}
			}
			if h := k.get("failed.example.", now); h.Failed {
				t.Error("a failure was saved")
			}
		})
	}
}

const gone = wire.Stale - 1

func TestSavedWithoutAClockIsStale(t *testing.T) {
	k := keeper{cache.New(1 << 20), t}
	boot := time.Unix(1000, 0)
	k.put("a.example.", 300, 1, boot)
	var file bytes.Buffer
	if _, err := k.Save(&file, boot.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, now := range []time.Time{boot.Add(2 * time.Minute), start} {
		k, _, err := loaded(t, file.Bytes(), now)
		if h := k.get("a.example.", now); err != nil || h.Age != wire.Stale || h.Left != 0 {
			t.Errorf("at %v: %+v, %v", now, h, err)
		}
	}
}

func TestTornAtEveryOctetLoadsWholeRecordsOnly(t *testing.T) {
	file := saved(t)
	now := start.Add(time.Minute)
	before := 0
	for cut := range file {
		k, n, err := loaded(t, file[:cut], now)
		whole := 0
		for _, name := range []string{"a.example.", "b.example.", "c.example."} {
			if h := k.get(name, now); h.Found {
				whole++
				m := new(dns.Msg)
				if err := m.Unpack(h.Response.Append(nil, k.question(name), 0, wire.MaxMessage)); err != nil || len(m.Answer) != 1 || m.Answer[0].Header().Name != name {
					t.Fatalf("cut at %d: %v, %v", cut, m, err)
				}
			}
		}
		if whole != n || n < before || n == 3 || err != nil && !errors.Is(err, cache.ErrTorn) && !errors.Is(err, cache.ErrForeign) {
			t.Fatalf("cut at %d: %d are there, Load = %d, %v", cut, whole, n, err)
		}
		before = n
	}
}

func TestEachFlippedBitIsFound(t *testing.T) {
	file, now := saved(t), start.Add(time.Minute)
	for i := range file {
		bad := bytes.Clone(file)
		bad[i] ^= 1 << (i % 8)
		if _, n, err := loaded(t, bad, now); err == nil || n == 3 {
			t.Fatalf("octet %d changed: Load = %d, %v", i, n, err)
		}
	}
}

func TestForeignFilesAreRefused(t *testing.T) {
	newer := saved(t)
	binary.BigEndian.PutUint32(newer[8:], 2)
	binary.BigEndian.PutUint32(newer[20:], crc32.Checksum(newer[:20], crc32.MakeTable(crc32.Castagnoli)))
	for name, file := range map[string][]byte{"empty": nil, "text": []byte("[dns]\nlisten = [\"lan:53\"]\n# and so on\n"), "newer": newer} {
		if _, n, err := loaded(t, file, start); n != 0 || !errors.Is(err, cache.ErrForeign) {
			t.Errorf("%s: Load = %d, %v", name, n, err)
		}
	}
	k := keeper{cache.New(1 << 20), t}
	if _, err := k.Load(iotest.ErrReader(io.ErrNoProgress), start); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

func TestLoadReplacesNothing(t *testing.T) {
	file := saved(t)
	now := start.Add(time.Hour)
	k := keeper{cache.New(1 << 20), t}
	k.put("a.example.", 300, 1, now)
	k.Purge(now, k.question("b.example.").NameKey())
	k.Fail(k.question("c.example."), wire.ServFail, now)
	if n, err := k.Load(bytes.NewReader(file), now); n != 1 || err != nil {
		t.Errorf("Load = %d, %v", n, err)
	}
	if h := k.get("a.example.", now); h.Age != 0 {
		t.Errorf("what is newer was replaced: %+v", h)
	}
	if k.has("b.example.", now) {
		t.Error("what was purged came back")
	}
	if h := k.get("c.example.", now); !h.Fresh() {
		t.Errorf("a failure stands before a reply: %+v", h)
	}
}

// endless is a file that does not end.
type endless struct {
	file []byte
	from int // where it starts again
	at   int
	read int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.at == len(e.file) {
		e.at = e.from
	}
	n := copy(p, e.file[e.at:])
	e.at += n
	e.read += int64(n)
	return n, nil
}

func TestLoadIsBounded(t *testing.T) {
	const limit = 1 << 20
	k := keeper{cache.New(limit), t}
	e := &endless{file: saved(t), from: 24}
	if _, err := k.Load(e, start.Add(time.Minute)); err != nil {
		t.Error(err)
	}
	if e.read > limit+128<<10 {
		t.Errorf("%d octets were read for a cache of %d", e.read, limit)
	}
}

func TestAFullCacheComesBack(t *testing.T) {
	const limit = 8 << 20
	k := keeper{cache.New(limit), t}
	for i := range 15_000 {
		k.put(fmt.Sprintf("n%d.example.", i), 3600, 1, start)
	}
	later := start.Add(10 * time.Second)
	for i := range 1000 {
		k.get(fmt.Sprintf("n%d.example.", 14_000+i), later)
	}
	want := k.Stats(later).Entries
	var file bytes.Buffer
	if n, err := k.Save(&file, later); int64(n) != want || err != nil {
		t.Fatalf("Save = %d, %v", n, err)
	}
	if file.Len() > limit {
		t.Errorf("the file has %d octets for a cache of %d", file.Len(), limit)
	}
	again := keeper{cache.New(limit), t}
	n, err := again.Load(&file, later)
	if err != nil || int64(n) < want*95/100 {
		t.Errorf("of %d came back %d, %v", want, n, err)
	}
	for i := range 1000 { // what was asked for twice is there, and outlives a scan again
		name := fmt.Sprintf("n%d.example.", 14_000+i)
		if h := again.get(name, later); h.Age != 10 {
			t.Fatalf("%s is %+v", name, h)
		}
	}
	for i := range 20_000 {
		again.put(fmt.Sprintf("s%d.example.", i), 3600, 1, later)
	}
	if !again.has("n14000.example.", later) || !again.has("n14999.example.", later) {
		t.Error("what was established is no more after a restart")
	}
}

// FuzzLoad feeds files of strangers: any octets, and as records with sums that
// are right. What loads can be given to clients, saved, and loaded again.
func FuzzLoad(f *testing.F) {
	file := saved(f)
	head := bytes.Clone(file[:24])
	f.Add(file, []byte{})
	f.Add(file[:24], file[24+8:24+8+60])
	f.Add([]byte("edgeDNS\n"), []byte{0})
	f.Fuzz(func(t *testing.T, file, record []byte) {
		now := start.Add(time.Minute)
		sum := func(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
		made := binary.BigEndian.AppendUint32(bytes.Clone(head), uint32(len(record)))
		made = append(binary.BigEndian.AppendUint32(made, sum(record)), record...)
		for _, file := range [][]byte{file, made} {
			k, n, err := loaded(t, file, now)
			if s := k.Stats(now); s.Bytes > s.Limit || s.Entries != int64(n) && err == nil {
				t.Fatalf("Load = %d, %v, %+v", n, err, s)
			}
			if err := k.Check(); err != nil {
				t.Fatal(err)
			}
			var again bytes.Buffer
			if m, err := k.Save(&again, now); m != n || err != nil {
				t.Fatalf("Load = %d, Save = %d, %v", n, m, err)
			}
			if _, m, err := loaded(t, again.Bytes(), now); m != n || err != nil {
				t.Fatalf("of %d came back %d, %v", n, m, err)
			}
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	k := keeper{cache.New(8 << 20), b}
	for i := range 15_000 {
		k.put(fmt.Sprintf("n%d.example.", i), 3600, 1, start)
	}
	var file bytes.Buffer
	if _, err := k.Save(&file, start); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(file.Len()))
	for b.Loop() {
		if _, err := cache.New(8<<20).Load(bytes.NewReader(file.Bytes()), start); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRecordsThatLie(t *testing.T) {
	k := keeper{cache.New(1 << 20), t}
	k.put("a.example.", 300, 1, start)
	var whole bytes.Buffer
	if _, err := k.Save(&whole, start); err != nil {
		t.Fatal(err)
	}
	now := start.Add(time.Minute)
	const body, key = 24 + 8, 24 + 8 + 11
	for name, c := range map[string]struct {
		change func(file []byte)
		n      int
		age    uint32
	}{
		"none":              {func([]byte) {}, 1, 60},
		"from the future":   {func(f []byte) { f[body+1+4]++ }, 1, wire.Stale},
		"before 1970":       {func(f []byte) { f[body+1] |= 0x80 }, 1, wire.Stale},
		"another name":      {func(f []byte) { f[key+1] = 'b' }, 0, gone},
		"a key too long":    {func(f []byte) { f[body+9] = 0xff }, 0, gone},
		"no reply":          {func(f []byte) { f[key+16+2] = 0 }, 0, gone},
		"not to be kept":    {func(f []byte) { f[key+16+3] |= 2 }, 0, gone},
		"a length too long": {func(f []byte) { f[24] = 1 }, 0, gone},
	} {
		t.Run(name, func(t *testing.T) {
			file := bytes.Clone(whole.Bytes())
			c.change(file)
			binary.BigEndian.PutUint32(file[28:], crc32.Checksum(file[body:], crc32.MakeTable(crc32.Castagnoli)))
			k, n, err := loaded(t, file, now)
			h := k.get("a.example.", now)
			if n != c.n || (err != nil) != (c.n == 0) || err != nil && !errors.Is(err, cache.ErrTorn) || c.n > 0 && h.Age != c.age {
				t.Errorf("Load = %d, %v, then %+v", n, err, h)
			}
		})
	}
}
