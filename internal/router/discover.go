package router

// Finding the router.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/igd"
	"github.com/edgeguard/edgeguard/internal/router/ssdp"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

// found is how a router was found.
type found struct {
	location string
	bootID   string
	target   string    // the search target that it answered
	began    time.Time // when that search began
	checked  time.Time // when it last answered a search
}

// miss is a search that failed.
type miss struct {
	gateway netip.Addr
	at      time.Time
	err     error
	inARow  int // with those before it, at the same gateway
}

// maxTried is how many places that the gateway's answers name are tried in one
// search with its repetition.
const maxTried = ssdp.MaxReplies

// discover searches for the router, and sets r.device and the status by what
// it finds. One that is known stays known until another has stood all checks,
// or until it answers neither the search nor at the place where it was: forged
// answers replace nothing. grave is whether there is evidence that what is kept
// on the router may be gone, so that finding it as it was is a new Generation,
// too. A search that the caller gave up on says nothing, and leaves no trace
// but that a router in grave doubt must be searched again.
func (r *Router) discover(ctx context.Context, grave bool) error {
	timed, cancel := context.WithTimeoutCause(ctx, r.timing.cycle, fmt.Errorf("the router took longer than %v to describe itself", r.timing.cycle))
	defer cancel()
	began, known := time.Now(), r.device
	gateway, err := r.gateway()
	if err != nil {
		err = fmt.Errorf("%w: the gateway's address is unknown: %w", fact.ErrNoRouter, err)
	} else {
		if known != nil && known.Gateway() != gateway {
			known = nil
		}
		var device *igd.Device
		var how found
		if device, how, err = r.searchAt(timed, gateway, known); err == nil {
			r.took(device, how, grave || known == nil || how.location != r.where.location || how.bootID != r.where.bootID || !device.Same(known))
			return nil
		}
	}
	if ctx.Err() != nil {
		if grave || known == nil {
			r.device = nil
		}
		return fmt.Errorf("searching for the router: %w", context.Cause(ctx))
	}
	if known != nil {
		if device := r.stillThere(ctx, known); device != nil {
			r.log.Debug("the router was not found by a search, and answers where it was", "err", err)
			how := r.where
			how.began, how.checked = began, time.Now()
			r.took(device, how, grave || !device.Same(known))
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("searching for the router: %w", context.Cause(ctx))
		}
	}
	r.device = nil
	inARow := 1
	if r.miss.gateway == gateway {
		inARow += r.miss.inARow
	}
	r.miss = miss{gateway: gateway, at: time.Now(), err: err, inARow: inARow}
	r.note(found{})
	r.reportMiss(err)
	return err
}

// took makes device the one that is spoken to. changed is whether what is kept
// on it may be gone.
func (r *Router) took(device *igd.Device, how found, changed bool) {
	if !changed {
		how.began = r.where.began // no later epoch is explained by this search
	}
	r.device, r.miss = device, miss{}
	r.note(how)
	r.reportFound(changed)
}

// stillThere asks a router that no search finds, once, where it was; nil means
// that it is not there, or is another one.
func (r *Router) stillThere(ctx context.Context, known *igd.Device) *igd.Device {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	location, err := url.Parse(r.where.location)
	if err != nil {
		return nil
	}
	device, err := igd.Open(ctx, known.Peer(), location)
	if err != nil || device.UDN() != known.UDN() {
		r.log.Debug("the router is not where it was", "location", r.where.location, "err", err)
		return nil
	}
	return device
}

// searchAt searches at the gateway and takes the first device that stands all
// checks. Where nothing that came does, it searches once more, for as long as
// the router may take: what came may be there to keep it from being heard.
func (r *Router) searchAt(ctx context.Context, gateway netip.Addr, known *igd.Device) (*igd.Device, found, error) {
	began := time.Now()
	query := ssdp.Search{}
	if known != nil {
		query.Known = r.where.location
	}
	var reasons []string
	for {
		peer, result, err := r.search(ctx, gateway, query)
		if err != nil {
			return nil, found{}, fmt.Errorf("%w %s: %w", fact.ErrNoRouter, gateway, err)
		}
		reasons = append(reasons, result.Refused...)
		for _, reply := range result.Replies[:min(len(result.Replies), maxTried-len(query.Tried))] {
			location := reply.Location.String()
			device, err := igd.Open(ctx, peer, reply.Location)
			if err == nil {
				return device, found{location: location, bootID: reply.BootID, target: reply.Target, began: began, checked: time.Now()}, nil
			}
			if ctx.Err() != nil {
				return nil, found{}, fmt.Errorf("%w %s: %w", fact.ErrNoRouter, gateway, context.Cause(ctx))
			}
			query.Tried = append(query.Tried, location)
			reasons = append(reasons, fmt.Sprintf("%s: %s", tidy.Line(location, 80), tidy.Line(err.Error(), 200)))
		}
		if query.Patient || result.Whole || len(result.Replies) == 0 {
			return nil, found{}, r.unfound(gateway, reasons)
		}
		query.Patient = true
	}
}

// maxReasons is how many answers that were refused are told of.
const maxReasons = 4

// unfound is the error of a search that found nothing.
func (r *Router) unfound(gateway netip.Addr, reasons []string) error {
	err := fmt.Errorf("%w %s", fact.ErrNoRouter, gateway)
	slices.Sort(reasons)
	reasons = slices.Compact(reasons)
	if more := len(reasons) - maxReasons; more > 0 {
		reasons = append(reasons[:maxReasons], fmt.Sprintf("and %d more", more))
	}
	if len(reasons) > 0 {
		err = fmt.Errorf("%w, and these answers were refused: %s", err, strings.Join(reasons, "; "))
	}
	if text := advice(r.Status().Load().Others); text != "" {
		err = fmt.Errorf("%w; %s", err, text)
	}
	return err
}

// search sends the search and returns who may be talked to, and the replies. Of
// query it takes Known, Tried, Patient and Targets.
func (r *Router) search(ctx context.Context, gateway netip.Addr, query ssdp.Search) (igd.Peer, ssdp.Result, error) {
	peer := r.peer(gateway)
	if err := peer.Check(); err != nil {
		return peer, ssdp.Result{}, err
	}
	var err error
	if peer.Local, err = localToward(gateway); err != nil {
		return peer, ssdp.Result{}, err
	}
	search := r.plan(gateway, peer.Local)
	search.Known, search.Targets, search.Tried, search.Patient = query.Known, query.Targets, query.Tried, query.Patient
	result, err := search.Run(ctx)
	if err != nil {
		return peer, result, err
	}
	if result.Unsent != nil {
		r.log.Debug("the search could not go every way", "err", result.Unsent)
	}
	r.noteOthers(gateway, result)
	return peer, result, nil
}

// peer is the gateway as it is talked to; our own address is still missing.
func (r *Router) peer(gateway netip.Addr) igd.Peer {
	return igd.Peer{Gateway: gateway, AllowLoopback: r.cfg.AllowLoopback, Timeout: r.cfg.Timeout, Pace: r.pace}
}

// note keeps how the router was found. The turn is held.
func (r *Router) note(f found) {
	r.where = f
	r.mu.Lock()
	r.known = f
	r.mu.Unlock()
}

// localToward returns our own address from which the kernel would send to
// peer. Nothing is sent, and nobody is asked who might lie.
func localToward(peer netip.Addr) (netip.Addr, error) {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer, ssdp.Port)))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("finding our own address toward the gateway: %w", err)
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, errors.New("finding our own address toward the gateway: the kernel gave none")
	}
	return local.AddrPort().Addr().Unmap(), nil
}
