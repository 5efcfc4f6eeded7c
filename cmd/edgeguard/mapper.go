package main

// Having the router forward a TCP port to us for a while, by the methods of the
// config in their order, and only where nobody has it.

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

// unmapPatience bounds the taking away of a mapping of which nobody knows whether
// it was made.
const unmapPatience = 10 * time.Second

// errByHand means that the person forwards the ports: nothing is asked of the
// router.
var errByHand = errors.New("the ports are forwarded by hand")

// errMayStand means that nobody knows whether a forward stands that was written
// down: no other is asked for, as one is all that is written down.
var errMayStand = errors.New("the router may have made it and could not be told to take it away")

// portMapper has the router forward ports to us, under the config in force.
type portMapper struct {
	router portmap.Gateway
	// now are the config and what is known in force; not nil.
	now func() *concerns
	// own are this host's addresses; a test's, or ownAddresses.
	own func() []netip.Addr
}

// leased is a forward that is wanted for a while.
type leased struct {
	external uint16
	internal netip.AddrPort
	// mark describes it in the router's table. It does not begin as those of the
	// forwards do, which the keeper takes for its own.
	mark  string
	lease time.Duration
	// note is called with what is about to be asked for, before it is, and
	// unnote once that is known to be gone or never to have been; nil means that
	// it need not be written down. An error of note is a reason not to ask.
	note   func(m madeMapping) error
	unnote func() error
	// exact is whether nothing but that external port, and internal as it is, is
	// of use.
	exact bool
}

// madeMapping is a forward that may stand on the router.
type madeMapping struct {
	method   fact.Method
	mapping  fact.Mapping // by IGD
	request  fact.Request // by PCP or NAT-PMP
	external uint16       // that was granted
}

// local is our own address in the LAN, to which the router can forward. An error
// says why nothing can be mapped to us.
func (m portMapper) local() (netip.Addr, error) {
	c := m.now()
	if !c.cfg.Portmap.Enabled {
		return netip.Addr{}, errByHand
	}
	if nat := c.wan.Status().Load().NAT; nat == "double" || nat == "cgnat" {
		return netip.Addr{}, fmt.Errorf("the router has no public address of its own (NAT: %s), so a mapping on it does not lead from there to us", nat)
	}
	local := m.router.Local()
	switch {
	case !local.IsValid():
		return netip.Addr{}, errors.New("our own address toward the router is not known")
	case !local.Is4(), !slices.Contains(m.own(), local):
		return netip.Addr{}, fmt.Errorf("%s is not an address of this host itself (as in a container on a bridge), so the router cannot forward any port to us", local)
	}
	return local, nil
}

// open has the port forwarded. Where the outcome is unknown it takes away what it
// may have made before it returns the error.
func (m portMapper) open(ctx context.Context, want leased) (madeMapping, error) {
	var failed []error
	for _, method := range m.now().cfg.Portmap.Methods {
		made, err := m.by(ctx, method, want)
		if err == nil {
			return made, nil
		}
		failed = append(failed, err)
		if ctx.Err() != nil || errors.Is(err, errMayStand) {
			break
		}
	}
	return madeMapping{}, errors.Join(failed...)
}

// by has the port forwarded by one method.
func (m portMapper) by(ctx context.Context, method fact.Method, want leased) (madeMapping, error) {
	made := madeMapping{method: method, external: want.external}
	if method == fact.MethodIGD {
		if err := m.free(ctx, want); err != nil {
			return madeMapping{}, err
		}
		made.mapping = fact.Mapping{Protocol: fact.TCP, ExternalPort: want.external, Internal: want.internal,
			Description: want.mark, Lease: want.lease, Enabled: true}
	} else {
		made.request = fact.Request{Method: method, Protocol: fact.TCP, Internal: want.internal, ExternalPort: want.external, Lease: want.lease}
		_, _ = rand.Read(made.request.Nonce[:]) // never fails
	}
	if want.note != nil {
		if err := want.note(made); err != nil {
			return madeMapping{}, err
		}
	}
	err := m.ask(ctx, &made)
	if fault := (*fact.GatewayFault)(nil); errors.As(err, &fault) && want.note != nil && (fault.Code == 725 || fault.Code == 402) {
		made.mapping.Lease = 0 // it takes none that ends by itself; the note is how it ends
		err = m.ask(ctx, &made)
	}
	if err == nil && want.exact {
		err = m.asWanted(ctx, &made)
	}
	switch {
	case err == nil:
		return made, nil
	case refused(err):
	case m.giveBack(ctx, made) != nil && want.note != nil: // it stays noted
		return madeMapping{}, fmt.Errorf("%w: %w", errMayStand, err)
	}
	if want.unnote != nil {
		err = errors.Join(err, want.unnote())
	}
	return madeMapping{}, err
}

