package memlimit

// What is made of the limit.

import (
	"fmt"
	"math"
	"runtime/debug"
)

const (
	mebibyte = 1 << 20

	// leastReserve is the least of the container's memory that Go is not told
	// of. Go counts its heap, stacks and own tables, but the container pays as
	// well for the program's own pages (11 MiB), and for what the kernel keeps:
	// socket buffers, threads, page tables. reservePart of a large limit is kept
	// for the latter, as there may be many connections then.
	leastReserve = 16 * mebibyte
	reservePart  = 8
	// enough is the limit below which the house's everyday load may not fit.
	enough = 32 * mebibyte

	// percent is GOGC, by how much the heap may grow until garbage is
	// collected. Most of the heap is the DNS cache, so Go's own 100 would have
	// it cost twice its size. Asking 100,000 names took 35, 33, 31, 27 MiB at
	// 100, 75, 50, 25, and 100, 105, 114, 130 percent of the CPU time; answers
	// that need no upstream make no garbage.
	percent = 50

	// cachePart of what is there is the most for the DNS cache: as much again is
	// needed for the questions under way, and for all else that Go counts.
	cachePart = 2

	// questionBytes is what a question that waits for upstream takes, as
	// measured with 1,024 of them: stacks, sockets' ends, buffers. It is no
	// garbage while it waits, so only their number can bound it.
	questionBytes = 40 << 10
	// questionsPart of what is there is for them, and mostQuestions is as many
	// as are ever wanted; a house makes do with leastQuestions.
	questionsPart                 = 4
	leastQuestions, mostQuestions = 64, 1024
)

// Plan is what the garbage collector shall go by.
type Plan struct {
	// Container is the limit found.
	Container Limit
	// Memory is the limit, in octets, on what Go counts and the DNS cache, of
	// which Go knows nothing; 0 means none.
	Memory int64
	// Percent is GOGC; 0 means that the user's stands.
	Percent int
	// OwnMemory is whether Memory is the user's GOMEMLIMIT.
	OwnMemory bool
}

// Choose makes the plan for a container's limit. Lookup reads the environment,
// as os.LookupEnv does, and inForce is what Go made of it,
// debug.SetMemoryLimit(-1).
func Choose(container Limit, lookup func(string) (string, bool), inForce int64) Plan {
	p := Plan{Container: container, Memory: share(container.Bytes), Percent: percent}
	if v, _ := lookup("GOMEMLIMIT"); v != "" {
		p.Memory, p.OwnMemory = inForce, true
		if inForce == math.MaxInt64 {
			p.Memory = 0
		}
	}
	if v, _ := lookup("GOGC"); v != "" {
		p.Percent = 0
	}
	return p
}

// share returns what Go and the DNS cache may have of a container's limit.
func share(limit int64) int64 {
	return limit - min(max(leastReserve, limit/reservePart), limit/2)
}

// Apply puts p in force for the process, beside a DNS cache of so many octets,
// which lies outside of what Go counts. A GOMEMLIMIT of the user's stands as it
// is. It may be called again with another cache.
func (p Plan) Apply(cache int64) {
	if p.Percent > 0 {
		debug.SetGCPercent(p.Percent)
	}
	if p.Memory > 0 && !p.OwnMemory {
		debug.SetMemoryLimit(p.ForGo(cache))
	}
}

// ForGo returns the limit on what Go counts, in octets (GOMEMLIMIT, a soft
// one), beside a cache of so many octets; 0 means none.
func (p Plan) ForGo(cache int64) int64 {
	if p.OwnMemory || p.Memory == 0 {
		return p.Memory
	}
	return p.Memory - min(max(cache, 0), p.CacheRoom())
}

// CacheRoom returns the most octets that a cache may have; 0 means that there
// is no limit.
func (p Plan) CacheRoom() int64 {
	room := share(p.Container.Bytes)
	if p.Memory > 0 && (room == 0 || p.Memory < room) {
		room = p.Memory
	}
	return room / cachePart
}

// Questions returns how many questions may wait for upstream at a time; 0 means
// that there is no limit.
func (p Plan) Questions() int {
	room := p.CacheRoom() * cachePart
	if room == 0 {
		return 0
	}
	return int(min(max(room/questionsPart/questionBytes, leastQuestions), mostQuestions))
}

// TooSmall says in words that the container's limit is too small, and what to
// do; empty where it is not.
func (p Plan) TooSmall() string {
	if limit := p.Container.Bytes; limit > 0 && limit < enough {
		return fmt.Sprintf("the container may have only %s of memory and edgeguard needs up to %s, so it may be slow, or be killed when much is asked; raise the container's memory limit",
			Words(limit), Words(enough))
	}
	return ""
}

// FitCache returns what of a cache's bound of bytes fits, and if that is less,
// says why in words, with what to do.
func (p Plan) FitCache(bytes int64) (fits int64, warning string) {
	room := p.CacheRoom()
	if room == 0 || bytes <= room {
		return bytes, ""
	}
	limit, whose, raise := p.Container.Bytes, "the container's memory limit", "raise the container's memory limit"
	if p.OwnMemory && (limit == 0 || p.Memory < share(limit)) {
		limit, whose, raise = p.Memory, "GOMEMLIMIT", "raise GOMEMLIMIT"
	}
	return room, fmt.Sprintf("the DNS cache of %s does not fit into %s of %s, where it could have edgeguard killed, so it gets %s; set at most %d, or %s",
		Words(bytes), whose, Words(limit), Words(room), room, raise)
}

// Words returns a number of octets for people, in MiB.
func Words(bytes int64) string {
	if bytes%mebibyte == 0 {
		return fmt.Sprintf("%d MiB", bytes/mebibyte)
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/mebibyte)
}
