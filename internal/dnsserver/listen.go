package dnsserver

// Binding addresses, and what can be wrong with them.

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// BindError says which address could not be bound. It is found with errors.As.
type BindError struct {
	// Network is "udp" or "tcp".
	Network string
	// Address is the one that was asked for.
	Address netip.AddrPort
	// Err is the system's error.
	Err error
}

// Error says what happened and what to do about it.
func (e *BindError) Error() string {
	return fmt.Sprintf("listening on %s %s: %s", e.Network, e.Address, e.advice())
}

// advice says what is in the way and what to do about it.
func (e *BindError) advice() string {
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return "another program holds the port already (often systemd-resolved, dnsmasq or the DNS package of a NAS): stop it, or set listen in [dns] to the one address that the LAN asks"
	case errors.Is(e.Err, syscall.EACCES), errors.Is(e.Err, syscall.EPERM):
		return "ports below 1024 need a privilege: give the container or service CAP_NET_BIND_SERVICE"
	case errors.Is(e.Err, syscall.EAFNOSUPPORT):
		return "this host does not have that family of addresses: use IPv4, or leave the host out for every address"
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return "this host does not have that address (yet): correct listen in [dns], or use 0.0.0.0"
	}
	return e.Err.Error()
}

// Unwrap returns the system's error.
func (e *BindError) Unwrap() error { return e.Err }

// portTries is how often a port of the kernel's choice is tried: it is free for
// UDP, and rarely taken for TCP.
const portTries = 16

// Listen binds the addresses of the config, UDP and TCP each. One that is taken
// or forbidden is a *BindError, and then none is bound; an upstream that is this
// server itself is an error too. An address that this host does not have is
// waited for, as said in Status, and so is all of DNS over TLS. Questions are
// answered from Run on.
func (s *Server) Listen() error {
	b := &s.binder
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listens || b.ran {
		return errors.New("the DNS server is bound already")
	}
	s.refresh()
	r := s.rules.Load()
	err := s.bindFirst(r)
	if err == nil {
		err = s.refuseLoops(r, b.addresses())
	}
	if err != nil {
		for _, e := range b.bound {
			e.shut()
		}
		b.bound = nil
		clear(b.waiting)
		return err
	}
	b.listens = true
	s.log.Info("DNS server is listening", "listen", b.addresses())
	return nil
}

// bindFirst binds what the rules ask for, with mu held.
func (s *Server) bindFirst(r *rules) error {
	for _, w := range wants(r.cfg) {
		e, err := s.binder.open(w)
		switch {
		case err == nil:
			s.take(e)
		case w.tls || isAbsent(err):
			s.note(w, err, time.Now())
		default:
			return err
		}
	}
	return nil
}

// addresses lists what is bound, without DNS over TLS, with mu held.
func (b *binder) addresses() []netip.AddrPort {
	var list []netip.AddrPort
	for _, e := range b.bound {
		if !e.tls {
			list = append(list, e.address())
		}
	}
	return list
}

// bindPair binds one address, for TCP with the port that UDP got.
func (s *Server) bindPair(addr netip.AddrPort) (*packetLoop, *tcpListener, error) {
	for try := 1; ; try++ {
		p, err := listenUDP(s, addr)
		if err != nil {
			return nil, nil, &BindError{"udp", addr, err}
		}
		t, err := listenTCP(s, netip.AddrPortFrom(addr.Addr(), p.Addr().Port()), nil)
		if err == nil {
			return p, t, nil
		}
		p.Close()
		if addr.Port() != 0 || try == portTries || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, nil, &BindError{"tcp", addr, err}
		}
	}
}

// dockerResolver is not ours even where we hold all loopback addresses: Docker
// redirects it to its own resolver within each container.
var dockerResolver = netip.AddrFrom4([4]byte{127, 0, 0, 11})

// refuseLoops returns an error where an upstream is one of the addresses that
// we listen on: each question would come back to us until all workers wait for
// one another.
func (s *Server) refuseLoops(r *rules, listen []netip.AddrPort) error {
	for _, pool := range r.pools() {
		if err := s.refuseLoop(pool, listen); err != nil {
			return err
		}
	}
	return nil
}

// refuseLoop is refuseLoops for one pool.
func (s *Server) refuseLoop(pool Forward, listen []netip.AddrPort) error {
	what, key := "upstream", "upstreams in [dns]"
	if pool.Zone != "" {
		what, key = "the zone "+pool.Zone+" is forwarded, but its server", "upstreams in [[dns.forward]]"
	}
	for _, up := range pool.Upstream.Addresses() {
		to := up.Addr().Unmap()
		for _, l := range listen {
			own := l.Addr() == to
			if l.Addr().IsUnspecified() && l.Addr().Is4() == to.Is4() {
				own = to.IsLoopback() && to != dockerResolver || s.isOurs(to)
			}
			if own && l.Port() == up.Port() {
				return fmt.Errorf("%s %s is this server itself (it listens on %s), so a question would go round in a loop: set %s to the router or another resolver", what, up, l, key)
			}
		}
	}
	return nil
}
