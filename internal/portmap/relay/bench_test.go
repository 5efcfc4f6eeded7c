package relay_test

// What the relay costs beside the barest one that there can be: a goroutine with
// io.Copy for each direction, and nothing bounded.

import (
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/portmap/relay"
)

// ways are what a benchmark compares. Each returns where to connect.
var ways = []struct {
	name  string
	start func(tb testing.TB, target netip.AddrPort) netip.AddrPort
}{
	{"io.Copy", func(tb testing.TB, target netip.AddrPort) netip.AddrPort {
		return startBare(tb, target, func(dst, src *net.TCPConn) { io.Copy(dst, src) })
	}},
	{"io.Copy-without-splice", func(tb testing.TB, target netip.AddrPort) netip.AddrPort {
		return startBare(tb, target, func(dst, src *net.TCPConn) {
			io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{src}, make([]byte, 32<<10))
		})
	}},
	{"relay", func(tb testing.TB, target netip.AddrPort) netip.AddrPort {
		return start(tb, relay.Config{Target: target, MaxPerSource: 256}).Addr()
	}},
}

// startBare starts a relay without bounds.
func startBare(tb testing.TB, target netip.AddrPort, pass func(dst, src *net.TCPConn)) netip.AddrPort {
	tb.Helper()
	return serve(tb, func(client *net.TCPConn) {
		service, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(target))
		if err != nil {
			return
		}
		defer service.Close()
		var both sync.WaitGroup
		both.Go(func() { pass(client, service); client.CloseWrite() })
		pass(service, client)
		service.CloseWrite()
		both.Wait()
	})
}

// contest has every way do the same work in turn, so that whatever else the
// machine does slows all of them alike, and reports each way's median time as a
// ratio to the first way's, and what it allocates.
func contest(b *testing.B, work func(way int)) {
	times := make([][]time.Duration, len(ways))
	mallocs := make([]uint64, len(ways))
	var before, after runtime.MemStats
	for b.Loop() {
		for i := range ways {
			runtime.ReadMemStats(&before)
			began := time.Now()
			work(i)
			times[i] = append(times[i], time.Since(began))
			runtime.ReadMemStats(&after)
			mallocs[i] += after.Mallocs - before.Mallocs
		}
	}
	median := func(i int) float64 {
		slices.Sort(times[i])
		return float64(times[i][len(times[i])/2])
	}
	for i, way := range ways {
		b.ReportMetric(median(i)/1e6, way.name+"-ms")
		b.ReportMetric(float64(mallocs[i])/float64(b.N), way.name+"-allocs")
		if i > 0 {
			b.ReportMetric(median(i)/median(0), way.name+"-ratio")
		}
	}
}

// BenchmarkBulk sends 16 MiB through one connection to a service that takes
// whatever comes, and acknowledges it with one octet.
func BenchmarkBulk(b *testing.B) {
	const size = 16 << 20
	sink := serve(b, func(c *net.TCPConn) {
		reader := struct{ io.Reader }{c}
		writer := struct{ io.Writer }{io.Discard}
		buffer := make([]byte, 256<<10)
		for {
			if n, err := io.CopyBuffer(writer, io.LimitReader(reader, size), buffer); n < size || err != nil {
				return
			}
			c.Write(buffer[:1])
		}
	})
	var conns []*net.TCPConn
	for _, way := range ways {
		conns = append(conns, dial(b, way.start(b, sink)))
	}
	data := make([]byte, size)
	b.SetBytes(int64(len(ways)) * size)
	contest(b, func(way int) {
		if _, err := conns[way].Write(data); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conns[way], data[:1]); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkSmall has 200 connections send 64 octets each, ten times, and wait
// for the echo, all at once: more than a home's MQTT does at its busiest.
func BenchmarkSmall(b *testing.B) {
	const count, size, rounds = 200, 64, 10
	echo := serve(b, func(c *net.TCPConn) {
		io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{c}, make([]byte, 4<<10))
	})
	conns := make([][]*net.TCPConn, len(ways))
	for i, way := range ways {
		addr := way.start(b, echo)
		for range count {
			conns[i] = append(conns[i], dial(b, addr))
		}
	}
	contest(b, func(way int) {
		var tasks sync.WaitGroup
		for _, c := range conns[way] {
			tasks.Go(func() {
				var buffer [size]byte
				for range rounds {
					if _, err := c.Write(buffer[:]); err != nil {
						b.Error(err)
						return
					}
					if _, err := io.ReadFull(c, buffer[:]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		tasks.Wait()
	})
}

// BenchmarkIdle opens 200 connections that have each carried one octet both ways
// and are silent since, and reports the memory of one, without what the client
// and the service take themselves.
func BenchmarkIdle(b *testing.B) {
	const count = 200
	release := make(chan bool)
	service := serve(b, func(c *net.TCPConn) {
		var one [1]byte
		c.Read(one[:])
		c.Write(one[:])
		<-release
	})
	defer close(release)
	cost := func(to netip.AddrPort) float64 {
		before := memory()
		for range count {
			c := dial(b, to)
			c.Write([]byte("x"))
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				b.Fatal(err)
			}
		}
		return float64(memory()-before) / count
	}
	for b.Loop() {
		direct := cost(service)
		for _, way := range ways {
			b.ReportMetric(cost(way.start(b, service))-direct, way.name+"-octets")
		}
	}
}

// memory is what is in use now.
func memory() int64 {
	var m runtime.MemStats
	for range 3 { // a pool's memory takes two collections
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
