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
	// services are the results of each service, in the order of the config;
	// nil where none was tried.
	services []outside
}

// outside is what came of calling one service by the public address.
type outside struct {
	verdict  Loopback
	evidence string
}

func noLoopback(evidence string) loopback {
	return loopback{verdict: LoopbackUnknown, evidence: []string{evidence}}
}

// tryLoopback calls a service by the public address within ctx. direct is what
// the service serves when called directly.
func (p *Prober) tryLoopback(ctx context.Context, s Service, wan netip.Addr, direct *served) (Loopback, string) {
	address := netip.AddrPortFrom(wan, s.ExternalPort)
	c := dialTLS(ctx, p.dial, address, serverName(s.Names))
	defer c.hangUp()
	if len(c.chain) > 0 {
		return p.compare(ctx, read(c.chain, s.Roots, s.Names, time.Now()), direct, address)
	}
	if isTimeout(c.dialErr) || isTimeout(c.tlsErr) {
		return LoopbackUnknown, fmt.Sprintf(saysTimeout, address)
	}
	var record tls.RecordHeaderError
	switch {
	case isRefused(c.dialErr):
		return LoopbackNo, fmt.Sprintf(saysRefused, address)
	case errors.As(c.tlsErr, &record) && strings.HasPrefix(string(record.RecordHeader[:]), "HTTP/"):
		return LoopbackNo, fmt.Sprintf(saysPlainWeb, address)
	case errors.As(c.tlsErr, &record):
		return LoopbackNo, fmt.Sprintf(saysNotTLS, address)
	case c.dialErr != nil:
		return LoopbackUnknown, wordsDial(c.dialErr, address.String())
	default:
		return LoopbackUnknown, wordsHandshake(c.tlsErr, address.String())
	}
}

// compare holds the certificate found behind the public address against the
// service's own.
func (p *Prober) compare(ctx context.Context, found, direct *served, address netip.AddrPort) (Loopback, string) {
	if found.cert.SPKISHA256 == direct.cert.SPKISHA256 {
		return LoopbackYes, fmt.Sprintf(saysOwnKey, address)
	}
	var gateway netip.Addr
	if p.cfg.Gateway != nil {
		gateway, _ = p.cfg.Gateway()
	}
	return LoopbackNo, fmt.Sprintf(saysOther, address, whose(found.cert), whosePage(ctx, p.dial, gateway, address.Port(), found.cert))
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
