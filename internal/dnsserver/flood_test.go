package dnsserver_test

// Whatever is thrown at us, memory and goroutines stay within their bounds.

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
)

// heap returns the octets in use after what is garbage is gone.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestFloodsLeaveMemoryAndGoroutinesBounded(t *testing.T) {
	const workers, cacheBytes = 32, 256 << 10
	w := newWorld(t)
	h := startWith(t, w.addr, func(c *dnsserver.Config) {
		c.Workers, c.CacheBytes, c.RateLimit = workers, cacheBytes, -1
	}, (*dnsserver.Server).LimitLoopback)
	h.ask("mqtt.example.org.", dns.TypeA)
	before, idle := heap(), runtime.NumGoroutine()
	most := 0
	watch := func() {
		n := runtime.NumGoroutine()
		most = max(most, n)
	}
	seed := rand.NewPCG(1, 2)
	random := rand.New(seed)

	// Random octets, random changes to good questions, random names: UDP.
	conn := fromLoopback(t, h, "127.0.0.5")
	good := pack(t, question("mqtt.example.org.").SetEdns0(1232, true))
	for i := range 20_000 {
		var packet []byte
		switch i % 3 {
		case 0:
			packet = make([]byte, random.IntN(600))
			for j := range packet {
				packet[j] = byte(random.Uint32())
			}
		case 1:
			packet = append(packet, good...)
			packet[random.IntN(len(packet))] ^= byte(1 << random.IntN(8))
		default:
			packet = pack(t, question(fmt.Sprintf("r%x.example.net.", random.Uint64())))
		}
		if _, err := conn.Write(packet); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			watch()
		}
	}
	// Connections that hang, lie, or ask without end: TCP.
	var flooding sync.WaitGroup
	for range 8 {
		flooding.Go(func() {
			for i := range 100 {
				c, err := net.Dial("tcp", h.addr)
				if err != nil {
					continue // out of ports; it is a flood
				}
				_ = c.SetDeadline(time.Now().Add(patient))
				for j := range i % 20 {
					q := new(dns.Msg).SetQuestion(fmt.Sprintf("t%d-%d.example.net.", i, j), dns.TypeTXT)
					packed, _ := q.Pack()
					_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...))
				}
				_, _ = c.Write([]byte("\xff\xffgarbage"))
				defer c.Close()
			}
		})
	}
	flooding.Wait()
	watch()

	// Each connection has a reader, each worker and each of upstream's attempts
	// a goroutine or two; what is closing takes a moment.
	if bound := idle + dnsserver.MaxConns*2 + workers*8; most > bound {
		t.Errorf("%d goroutines at the most, want at most %d", most, bound)
	}
	if n := h.Conns(); n > dnsserver.MaxConns {
		t.Errorf("%d connections", n)
	}
	talk(t, dial(t, h.addr)) // and we still answer
	answers(t, h.Status().Listen[0])
	eventually(t, "rest", func() bool { return h.Queued() == 0 })
	if after, bound := heap(), before+cacheBytes+24<<20; after > bound {
		t.Errorf("%d octets are in use after the flood, want at most %d", after, bound)
	}
	st := h.Status()
	if st.Queries.Malformed == 0 || st.ClientsTotal > dnsserver.MaxClients {
		t.Errorf("status is %+v, %d clients", st.Queries, st.ClientsTotal)
	}
}
