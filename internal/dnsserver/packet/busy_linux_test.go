package packet_test

// Loops that keep their P must not take it from the rest of the program. Where
// they did, the whole program would stand still, so it runs as a child, and the
// parent watches.

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
)

const asChild = "EDGEGUARD_TEST_CHILD"

// inChild runs the calling test in a process of its own and reports whether
// this is it.
func inChild(t *testing.T) bool {
	t.Helper()
	if os.Getenv(asChild) != "" {
		return true
	}
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), asChild+"=1")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("the program stands still:\n%s", out)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("the child: %v\n%s", err, out)
	}
	return false
}

// busy starts two loops that keep their P and have nothing to do.
func busy(t *testing.T) []packet.Loop {
	t.Helper()
	var loops []packet.Loop
	for range 2 {
		l := serve(t, packet.Kinds["busy"], "127.0.0.1:0", &echo{})
		ask(t, client(t, l.Addr()), []byte("x"))
		loops = append(loops, l)
	}
	for packet.BusyLoops() != len(loops) { // after the reply
		runtime.Gosched()
	}
	return loops
}

func TestCollectionsCompleteWhileLoopsWait(t *testing.T) {
	if !inChild(t) {
		return
	}
	loops := busy(t)
	for range 50 {
		runtime.GC()
	}
	if got := packet.BusyLoops(); got != len(loops) {
		t.Errorf("%d loops are busy, so this has proved nothing", got)
	}
}

func TestOthersWorkWhileLoopsWait(t *testing.T) {
	if !inChild(t) {
		return
	}
	runtime.GOMAXPROCS(1)
	loops := busy(t)
	if got := runtime.GOMAXPROCS(0); got != 1+len(loops) {
		t.Errorf("GOMAXPROCS is %d with %d loops", got, len(loops))
	}
	work(t)
	if got := packet.BusyLoops(); got != len(loops) {
		t.Errorf("%d loops are busy, so this has proved nothing", got)
	}
	for _, l := range loops {
		l.Close()
	}
	for runtime.GOMAXPROCS(0) != 1 { // Close ends a Run, which lowers it then
		runtime.Gosched()
	}
}

// Whatever somebody does to GOMAXPROCS, loops do not take the last P.
func TestLoopsLeaveTheLastP(t *testing.T) {
	if !inChild(t) {
		return
	}
	loops := busy(t)
	before := runtime.GOMAXPROCS(1)
	for packet.BusyLoops() > 0 {
		runtime.Gosched()
	}
	work(t)
	for _, l := range loops {
		for range 20 {
			ask(t, client(t, l.Addr()), []byte("x"))
		}
	}
	if got := packet.BusyLoops(); got != 0 {
		t.Errorf("%d loops keep the only P", got)
	}
	runtime.GOMAXPROCS(before)
}

// work passes something round between goroutines, some of which sleep.
func work(t *testing.T) {
	t.Helper()
	const workers, rounds = 8, 50
	var running sync.WaitGroup
	ring := make([]chan int, workers)
	for i := range ring {
		ring[i] = make(chan int, 1)
	}
	for i := range ring {
		running.Go(func() {
			for range rounds {
				n := <-ring[i]
				time.Sleep(time.Microsecond)
				ring[(i+1)%workers] <- n + 1
			}
		})
	}
	ring[0] <- 0
	running.Wait()
	if n := <-ring[0]; n != workers*rounds {
		t.Errorf("%d steps of work were done, want %d", n, workers*rounds)
	}
}

func TestAutoHasSoManyBatchLoops(t *testing.T) {
	auto := func() packet.Loop {
		l, err := packet.Listen(packet.Config{}, netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	var loops []packet.Loop
	most := packet.MaxBatchLoops()
	for i := range most + 3 {
		l := auto()
		loops = append(loops, l)
		if packet.Batches(l) != (i < most) {
			t.Errorf("loop %d of %d: batches are %v", i+1, most, packet.Batches(l))
		}
	}
	loops[0].Close()
	loops[0].Close()
	loops[0] = auto()
	if second := auto(); !packet.Batches(loops[0]) || packet.Batches(second) {
		t.Error("the place of one that was closed is not taken by one")
	} else {
		second.Close()
	}
	for _, l := range loops {
		l.Close()
	}
}
