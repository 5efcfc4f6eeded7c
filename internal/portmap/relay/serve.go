package relay

// One connection: to the service first, then the bytes.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// serve carries a client's connection until both directions have ended, and
// closes it.
func (r *Relay) serve(ctx context.Context, client net.Conn, from netip.AddrPort) {
	bound(client)
	service, err := r.reach(ctx, client, from)
	if err != nil {
		if ctx.Err() == nil {
			r.missed(err) // first, so that whoever is sent away is counted
		}
		reset(client)
		return
	}
	bound(service)
	r.total.Add(1)
	r.reached()
	newLink(r, client, service).carry(ctx)
}

// reach connects to the service, and tells it who the client is if it wants to
// know.
func (r *Relay) reach(ctx context.Context, client net.Conn, from netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.ConnectTimeout)
	defer cancel()
	service, err := r.cfg.Dial(ctx, "tcp", r.cfg.Target.String())
	if err != nil || !r.cfg.ProxyProtocol {
		return service, err
	}
	stop := context.AfterFunc(ctx, func() { reset(service) })
	header := appendProxyHeader(make([]byte, 0, maxProxyHeader), from, addrPort(client.LocalAddr()))
	_, err = service.Write(header)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		reset(service)
		return nil, fmt.Errorf("sending the PROXY protocol header: %w", err)
	}
	return service, nil
}

// missed notes that the service could not be reached.
func (r *Relay) missed(err error) {
	why := r.describe(err)
	r.mu.Lock()
	r.lastError = why
	r.mu.Unlock()
	r.failed.Add(1) // whoever sees it counted sees why
	r.noService.note(r, why)
}

// describe says what a failure to reach the service means.
func (r *Relay) describe(err error) string {
	to := r.cfg.Target
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("the service does not take connections at %s: start it, or correct its address", to)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Sprintf("there is no way to %s: its host is off, or is not in this network", to)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "this program has no file descriptors left for a connection to the service: raise its limit of open files"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("the service does not answer at %s within %v: its host is off, or a firewall is in between", to, r.cfg.ConnectTimeout)
	}
	return err.Error()
}

// reached notes that the service takes connections.
func (r *Relay) reached() {
	r.mu.Lock()
	again := r.saidDown
	r.saidDown, r.lastError = false, ""
	r.mu.Unlock()
	if again {
		r.cfg.Log.Info("the relay reaches the service again", "listen", r.addr, "target", r.cfg.Target)
	}
}

// kernelBuffer bounds, in octets, what the kernel keeps of a connection for each
// side and direction. Left to itself it keeps up to 6 MiB for a client that does
// not read. It is enough for 40 Mbit/s over 40 ms.
const kernelBuffer = 256 << 10

func bound(conn net.Conn) {
	if tcp, ok := conn.(interface {
		SetReadBuffer(octets int) error
		SetWriteBuffer(octets int) error
	}); ok {
		_ = tcp.SetReadBuffer(kernelBuffer) // less is had anyway, or more
		_ = tcp.SetWriteBuffer(kernelBuffer)
	}
}

// reset closes a connection with a RST where it can: the kernel forgets it at
// once, and the peer knows that it did not end well.
func reset(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}
