package upstream

// Looking up the addresses of hosts for the daemon itself.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// LookupNetIP returns the addresses of host as the upstream servers have it,
// the IPv4 ones first. Network is "ip4", "ip6" or "ip". A literal address and
// localhost are not asked for; a search list is never applied. The error is a
// *net.DNSError: its IsNotFound is set only where servers said that there is
// no such address, never where none of them could be asked.
func (p *Pool) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	want4, want6 := network != "ip6", network != "ip4"
	if network != "ip" && want4 && want6 {
		return nil, &net.DNSError{Err: fmt.Sprintf("%q is no network to look up in", network), Name: host}
	}
	name, err := hostName(host)
	if addr, literal := netip.ParseAddr(host); literal == nil {
		return local(host, want4, want6, addr.Unmap())
	} else if err != nil {
		return nil, &net.DNSError{Err: err.Error(), Name: host, IsNotFound: true}
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return local(host, want4, want6, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
	}
	var v4, v6 found
	var asking sync.WaitGroup
	if want4 {
		asking.Go(func() { v4 = p.lookUp(ctx, name, dns.TypeA) })
	}
	if want6 {
		asking.Go(func() { v6 = p.lookUp(ctx, name, dns.TypeAAAA) })
	}
	asking.Wait()
	if addrs := append(v4.addrs, v6.addrs...); len(addrs) > 0 {
		return addrs, nil
	}
	err = v4.err
	if err == nil {
		err = v6.err
	}
	if err != nil {
		timeout := errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil
		return nil, &net.DNSError{Err: err.Error(), UnwrapErr: err, Name: host, IsTimeout: timeout, IsTemporary: true}
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// local returns those of addrs that are of a wanted family.
func local(host string, want4, want6 bool, addrs ...netip.Addr) ([]netip.Addr, error) {
	var list []netip.Addr
	for _, addr := range addrs {
		if addr.Is4() && want4 || addr.Is6() && want6 {
			list = append(list, addr)
		}
	}
	if len(list) == 0 {
		return nil, &net.DNSError{Err: "no address of that family", Name: host, IsNotFound: true}
	}
	return list, nil
}

// found is what came of looking up the addresses of one family. No addresses
// and no error mean that there are none.
type found struct {
	addrs []netip.Addr
	ttl   time.Duration
	err   error
}

// lookUp asks for the records of one type, A or AAAA.
func (p *Pool) lookUp(ctx context.Context, name string, qtype uint16) found {
	query := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	reply, err := p.exchange(ctx, query.SetEdns0(wire.UDPSize, false), nil)
	switch {
	case err != nil:
		return found{err: err}
	case !settles(reply.Rcode):
		return found{err: fmt.Errorf("the upstream DNS servers answer %s", rcodeName(reply.Rcode))}
	}
	f := found{ttl: wire.MaxTTL * time.Second}
	for _, rr := range reply.Answer {
		var addr netip.Addr
		switch v := rr.(type) {
		case *dns.A:
			addr, _ = netip.AddrFromSlice(v.A)
		case *dns.AAAA:
			addr, _ = netip.AddrFromSlice(v.AAAA)
		}
		f.ttl = min(f.ttl, time.Duration(rr.Header().Ttl)*time.Second)
		if addr.IsValid() {
			f.addrs = append(f.addrs, addr.Unmap())
		}
	}
	return f
}
