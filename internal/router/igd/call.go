package igd

// One SOAP call, and what its failure means.

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/tidy"
	"github.com/huin/goupnp/soap"
)

// UPnP error codes that this package itself decides on (WANIPConnection:2,
// section 2.4.3 and following; Device Architecture, section 3.2.6).
const (
	codeInvalidAction     = 401
	codeInvalidArgs       = 402
	codeActionFailed      = 501
	codeNotImplemented    = 602
	codeArrayIndexInvalid = 713
	codeNoSuchEntry       = 714
	codeNoneInRange       = 730
)

// LostError means that the router was not reached where it used to be, or did
// not answer: it may have restarted on another port. Found with errors.As.
type LostError struct {
	// Action is the SOAP action that was called.
	Action string
	// MayHaveActed is whether the call may have reached the router, so that
	// its outcome is unknown.
	MayHaveActed bool
	// Err is what happened.
	Err error
}

// Error implements error.
func (e *LostError) Error() string {
	if e.MayHaveActed {
		return fmt.Sprintf("no certain answer to %s: %v", e.Action, e.Err)
	}
	return fmt.Sprintf("calling %s: %v", e.Action, e.Err)
}

// Unwrap returns what happened.
func (e *LostError) Unwrap() error { return e.Err }

// do calls an action on the service, and falls back to its older version where
// the router does not know the action after all.
func (d *Device) do(ctx context.Context, action string, call func(context.Context, connection) error) error {
	err := d.once(ctx, action, d.conn, call)
	if d.older == nil || !unknownAction(err) {
		return err
	}
	again := d.once(ctx, action, d.older, call)
	if unknownAction(again) {
		return err
	}
	d.conn, d.older = d.older, nil
	return again
}

func unknownAction(err error) bool {
	var fault *fact.GatewayFault
	return errors.As(err, &fault) && (fault.Code == codeInvalidAction || fault.Code == codeNotImplemented)
}

// Exchange makes an exchange with the router that is none of the actions,
// within the peer's pace and time.
func (d *Device) Exchange(ctx context.Context, exchange func(context.Context) error) error {
	if err := d.peer.Pace.wait(ctx); err != nil {
		return err
	}
	defer d.peer.Pace.done()
	ctx, cancel := context.WithTimeoutCause(ctx, d.peer.Timeout, fmt.Errorf("the router did not answer within %v", d.peer.Timeout))
	defer cancel()
	return exchange(ctx)
}

// once makes one call within the peer's pace and time.
func (d *Device) once(ctx context.Context, action string, c connection, call func(context.Context, connection) error) error {
	if err := d.peer.Pace.wait(ctx); err != nil {
		return fmt.Errorf("calling %s: %w", action, err)
	}
	defer d.peer.Pace.done()
	timed, cancel := context.WithTimeoutCause(ctx, d.peer.Timeout, fmt.Errorf("the router did not answer within %v", d.peer.Timeout))
	defer cancel()
	noted, x := withExchange(timed)
	err := call(noted, c)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		// The caller gave up; that says nothing of the router.
		return fmt.Errorf("calling %s: %w", action, context.Cause(ctx))
	case timed.Err() != nil:
		return &LostError{Action: action, MayHaveActed: x.connected.Load(), Err: context.Cause(timed)}
	}
	return failure(action, x, err)
}

// failure says what an error of goupnp's means. Its text is cut: it may hold
// the router's whole answer.
func failure(action string, x *exchange, err error) error {
	if fault := new(soap.SOAPFaultError); errors.As(err, &fault) {
		text := fault.Detail.UPnPError.ErrorDescription
		if text == "" {
			text = fault.FaultString
		}
		return &fact.GatewayFault{Action: action, Code: fault.Detail.UPnPError.Errorcode, Text: tidy.Line(text, maxWords)}
	}
	switch {
	case x.failed != nil:
		return &LostError{Action: action, MayHaveActed: x.connected.Load(), Err: x.failed}
	case x.status/100 == 3:
		// It was carried out nowhere, and what it is sent on to is not asked.
		return &LostError{Action: action, Err: redirected(x.status)}
	case x.status == http.StatusNotFound, x.status == http.StatusGone:
		// Something answers there, but not the service.
		return &LostError{Action: action, Err: fmt.Errorf("the router answered HTTP %d", x.status)}
	case x.status/100 == 5:
		return &LostError{Action: action, MayHaveActed: true, Err: fmt.Errorf("the router answered HTTP %d", x.status)}
	}
	return fmt.Errorf("no certain answer to %s: %s", action, tidy.Line(err.Error(), 160))
}
