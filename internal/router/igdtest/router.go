package igdtest

// The router's life: start, restart, its table, and what it was asked.

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Address is the router's own address, on loopback and unlike the one that
// programs under test are given, 127.0.0.1.
var Address = netip.MustParseAddr("127.0.0.2")

// Router is a router on loopback. Make one with Start.
type Router struct {
	tb    testing.TB
	addr  netip.Addr
	ssdp  *net.UDPConn
	tasks sync.WaitGroup

	mu     sync.Mutex // guards what follows
	http   *http.Server
	port   uint16
	bootID int
	odd    Behaviour
	table  []entry
	calls  []Call

	subscriptions map[string]*subscription // by SID
	subscribed    int                      // so far
	requests      []string                 // methods of event requests
	searches      int                      // searches that came
}

// entry is a mapping with the time it ends.
type entry struct {
	fact.Mapping
	ends time.Time // zero means never
	gone time.Time // when it goes without a word; zero means with ends
}

// Call is one SOAP call that the router got.
type Call struct {
	// Action is the SOAP action, Service the service type it was sent to.
	Action, Service string
	// From is who asked.
	From netip.Addr
	// Began and Ended are when the call came and when it was answered.
	Began, Ended time.Time
}

// Start starts a router that behaves well: one WANIPConnection:2, the WAN
// address 11.22.33.44, an empty table. It ends with the test.
func Start(tb testing.TB) *Router {
	tb.Helper()
	return StartAt(tb, Address)
}

// StartAt is Start at another address of loopback's.
func StartAt(tb testing.TB, addr netip.Addr) *Router {
	tb.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
	if err != nil {
		tb.Fatalf("listening for searches: %v", err)
	}
	r := &Router{tb: tb, addr: addr, ssdp: conn, bootID: 1, odd: wellBehaved()}
	r.serve(0)
	r.tasks.Go(r.answerSearches)
	tb.Cleanup(func() {
		r.Stop()
		conn.Close()
		r.tasks.Wait()
	})
	return r
}

// SSDP is where the router listens for searches: give it to router.Config.SSDP.
func (r *Router) SSDP() []netip.AddrPort {
	return []netip.AddrPort{r.ssdp.LocalAddr().(*net.UDPAddr).AddrPort()}
}

// Gateway is the router's address: give it to router.Config.Gateway.
func (r *Router) Gateway() (netip.Addr, error) { return r.addr, nil }

// Behave changes the router's behaviour from now on.
func (r *Router) Behave(change func(*Behaviour)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.odd)
}

// Stop ends the HTTP server, as a router does that loses power; the table
// stays. Searches are answered with silence until Restart.
func (r *Router) Stop() {
	r.mu.Lock()
	server := r.http
	r.http, r.port = nil, 0
	r.mu.Unlock()
	if server != nil {
		server.Close()
	}
}

// Reboot gives the router a new BOOTID and nothing else, as a router does that
// restarts on its old port between two calls.
func (r *Router) Reboot() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bootID++
}

// Restart restarts the router on another HTTP port, with a new BOOTID, without
// its subscribers and with the table it had.
func (r *Router) Restart() {
	r.Stop()
	r.Reboot()
	r.ForgetSubscribers()
	r.serve(0)
}

// Forget empties the table, as a power cut does.
func (r *Router) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.table = nil
}

// DropLeases drops every entry that has a lease now, as DD-WRT does by itself
// after some seconds.
func (r *Router) DropLeases() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.table = slices.DeleteFunc(r.table, func(e entry) bool { return !e.ends.IsZero() })
}

// Put sets an entry in the table, whoever's it is.
func (r *Router) Put(m fact.Mapping) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(m)
}

// Table is what is in the table now, with what is left of the leases.
func (r *Router) Table() []fact.Mapping {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	list := make([]fact.Mapping, 0, len(r.table))
	for _, e := range r.table {
		list = append(list, e.left())
	}
	return list
}

// Calls are the SOAP calls so far, in the order they came.
func (r *Router) Calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// Searches is how many searches came so far.
func (r *Router) Searches() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.searches
}

// Location is where the description is now; empty while the router is stopped.
func (r *Router) Location() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.location()
}

func (r *Router) location() string {
	if r.port == 0 {
		return ""
	}
	return "http://" + netip.AddrPortFrom(r.addr, r.port).String() + "/rootDesc.xml"
}

// serve starts the HTTP server on a port of the router's address; 0 means any.
func (r *Router) serve(port uint16) {
	listener, err := net.Listen("tcp4", net.JoinHostPort(r.addr.String(), strconv.Itoa(int(port))))
	if err != nil {
		r.tb.Errorf("listening for HTTP: %v", err)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rootDesc.xml", r.describe)
	mux.HandleFunc("POST /ctl/{service}", r.control)
	mux.HandleFunc("POST /ctl/firewall", r.firewall)
	mux.HandleFunc("/evt/IPConn", r.subscribe)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	r.mu.Lock()
	r.http, r.port = server, listener.Addr().(*net.TCPAddr).AddrPort().Port()
	r.mu.Unlock()
	r.tasks.Go(func() { _ = server.Serve(listener) })
}

// left is the mapping with what is left of its lease.
func (e entry) left() fact.Mapping {
	m := e.Mapping
	if !e.ends.IsZero() {
		m.Lease = max(time.Until(e.ends).Round(time.Second), time.Second)
	}
	return m
}

// expire drops what has ended; mu is held.
func (r *Router) expire() {
	now := time.Now()
	past := func(t time.Time) bool { return !t.IsZero() && now.After(t) }
	r.table = slices.DeleteFunc(r.table, func(e entry) bool { return past(e.ends) || past(e.gone) })
}

// find returns the index of the entry for a port, or -1; mu is held.
func (r *Router) find(p fact.Protocol, port uint16) int {
	r.expire()
	return slices.IndexFunc(r.table, func(e entry) bool { return e.Protocol == p && e.ExternalPort == port })
}

// put sets an entry; mu is held.
func (r *Router) put(m fact.Mapping) {
	e := entry{Mapping: m}
	if m.Lease > 0 {
		e.ends = time.Now().Add(m.Lease)
	}
	if i := r.find(m.Protocol, m.ExternalPort); i >= 0 {
		r.table[i] = e
		return
	}
	r.table = append(r.table, e)
}
