package dnsserver

// Who asked, for the link "clients".

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	clientShards   = 16
	clientsAShard  = 256 // 4,096 in all
	clientsListed  = 256
	clientsForSure = time.Hour
	// clientsCompared is among how many addresses, drawn by lot, the one to
	// forget is chosen: a flood of new ones must not cost a look at all.
	clientsCompared = 8
)

// clients remembers a bounded number of addresses. A packet loop keeps those at
// hand that have just asked, so that most questions do not look here.
type clients struct {
	shards [clientShards]clientShard
}

type clientShard struct {
	mu   sync.RWMutex
	seen map[netip.Addr]*client // guarded by mu
}

type client struct {
	last    atomic.Int64 // Unix time in nanoseconds
	queries atomic.Uint64
	// forgotten is whether the address has made room for another: whoever still
	// has it at hand must ask again.
	forgotten atomic.Bool
	elsewhere elsewhereMark
}

// of returns what is remembered of addr, which is out of its 4-in-6 form; nil for
// loopback, of which nothing is.
func (c *clients) of(addr netip.Addr) *client {
	if addr.IsLoopback() {
		return nil
	}
	octets := addr.As16()
	s := &c.shards[(octets[15]^octets[14]*31^octets[13]*17)%clientShards]
	s.mu.RLock()
	one := s.seen[addr]
	s.mu.RUnlock()
	if one == nil {
		one = s.add(addr)
	}
	return one
}

// saw notes that the client asked so many questions, the last of them now.
func (c *client) saw(questions uint64, now time.Time) {
	c.last.Store(now.UnixNano())
	c.queries.Add(questions)
}

// add makes room for addr, where there is none by forgetting an address that
// asked long ago.
func (s *clientShard) add(addr netip.Addr) *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.seen[addr]; one != nil {
		return one
	}
	if s.seen == nil {
		s.seen = make(map[netip.Addr]*client)
	}
	if len(s.seen) >= clientsAShard {
		var oldest netip.Addr
		compared := 0
		for a, one := range s.seen { // in an order that Go draws by lot
			if o := s.seen[oldest]; o == nil || one.last.Load() < o.last.Load() {
				oldest = a
			}
			if compared++; compared == clientsCompared {
				break
			}
		}
		s.seen[oldest].forgotten.Store(true)
		delete(s.seen, oldest)
	}
	one := new(client)
	s.seen[addr] = one
	return one
}

// list returns who asked within the hour before now, the latest first, and how
// many addresses are remembered in all.
func (c *clients) list(now time.Time) (recent []ClientSeen, total int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		total += len(s.seen)
		for a, one := range s.seen {
			if at := time.Unix(0, one.last.Load()); now.Sub(at) < clientsForSure {
				recent = append(recent, ClientSeen{Address: a, LastAt: at, Queries: one.queries.Load()})
			}
		}
		s.mu.RUnlock()
	}
	slices.SortFunc(recent, func(a, b ClientSeen) int {
		return cmp.Or(b.LastAt.Compare(a.LastAt), a.Address.Compare(b.Address))
	})
	return recent, total
}
