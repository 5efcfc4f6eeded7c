package cookie_test

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/cookie"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The first rows of the table in the SipHash paper's reference code: the key is
// 00 01 … 0f, the text 00 01 … of each length.
func TestSipHashVectors(t *testing.T) {
	var key [16]byte
	text := make([]byte, 0, 16)
	for i := range key {
		key[i] = byte(i)
	}
	for i, want := range []string{
		"310e0edd47db6f72", "fd67dc93c539f874", "5a4fa9d909806c0d", "2d7efbd796666785",
		"b7877127e09427cf", "8da699cd64557618", "cee3fe586e46c9cb", "37d1018bf50002ab",
		"6224939a79f5f593", "b0e4a90bdf82009e",
	} {
		got := binary.LittleEndian.AppendUint64(nil, cookie.SipHash(&key, text))
		if hex.EncodeToString(got) != want {
			t.Errorf("hash of %d octets is %x, want %s", i, got, want)
		}
		text = append(text, byte(i))
	}
}

// The vectors of RFC 9018, appendix A.
func TestVectorsOfRFC9018(t *testing.T) {
	first, v6 := [16]byte(unhex(t, "e5e973e5a6b2a43f48e7dc849e37bfcf")), [16]byte(unhex(t, "445536bcd2513298075a5d379663c962"))
	for name, c := range map[string]struct {
		secret          [16]byte
		client, from    string
		clock           uint32
		server, earlier string
	}{
		"learning (A.1)":      {first, "2464c4abcf10c957", "198.51.100.100", 0x5cf79f11, "010000005cf79f111f8130c3eee29480", ""},
		"renewing (A.2)":      {first, "2464c4abcf10c957", "198.51.100.100", 0x5cf7a871, "010000005cf7a871d4a564a1442aca77", "010000005cf79f111f8130c3eee29480"},
		"IPv6, rolled (A.4)":  {v6, "22681ab97d52c298", "2001:db8:220:1:59de:d0f4:8769:82b8", 0x5cf7c609, "010000005cf7c609a6bb79d16625507a", ""},
		"4-in-6 is IPv4 too":  {first, "2464c4abcf10c957", "::ffff:198.51.100.100", 0x5cf79f11, "010000005cf79f111f8130c3eee29480", ""},
		"it is good at once":  {first, "2464c4abcf10c957", "198.51.100.100", 0x5cf79f11, "010000005cf79f111f8130c3eee29480", "010000005cf79f111f8130c3eee29480"},
		"and a little before": {first, "2464c4abcf10c957", "198.51.100.100", 0x5cf79f10, "", "010000005cf79f111f8130c3eee29480"},
	} {
		now := time.Unix(int64(c.clock), 0)
		jar, from, client := cookie.WithSecret(c.secret, now), netip.MustParseAddr(c.from), unhex(t, c.client)
		if got := jar.Make(client, from, now); c.server != "" && hex.EncodeToString(got[:]) != c.server {
			t.Errorf("%s: cookie is %x, want %s", name, got, c.server)
		}
		if c.earlier != "" && !jar.Valid(client, unhex(t, c.earlier), from, now) {
			t.Errorf("%s: the cookie from before is not taken", name)
		}
	}
}

func TestCookiesOfOthersAreNotValid(t *testing.T) {
	now := time.Unix(1<<32-10, 0) // the 32-bit clock is about to wrap
	jar, from, client := cookie.New(now), netip.MustParseAddr("192.168.1.7"), []byte("12345678")
	good := jar.Make(client, from, now)
	if !jar.Valid(client, good[:], from, now.Add(time.Hour)) {
		t.Error("our own cookie is not valid for an hour")
	}
	changed := good
	changed[9] ^= 1
	for name, valid := range map[string]bool{
		"another client":  jar.Valid([]byte("12345679"), good[:], from, now),
		"another address": jar.Valid(client, good[:], netip.MustParseAddr("192.168.1.8"), now),
		"too old":         jar.Valid(client, good[:], from, now.Add(time.Hour+time.Second)),
		"from the future": jar.Valid(client, good[:], from, now.Add(-skew-time.Second)),
		"another secret":  cookie.New(now).Valid(client, good[:], from, now),
		"changed":         jar.Valid(client, changed[:], from, now),
		"cut":             jar.Valid(client, good[:15], from, now),
		"nothing":         jar.Valid(nil, nil, from, now),
	} {
		if valid {
			t.Errorf("%s: valid", name)
		}
	}
}

const skew = 5 * time.Minute

func TestSecretRollsDailyAndTheLastOneIsStillTaken(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	jar, from, client := cookie.New(now), netip.MustParseAddr("fd00::7"), []byte("12345678")
	made := now.Add(24*time.Hour - time.Second)
	jar.Roll(made)
	old := jar.Make(client, from, made)
	later := made.Add(time.Second)
	jar.Roll(later)
	fresh := jar.Make(client, from, made) // same instant, another secret
	if fresh == old || !jar.Valid(client, old[:], from, later) || !jar.Valid(client, fresh[:], from, later) {
		t.Errorf("after a day: %x, before %x", fresh, old)
	}
	jar.Roll(later.Add(24 * time.Hour))
	if jar.Valid(client, old[:], from, later) {
		t.Error("a secret of the day before yesterday still counts")
	}
}

func TestCookiesDoNotAllocate(t *testing.T) {
	now := time.Now()
	jar, from, client := cookie.New(now), netip.MustParseAddr("fd00::7"), []byte("12345678")
	ok := true
	if n := testing.AllocsPerRun(100, func() {
		c := jar.Make(client, from, now)
		ok = ok && jar.Valid(client, c[:], from, now)
	}); n != 0 || !ok {
		t.Errorf("%v allocations, valid %v", n, ok)
	}
}
