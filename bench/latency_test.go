//go:build linux

package main

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// replier answers what comes to it as long as answer says so, and returns its
// port.
func replier(t *testing.T, answer func(count int, packet []byte) bool) int {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for count := 0; ; count++ {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer(count, buf[:n]) {
				buf[2] |= 0x80
				conn.WriteTo(buf[:n], from)
			}
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).Port
}

func TestProbeCountsWhatIsLost(t *testing.T) {
	lab.Require(t) // for the real-time class
	port := replier(t, func(count int, packet []byte) bool {
		if count == 3 {
			packet[3] |= 2 // SERVFAIL is no answer
		}
		return count != 7
	})
	took, lost, err := probe(context.Background(), port, 0.02)
	if err != nil || len(took) != 20 || lost != 2 {
		t.Fatalf("%d asked, %d lost, %v; not 20 and 2", len(took), lost, err)
	}
	// The questions that were due while the lost one was waited for had to wait,
	// too, and that must show.
	slow := len(slices.DeleteFunc(took, func(d time.Duration) bool { return d < probePatience/2 }))
	if slow < 13 {
		t.Errorf("%d of 20 questions waited, not the lost one and the 12 behind it", slow)
	}
}

func TestProbeOfTheSilentEnds(t *testing.T) {
	lab.Require(t)
	port := replier(t, func(int, []byte) bool { return false })
	took, lost, err := probe(context.Background(), port, 0.02)
	if err != nil || lost != len(took) || lost == 0 || lost > 3 {
		t.Errorf("%d asked, %d lost, %v", len(took), lost, err)
	}
}
