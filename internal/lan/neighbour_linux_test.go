package lan_test

// Neighbours, in a namespace with a device at the other end of a wire.

import (
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/lan"
	"github.com/edgeguard/edgeguard/internal/netnstest"
)

func TestNeighboursAreHeardAndAsked(t *testing.T) {
	if !netnstest.Own(t) {
		return
	}
	// d1 answers for its address, and the kernel has d0 ask for it.
	interfaces(t)
	netnstest.IP(t, "addr add 192.0.2.1/24 dev d0")
	device := netip.MustParseAddr("192.0.2.9")
	heard, kernel := make(chan lan.Neighbour, 64), make(chan lan.Neighbour, 64)
	arp := &lan.ARP{}
	go arp.Run(t.Context(), func(n lan.Neighbour) { heard <- n })
	listening := make(chan error, 1)
	go func() { listening <- lan.NeighbourChanges(t.Context(), func(n lan.Neighbour) { kernel <- n }) }()

	// Permanent entries are told of by the kernel, and in its table.
	await(t, "the kernel's word", func() bool {
		netnstest.IP(t, "neigh replace 192.0.2.8 lladdr 02:00:00:00:00:08 nud permanent dev d0")
		netnstest.IP(t, "neigh del 192.0.2.8 dev d0")
		netnstest.IP(t, "neigh replace 192.0.2.8 lladdr 02:00:00:00:00:08 nud permanent dev d0")
		select {
		case n := <-kernel:
			return n.MAC == "02:00:00:00:00:08" && n.Addr == netip.MustParseAddr("192.0.2.8") && n.Confirmed
		case err := <-listening:
			t.Fatalf("listening ended: %v", err)
		default:
		}
		return false
	})
	table, err := lan.Neighbours()
	if err != nil || len(table) != 1 || table[0].MAC != "02:00:00:00:00:08" {
		t.Errorf("the table is %+v, %v", table, err)
	}

	// What is asked on d0 is heard on d1 as what it is: our own word.
	await(t, "our own request", func() bool {
		if err := arp.Ask(device); err != nil {
			return false // not listening yet
		}
		select {
		case n := <-heard:
			return n.Addr == netip.MustParseAddr("192.0.2.1") && n.MAC != ""
		case <-time.After(100 * time.Millisecond):
			return false
		}
	})
	if err := arp.Ask(netip.MustParseAddr("198.51.100.1")); err == nil {
		t.Error("asked in a network that is not ours")
	}
}

// await waits until so says yes.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s never came", what)
		}
	}
}

func TestParseARP(t *testing.T) {
	good := "\x00\x01\x08\x00\x06\x04\x00\x02\xaa\xbb\xcc\xdd\xee\xff\xc0\xa8\x01\x0a\x00\x00\x00\x00\x00\x00\xc0\xa8\x01\x01"
	n, ok := lan.ParseARP([]byte(good))
	if want := (lan.Neighbour{Addr: netip.MustParseAddr("192.168.1.10"), MAC: "aa:bb:cc:dd:ee:ff", Confirmed: true}); !ok || n != want {
		t.Errorf("%+v, %v", n, ok)
	}
	for what, change := range map[string]func(b []byte){
		"a probe":            func(b []byte) { copy(b[14:], "\x00\x00\x00\x00") },
		"a group's MAC":      func(b []byte) { b[8] |= 1 },
		"loopback":           func(b []byte) { b[14] = 127 },
		"another protocol":   func(b []byte) { b[2] = 0x86 },
		"another operation":  func(b []byte) { b[7] = 3 },
		"another length":     func(b []byte) { b[4] = 8 },
		"a network of Token": func(b []byte) { b[1] = 6 },
	} {
		b := []byte(good)
		change(b)
		if n, ok := lan.ParseARP(b); ok {
			t.Errorf("%s: %+v", what, n)
		}
	}
	if _, ok := lan.ParseARP([]byte(good)[:27]); ok {
		t.Error("a short one")
	}
}

func FuzzNeighbours(f *testing.F) {
	f.Add([]byte("\x00\x01\x08\x00\x06\x04\x00\x02\xaa\xbb\xcc\xdd\xee\xff\xc0\xa8\x01\x0a\x00\x00\x00\x00\x00\x00\xc0\xa8\x01\x01"))
	f.Add([]byte("\x30\x00\x00\x00\x1c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x08\x00\x01\x00\xc0\xa8\x01\x0a\x0a\x00\x02\x00\xaa\xbb\xcc\xdd\xee\xff\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list := lan.NeighboursIn(data)
		if n, ok := lan.ParseARP(data); ok {
			list = append(list, n)
		}
		for _, n := range list {
			if !n.Addr.Is4() || len(n.MAC) != 17 {
				t.Errorf("%+v", n)
			}
		}
	})
}
