package main

// The port 80 of the public address, led to us while a CA proves a name by
// HTTP-01.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	// httpPort is where a CA calls (RFC 8555, section 8.3).
	httpPort = 80
	// portMark describes the forward in the router's table.
	portMark = "certificate (edgeguard)"
)

// certPorts implements acme.Ports by the router, under the config in force. What
// it makes is written down before it is made, so that dropStale takes it away
// where a crash has left it.
type certPorts struct {
	mapper portMapper
	file   func() string

	mu   sync.Mutex
	open bool // guarded by mu; a forward of this process's may stand
}

// newCertPorts returns what opens port 80. At each start of the daemon,
// dropStale(ctx) takes away what a crash has left; so does each Open.
func newCertPorts(d *daemon) *certPorts {
	return &certPorts{
		mapper: portMapper{d.router, d.now.Load, ownAddresses},
		file:   func() string { return filepath.Join(d.now.Load().cfg.StateDir, "cert", "port80.json") },
	}
}

// Open implements acme.Ports. The returned function may be called again where it
// fails.
func (p *certPorts) Open(ctx context.Context, local uint16, lease time.Duration) (end func(context.Context) error, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open {
		return nil, errors.New("port 80 is open already")
	}
	own, err := p.mapper.local()
	if errors.Is(err, errByHand) {
		return nil, fmt.Errorf("port 80 cannot be opened for the CA: %w. Prove the names by dns-01, or let edgeguard forward ports ([portmap])", err)
	}
	if err == nil {
		err = p.drop(ctx)
	}
	if err != nil && !errors.As(err, new(*durable.DamagedError)) {
		return nil, fmt.Errorf("port 80 cannot be opened for the CA: %w", err)
	}
	made, err := p.mapper.open(ctx, leased{
		external: httpPort, internal: netip.AddrPortFrom(own, local), mark: portMark, lease: lease, exact: true,
		note: func(m madeMapping) error { return p.note(m, time.Now().Add(lease)) }, unnote: p.forget,
	})
	if err != nil {
		return nil, p.words(ctx, err)
	}
	p.open = true
	return func(ctx context.Context) error { return p.end(ctx, made) }, nil
}

// end takes the forward away.
func (p *certPorts) end(ctx context.Context, made madeMapping) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.open {
		return nil
	}
	if err := p.mapper.unmap(ctx, made); err != nil {
		return fmt.Errorf("taking the forward of port 80 away: %w", err)
	}
	p.open = false
	return p.forget()
}

// words says why port 80 could not be opened, and what to do instead.
func (p *certPorts) words(ctx context.Context, err error) error {
	const instead = ". Prove the names by dns-01, which needs no port"
	fault := (*fact.GatewayFault)(nil)
	taken := takenError{}
	why := strings.ReplaceAll(err.Error(), "\n", "; ") // one method of asking after the other
	switch {
	case errors.As(err, &taken):
		why = taken.Error() // what the router makes of the other methods then is of no use to anybody
	case !errors.As(err, &fault):
	case fault.Code == 724:
		why = "the router forwards a port only to the same port inside (error 724), and on this host port 80 is another program's or needs rights"
	case fault.Code == 718:
		why = "the router says that port 80 is taken (error 718)"
		if entry, err := p.mapper.router.Get(ctx, fact.TCP, httpPort); err == nil {
			why += ", by " + entry.Internal.String()
		}
	case fault.Code == 729:
		why = "port 80 is taken by a service of the router's own, such as its page (error 729)"
	case fault.Code == 606:
		why = "the router allows this host to forward no ports (error 606)"
	}
	return wordedError{"port 80 cannot be opened for the CA: " + why + instead, err}
}

// wordedError is an error in other words.
type wordedError struct {
	words string
	err   error
}

func (e wordedError) Error() string { return e.words }
func (e wordedError) Unwrap() error { return e.err }

// dropStale takes away what a process before this one has left open. Where the
// router does not answer, it is tried again by the next call or Open. A note that
// cannot be read is a *durable.DamagedError, once.
func (p *certPorts) dropStale(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open {
		return nil // that is our own
	}
	return p.drop(ctx)
}

// drop is dropStale; mu is held.
func (p *certPorts) drop(ctx context.Context) error {
	left, err := p.noted()
	if err != nil || left == nil {
		return err
	}
	made, err := left.made()
	if err != nil {
		return err
	}
	err = p.mapper.unmap(ctx, made)
	elsewhere := left.Router != "" && p.mapper.router.Identity() != "" && left.Router != p.mapper.router.Identity()
	switch {
	case err == nil && !elsewhere:
	case time.Now().After(left.Until) && (elsewhere || made.method != fact.MethodIGD):
		// Its time is over: of PCP and NAT-PMP, the lease is the mapping.
	case elsewhere:
		return nil // it stands on another router, to which we may come back
	default:
		return fmt.Errorf("taking away the forward of port 80 that was left open before: %w", err)
	}
	return p.forget()
}
