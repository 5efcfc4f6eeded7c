package wan

// The rule of agreement: which address, if any, may be published. No time, no
// network, no memory.

import (
	"net/netip"
	"slices"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Answer is what one source said in one round.
type Answer struct {
	// Source is the source's name.
	Source string
	// Party is who answered: two outside answers are independent only where
	// their parties differ.
	Party string
	Kind  Kind
	// Ours marks the address of an interface of this host: that it lies in one
	// of our own prefixes says nothing against it.
	Ours bool
	// Observation is the answer itself; Unknown where there was none.
	Observation fact.Observation
	// More are further addresses that the source could as well have given, after
	// that of Observation; of IPv6 interfaces only.
	More []netip.Addr
}

// Cause is why an address was agreed, or was not.
type Cause uint8

// The causes.
const (
	// Silence: nobody said anything that could be judged.
	Silence Cause = iota
	// Agreed: Finding.Addr may be published.
	Agreed
	// OneVoice: one outside party said something, and nobody else.
	OneVoice
	// OutsideSilent: the router gave a public address that no one outside
	// confirmed or denied.
	OutsideSilent
	// OutsideSplit: no router, and outside parties contradict each other.
	OutsideSplit
	// OutsideOdd: the only outside answers are addresses no home can have.
	OutsideOdd
	// RouterNone: the router says that it has no public address.
	RouterNone
	// RouterPrivate and RouterCGNAT: the router itself is behind a NAT.
	RouterPrivate
	RouterCGNAT
	// RouterDSLite: the router reaches IPv4 through the provider's tunnel.
	RouterDSLite
	// RouterOdd: the router gave an address that it cannot have.
	RouterOdd
	// RouterReversed: the router gave the octets in the wrong order.
	RouterReversed
	// RoutersSplit: two router sources contradict each other, and the outside
	// does not settle it.
	RoutersSplit
	// Differ: the router and the outside give different public addresses.
	Differ
	// WordOdd: a person's word is an address that nobody can have.
	WordOdd
)

// Finding is the outcome of one round.
type Finding struct {
	Cause Cause
	// Addr is the agreed address; the zero Addr unless Cause is Agreed.
	Addr netip.Addr
	// By names the sources that agreed, in the order of the answers.
	By []string
	// Router and Outside are what the two sides said where that matters for
	// the words; else the zero Addr.
	Router, Outside netip.Addr
	// Against are the answers of routers that contradict Addr, where the
	// outside has settled between two of them.
	Against []Answer
	// Word is set where a person's word decided: Outside, where it is another
	// address than Addr, contradicts it then.
	Word bool
	// Kept is set where one voice repeated what had been agreed before.
	Kept bool
	// NAT is "none", "double", "cgnat", or "" where it cannot be told.
	NAT string
}

// Agree judges the answers of one round. own are the prefixes of the home's
// own networks. Answers that are Unknown never change the outcome.
func Agree(answers []Answer, own []netip.Prefix) Finding {
	own = besides(own, answers)
	v := hear(answers, own)
	switch {
	case v.word.IsValid():
		return v.withWord(own)
	case v.routersSplit():
		return v.withSplit(own)
	case v.routerNone:
		return Finding{Cause: RouterNone, Outside: v.firstOutside()}
	case v.router.IsValid():
		return v.withRouter(own)
	default:
		return v.withoutRouter()
	}
}

// besides are the prefixes of own in which no interface of ours that faces the
// internet has its address: what lies in those is not the LAN's.
func besides(own []netip.Prefix, answers []Answer) []netip.Prefix {
	facing := func(p netip.Prefix) bool {
		return slices.ContainsFunc(answers, func(a Answer) bool {
			return a.Ours && a.Observation.State == fact.Known && p.Contains(a.Observation.Addr)
		})
	}
	return slices.DeleteFunc(slices.Clone(own), facing)
}

// voices are the answers, sorted by what they can be used for.
type voices struct {
	answers    []Answer
	router     netip.Addr   // the first known answer of a router
	routers    []netip.Addr // every different one
	routerNone bool
	word       netip.Addr                         // a person's; else zero
	public     []netip.Addr                       // different outside addresses that could be published
	parties    map[netip.Addr]map[string]struct{} // who said each of public
	odd        netip.Addr                         // an outside address that could not; else zero
}

func hear(answers []Answer, own []netip.Prefix) *voices {
	v := &voices{answers: answers, parties: map[netip.Addr]map[string]struct{}{}}
	for _, a := range answers {
		o := a.Observation
		addr := o.Addr.Unmap()
		switch {
		case o.State == fact.None && a.Kind == Router:
			v.routerNone = true
		case o.State != fact.Known:
		case a.Kind == Word:
			v.word = addr
		case a.Kind == Router:
			v.addRouter(addr)
		case classify(addr, own) != classPublic:
			v.odd = addr
		default:
			v.addOutside(addr, a.Party)
		}
	}
	return v
}

func (v *voices) addRouter(addr netip.Addr) {
	if !v.router.IsValid() {
		v.router = addr
	}
	for _, r := range v.routers {
		if r == addr {
			return
		}
	}
	v.routers = append(v.routers, addr)
}

func (v *voices) addOutside(addr netip.Addr, party string) {
	if v.parties[addr] == nil {
		v.parties[addr] = map[string]struct{}{}
		v.public = append(v.public, addr)
	}
	v.parties[addr][party] = struct{}{}
}

func (v *voices) routersSplit() bool {
	return len(v.routers) > 1 || len(v.routers) == 1 && v.routerNone
}

// firstOutside is an outside address to speak of; zero where there is none.
func (v *voices) firstOutside() netip.Addr {
	if len(v.public) > 0 {
		return v.public[0]
	}
	return netip.Addr{}
}

// withRouter judges a round in which the router gave an address. Reversal is
// looked for before anything is said of the router's address, as a reversed
// public address may well look private.
func (v *voices) withRouter(own []netip.Prefix) Finding {
	f := Finding{Router: v.router, Outside: v.firstOutside()}
	what := classify(v.router, own)
	if what == classPublic && v.parties[v.router] != nil {
		f.Cause, f.Addr, f.Outside, f.NAT = Agreed, v.router, v.router, "none"
		f.By = v.saying(v.router)
		return f
	}
	for _, addr := range v.public {
		if isReversed(v.router, addr) {
			f.Cause, f.Outside = RouterReversed, addr
			return f
		}
	}
	switch what {
	case classPrivate:
		f.Cause, f.NAT = RouterPrivate, "double"
	case classCGNAT:
		f.Cause, f.NAT = RouterCGNAT, "cgnat"
	case classPublic:
		f.Cause = v.unconfirmed(&f)
	case classReserved:
		f.Cause = RouterOdd
		if dsLite.Contains(v.router) {
			f.Cause, f.NAT = RouterDSLite, "cgnat"
		}
	default:
		f.Cause = RouterOdd
	}
	return f
}

// withWord judges a round in which a person has said the address. Nobody is
// needed beside them, but an address that nobody can have is not believed.
func (v *voices) withWord(own []netip.Prefix) Finding {
	if classify(v.word, own) != classPublic {
		return Finding{Cause: WordOdd, Router: v.word}
	}
	f := Finding{Cause: Agreed, Addr: v.word, By: v.saying(v.word), Word: true, Outside: v.word}
	if v.parties[v.word] == nil && len(v.public) > 0 {
		f.Outside = v.firstOutside()
	}
	switch {
	case !v.router.IsValid():
	case v.router == v.word:
		f.Router, f.NAT = v.router, "none"
	default:
		f.Router = v.router
		switch classify(v.router, own) {
		case classPrivate:
			f.NAT = "double"
		case classCGNAT:
			f.NAT = "cgnat"
		}
	}
	return f
}

// unconfirmed says why the router's public address stands alone.
func (v *voices) unconfirmed(f *Finding) Cause {
	switch {
	case f.Outside.IsValid():
		return Differ
	case v.odd.IsValid():
		f.Outside = v.odd
		return OutsideOdd
	default:
		return OutsideSilent
	}
}

// withoutRouter judges a round in which no router said anything: two parties
// must agree, and no other address may have as many behind it.
func (v *voices) withoutRouter() Finding {
	var agreed []netip.Addr
	for _, addr := range v.public {
		if len(v.parties[addr]) >= 2 {
			agreed = append(agreed, addr)
		}
	}
	f := Finding{Outside: v.firstOutside()}
	switch {
	case len(agreed) == 1:
		f.Cause, f.Addr, f.Outside = Agreed, agreed[0], agreed[0]
		f.By = v.saying(agreed[0])
	case len(v.public) > 1:
		f.Cause = OutsideSplit
	case len(v.public) == 1:
		f.Cause = OneVoice
	case v.odd.IsValid():
		f.Cause, f.Outside = OutsideOdd, v.odd
	}
	return f
}

// saying names the sources that said addr.
func (v *voices) saying(addr netip.Addr) []string {
	var names []string
	for _, a := range v.answers {
		if a.Observation.State == fact.Known && a.Observation.Addr.Unmap() == addr {
			names = append(names, a.Source)
		}
	}
	return names
}
