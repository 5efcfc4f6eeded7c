package hairpin_test

import (
	"testing"

	"github.com/edgeguard/edgeguard/internal/hairpin"
)

func TestParseConnack(t *testing.T) {
	tests := []struct {
		packet [4]byte
		want   string // empty: not MQTT
	}{
		{[4]byte{0x20, 2, 0, 0}, "accepted"},
		{[4]byte{0x20, 2, 1, 0}, "accepted"},
		{[4]byte{0x20, 2, 0, 1}, "protocol version not supported"},
		{[4]byte{0x20, 2, 0, 2}, "client identifier rejected"},
		{[4]byte{0x20, 2, 0, 3}, "server unavailable"},
		{[4]byte{0x20, 2, 0, 4}, "bad user name or password"},
		{[4]byte{0x20, 2, 0, 5}, "not authorised"},
		{[4]byte{0x20, 2, 0, 6}, "refused with code 6"},
		{[4]byte{0x20, 3, 0, 0x84}, "protocol version not supported"},
		{[4]byte{0x20, 9, 0, 0x87}, "refused with code 135"},
		{[4]byte{0x20, 9, 0, 0}, ""},
		{[4]byte{0x20, 2, 2, 0}, ""},
		{[4]byte{0x20, 1, 0, 0}, ""},
		{[4]byte{'H', 'T', 'T', 'P'}, ""},
		{[4]byte{}, ""},
	}
	for _, tt := range tests {
		got, err := hairpin.ParseConnack(tt.packet)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%v: got %q, %v; want %q", tt.packet, got, err, tt.want)
		}
	}
}

func FuzzParseConnack(f *testing.F) {
	f.Add(byte(0x20), byte(2), byte(0), byte(5))
	f.Add(byte(0x20), byte(3), byte(0), byte(0x84))
	f.Add(byte('H'), byte('T'), byte('T'), byte('P'))
	f.Fuzz(func(t *testing.T, a, b, c, d byte) {
		word, err := hairpin.ParseConnack([4]byte{a, b, c, d})
		if (word == "") != (err != nil) {
			t.Fatalf("word %q with error %v", word, err)
		}
		if word == "accepted" && (a != 0x20 || b != 2 || d != 0) {
			t.Fatalf("%x %x %x %x is no acceptance", a, b, c, d)
		}
	})
}
