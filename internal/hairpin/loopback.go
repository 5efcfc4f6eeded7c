package hairpin

// Does the router loop the public address back into the home?

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// loopbackEvery is how often the router's loopback is tried while nothing
// changes.
const loopbackEvery = 10 * time.Minute

// loopback is the verdict on the router, and of when and what it is.
type loopback struct {
	verdict  Loopback
	evidence []string
	wan      netip.Addr // the public address it was tried with; zero: never
	at       time.Time
}

func noLoopback(evidence string) loopback {
	return loopback{verdict: LoopbackUnknown, evidence: []string{evidence}}
}

// tryLoopback calls a service by the public address within ctx. direct is what
// the service serves when called directly.
func tryLoopback(ctx context.Context, dial dialFunc, s Service, wan netip.Addr, direct *served) (Loopback, string) {
	address := netip.AddrPortFrom(wan, s.ExternalPort)
	c := dialTLS(ctx, dial, address, serverName(s.Names))
	defer c.hangUp()
	if len(c.chain) > 0 {
		return compare(read(c.chain, s.Roots, s.Names, time.Now()), direct, address)
	}
	if isTimeout(c.dialErr) || isTimeout(c.tlsErr) {
		return LoopbackUnknown, fmt.Sprintf("%s did not answer from inside (timeout), which can have many reasons", address)
	}
	switch {
	case isRefused(c.dialErr):
		return LoopbackNo, fmt.Sprintf("%s refuses calls from inside (connection refused)", address)
	case errors.As(c.tlsErr, new(tls.RecordHeaderError)):
		return LoopbackNo, fmt.Sprintf("something that does not speak TLS answers at %s from inside, not the service", address)
	case c.dialErr != nil:
		return LoopbackUnknown, wordsDial(c.dialErr, address.String())
	default:
		return LoopbackUnknown, wordsHandshake(c.tlsErr, address.String())
	}
}

// compare holds the certificate found behind the public address against the
// service's own.
func compare(found, direct *served, address netip.AddrPort) (Loopback, string) {
	if found.cert.SPKISHA256 == direct.cert.SPKISHA256 {
		return LoopbackYes, fmt.Sprintf("%s, called from inside, serves the service's own key", address)
	}
	return LoopbackNo, fmt.Sprintf("another certificate answers at %s from inside: %s", address, whose(found.cert))
}

// whose names a certificate's owner for people.
func whose(c Certificate) string {
	name := c.SubjectCN
	if len(c.Names) > 0 {
		name = strings.Join(c.Names[:min(len(c.Names), 3)], ", ")
	}
	if name == "" {
		name = "a certificate without a name"
	}
	return name + ", issued by " + c.Issuer
}

// combine makes one verdict on the router of those on several services: one
// yes proves a loopback, as every no may be a missing forward.
func combine(verdicts []Loopback) Loopback {
	all := LoopbackUnknown
	for _, v := range verdicts {
		if v == LoopbackYes || v == LoopbackNo && all == LoopbackUnknown {
			all = v
		}
	}
	return all
}

// ownAddresses lists this host's own addresses; nil where the kernel would
// not say.
func ownAddresses() []netip.Addr {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var addrs []netip.Addr
	for _, a := range list {
		if ipnet, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(ipnet.IP); ok {
				addrs = append(addrs, addr.Unmap())
			}
		}
	}
	return addrs
}