// takenError means that a port leads somewhere else already.
type takenError struct {
	port uint16
	by   netip.AddrPort
}

func (e takenError) Error() string {
	return fmt.Sprintf("port %d of the router is taken by %s", e.port, e.by)
}

// free is an error unless nobody has the port, or we ourselves: what a process
// before this one has left there is taken away.
func (m portMapper) free(ctx context.Context, want leased) error {
	switch entry, err := m.router.Get(ctx, fact.TCP, want.external); {
	case err == nil && entry.Internal.Addr() == want.internal.Addr() && entry.Description == want.mark:
		return m.router.Delete(ctx, fact.TCP, want.external)
	case err == nil:
		return takenError{want.external, entry.Internal}
	case !isNoMapping(err):
		return err
	}
	return nil
}

// ask asks the router for it, and notes which port was granted.
func (m portMapper) ask(ctx context.Context, made *madeMapping) error {
	if made.method == fact.MethodIGD {
		return m.router.Add(ctx, made.mapping)
	}
	grant, err := m.router.Map(ctx, made.request)
	if err == nil {
		made.external = grant.External.Port()
	}
	return err
}

// asWanted is an error where the router made something else of it than was asked
// for: then it is of no use.
func (m portMapper) asWanted(ctx context.Context, made *madeMapping) error {
	if made.method != fact.MethodIGD {
		if made.external != made.request.ExternalPort {
			return fmt.Errorf("the router forwards port %d in place of port %d (%s)", made.external, made.request.ExternalPort, made.method)
		}
		return nil
	}
	entry, err := m.router.Get(ctx, fact.TCP, made.external)
	if err == nil && entry.Internal != made.mapping.Internal {
		return fmt.Errorf("the router leads port %d to %s, not to %s as it was asked to", made.external, entry.Internal, made.mapping.Internal)
	}
	if isNoMapping(err) {
		return fmt.Errorf("the router took the forward of port %d and does not have it", made.external)
	}
	return nil // what cannot be read back may be there all the same
}

// refused reports whether err says that nothing was made.
func refused(err error) bool {
	return errors.As(err, new(*fact.GatewayFault)) || errors.As(err, new(*fact.MapFault)) ||
		errors.Is(err, fact.ErrNoRouter) || errors.Is(err, fact.ErrNotSpoken)
}

// unmap takes a forward away, unless it has become somebody else's.
func (m portMapper) unmap(ctx context.Context, made madeMapping) error {
	if made.method != fact.MethodIGD {
		return m.router.Unmap(ctx, made.request)
	}
	switch entry, err := m.router.Get(ctx, made.mapping.Protocol, made.mapping.ExternalPort); {
	case isNoMapping(err):
		return nil
	case err == nil && !ours(entry, made.mapping):
		return nil // somebody else's by now
	}
	return m.router.Delete(ctx, made.mapping.Protocol, made.mapping.ExternalPort)
}

// ours reports whether an entry is what became of a mapping: some routers change
// the port inside to the one outside.
func ours(entry, made fact.Mapping) bool {
	return entry.Internal == made.Internal || entry.Internal.Addr() == made.Internal.Addr() && entry.Description == made.Description
}

// isNoMapping reports whether the router says that it has no entry for a port.
func isNoMapping(err error) bool { return errors.Is(err, fact.ErrNoMapping) }

// giveBack takes away what may have been made, also where ctx has ended. Where
// that fails, too, it ends by its lease.
func (m portMapper) giveBack(ctx context.Context, made madeMapping) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unmapPatience)
	defer cancel()
	return m.unmap(ctx, made)
}
