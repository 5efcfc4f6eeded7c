package ssdp

// The two lanes that replies come in by, and which of them are kept.

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// The lanes. What asks the gateway alone is heard by nobody else, so that its
// replies are most likely the router's own; what asks the group is heard by all
// in the LAN, any of which can answer under the router's address.
const (
	directLane = iota
	groupLane
)

// lane is what came in by one of them. Each has bounds of its own, so that who
// floods one leaves the other alone.
type lane struct {
	open bool // whether anything can come
	read int  // datagrams of the gateway's so far
	good int  // those of them that passed
	kept []Reply
	// offered is how many replies there were for the places that are kept, by
	// what they promise, once these were taken.
	offered [rankOther + 1]int
}

// spent reports whether it has been read as often as may be.
func (k *lane) spent() bool { return k.read >= maxRead || k.good >= maxGood }

// keep keeps a reply for each LOCATION. Where there are too many it keeps those
// that promise most, and of these each with the same chance: who answers first,
// or last, gains nothing by it.
func (k *lane) keep(reply Reply) {
	mine := rank(reply.Target)
	i := slices.IndexFunc(k.kept, func(r Reply) bool { return r.Location.String() == reply.Location.String() })
	switch {
	case i >= 0:
		if mine < rank(k.kept[i].Target) {
			k.kept[i] = reply
		}
		return
	case len(k.kept) < maxKept:
		k.kept = append(k.kept, reply)
		return
	}
	if i := slices.IndexFunc(k.kept, func(r Reply) bool { return rank(r.Target) > mine }); i >= 0 {
		k.kept[i] = reply
		return
	}
	var peers []int
	for i, r := range k.kept {
		if rank(r.Target) == mine {
			peers = append(peers, i)
		}
	}
	if len(peers) == 0 {
		return // all that is kept promises more
	}
	k.offered[mine]++
	if i := rand.IntN(len(peers) + k.offered[mine]); i < len(peers) {
		k.kept[peers[i]] = reply
	}
}

// replies are what the lanes kept, in the order in which they are to be tried.
// A LOCATION that both name is in it once, as the gateway said it alone.
func (l *listener) replies() []Reply {
	known := func(r Reply) int {
		if r.Location.String() == l.search.Known {
			return 0
		}
		return 1
	}
	var list []Reply
	for lane, k := range l.lanes {
		if lane == groupLane {
			rand.Shuffle(len(k.kept), func(i, j int) { k.kept[i], k.kept[j] = k.kept[j], k.kept[i] })
		}
		slices.SortStableFunc(k.kept, func(a, b Reply) int {
			return cmp.Or(cmp.Compare(known(a), known(b)), cmp.Compare(rank(a.Target), rank(b.Target)))
		})
		for _, r := range k.kept {
			if !slices.ContainsFunc(list, func(o Reply) bool { return o.Location.String() == r.Location.String() }) {
				list = append(list, r)
			}
		}
	}
	return list
}
