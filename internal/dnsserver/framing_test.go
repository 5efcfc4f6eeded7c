package dnsserver_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"testing"
	"testing/iotest"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
)

// FuzzFraming holds the reader of streams against cutting the same octets up at
// once, however few of them come at a time.
func FuzzFraming(f *testing.F) {
	f.Add([]byte("\x00\x03abc\x00\x00\x00\x01x"), true)
	f.Add([]byte("\x00\x50abc"), false)
	f.Add(append([]byte("\x00\x90"), make([]byte, 0x90)...), true)
	f.Fuzz(func(t *testing.T, stream []byte, slowly bool) {
		const room = 64
		in := bufio.NewReaderSize(bytes.NewReader(stream), 16)
		if slowly {
			in = bufio.NewReaderSize(iotest.OneByteReader(bytes.NewReader(stream)), 16)
		}
		packet := make([]byte, room)
		for rest := stream; ; {
			n, err := dnsserver.ReadMessage(in, packet)
			whole := len(rest) >= 2 && len(rest) >= 2+int(binary.BigEndian.Uint16(rest))
			if whole != (err == nil) {
				t.Fatalf("reading % x: %v", rest, err)
			}
			if err != nil {
				return
			}
			size := int(binary.BigEndian.Uint16(rest))
			if want := rest[2 : 2+min(size, room)]; !bytes.Equal(packet[:n], want) {
				t.Fatalf("read % x, want % x", packet[:n], want)
			}
			rest = rest[2+size:]
		}
	})
}
