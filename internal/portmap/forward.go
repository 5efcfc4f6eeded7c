package portmap

// What is known of one forward, and whose the router's entry for its port is.

import (
	"net/netip"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	mark           = "edgeguard" // how every description of ours begins
	maxDescription = 64          // octets; longer ones are refused by some routers
)

// forward is one forward under care. It belongs to the Keeper's Run.
type forward struct {
	Forward
	description string
	status      ForwardStatus

	// client is where the router is to lead: the service, or the relay on this
	// host.
	client netip.AddrPort
	relay  *runningRelay // nil where there is none
	grant  *grant        // what stands by PCP or NAT-PMP; nil where nothing does
	method fact.Method   // what last worked; empty while nothing has
	// firstAt is when the first method is tried again, where another works.
	firstAt time.Time

	due, tried time.Time
	woken      string // what brought this round; empty where it was the clock
	hinted     bool   // woken is a hint, which may be an echo of our own doing
	failures   int    // rounds in a row that did not end well
	refused    bool   // the last failure was the router's answer, or the lack of one to a call
	stood      bool   // it was in force in the last round that told
	worked     bool   // it was in force once
	gone       bool   // it was found missing after it had been in force
	badSince   time.Time

	replaced bool // in this round an entry of ours that led elsewhere was deleted
	blind    bool // in this round there was no IGD to read the table by
	fresh    bool // in this round there was no entry before ours
	asked    bool // an entry of ours was seen or asked for by IGD: it may be there
	doubt    doubt
	stays    error  // why it could not be taken away so far
	todo     string // what a person can do, whatever was seen from inside
	lease
}

func newForward(f Forward) *forward {
	return &forward{
		Forward:     f,
		client:      f.Internal,
		description: description(f.Service),
		status: ForwardStatus{
			Service:      f.Service,
			Protocol:     f.Protocol,
			ExternalPort: f.ExternalPort,
			Internal:     f.Internal,
			State:        StatePending,
			Warning:      f.portWarning(),
		},
	}
}

// forgetRouter drops what was known of the entry: the router is another one.
func (f *forward) forgetRouter() {
	f.grant, f.method, f.firstAt, f.failures, f.asked = nil, "", time.Time{}, 0, false
	f.lease, f.doubt = lease{}, doubt{}
}

// wanted is the mapping that f asks for by IGD.
func (f *forward) wanted(lease time.Duration) fact.Mapping {
	return fact.Mapping{
		Protocol:     f.Protocol,
		ExternalPort: f.ExternalPort,
		Internal:     f.client,
		Description:  f.description,
		Lease:        lease,
		Enabled:      true,
	}
}

// description is what our entry is called in the router: printable ASCII only,
// as routers garble the rest.
func description(service string) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, mark+" "+service)
	return strings.TrimSpace(text[:min(len(text), maxDescription)])
}

// holder says whose an entry is.
type holder int

const (
	others  holder = iota
	ours           // our internal client and port, and our description or record
	granted        // our internal client and port, made by us with another method
	byHand         // what is wanted, made by somebody else
	moved          // ours, but it leads elsewhere: the config or an address has changed
)

// holder judges an entry. What leads to another host is ours only where the
// record of it says so, whatever its description says.
func (k *Keeper) holder(f *forward, e fact.Mapping) holder {
	marked := strings.HasPrefix(e.Description, mark)
	recorded := k.recorded(f, e)
	host := e.Internal.Addr()
	switch {
	case e.Internal == f.client && (marked || recorded):
		return ours
	case e.Internal == f.client && k.wasGranted(f, e):
		return granted
	case recorded:
		return moved
	case (host == f.client.Addr() || host == f.Internal.Addr()) && marked:
		return moved
	case e.Internal == f.client || e.Internal == f.Internal:
		return byHand
	}
	return others
}

// hurry makes the forward due now, or shortly where the router has just
// refused it.
func (f *forward) hurry(now time.Time, why string, hint bool) {
	due := now
	if f.refused {
		pause := min(5*time.Second<<min(f.failures, 10), time.Minute)
		if t := f.tried.Add(pause); t.After(now) {
			due = t
		}
	}
	if due.Before(f.due) {
		f.due = due
	}
	if f.woken == "" || !hint {
		f.woken, f.hinted = why, hint
	}
	if !hint {
		f.firstAt = now // the router was found: the first method may work again
	}
}
