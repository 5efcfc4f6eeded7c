package packet

// The scheduler's view of loops that hold their P.

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A busy batch loop sits in the kernel with its P, which the scheduler cannot
// take away for as long as that lasts. So each running loop brings a P with it:
// GOMAXPROCS is raised by one when it begins and lowered by one when it ends,
// whatever else has changed it in between. That ends Go's own following of the
// CPU limit of a container (since Go 1.25), and the end of the loops does not
// bring it back, as nobody can tell whether it was on: who changes the limit
// restarts edgeguard. Each change stops the world for some 50 µs.
var procs sync.Mutex

func addProc(n int) {
	procs.Lock()
	defer procs.Unlock()
	runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)+n))
}

// busyLoops is how many loops hold their P.
var busyLoops atomic.Int32

// holdP reports whether a loop may keep its P while it waits: one must be left
// for everybody else, even where someone else has lowered GOMAXPROCS.
func holdP() bool {
	if int(busyLoops.Add(1)) < runtime.GOMAXPROCS(0) {
		return true
	}
	busyLoops.Add(-1)
	return false
}

// releaseP takes back a holdP that was true.
func releaseP() { busyLoops.Add(-1) }

// crowded reports whether the loops hold all the Ps there are.
func crowded() bool { return int(busyLoops.Load()) >= runtime.GOMAXPROCS(0) }
