package gena

// The requests: subscribe, renew, unsubscribe.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	asked      = 30 * time.Minute // the time we ask for; UDA wants it to be no less
	leastGrant = 10 * time.Second // below that we would do nothing but renew
	maxAnswer  = 16 << 10         // octets of an answer's header
)

// Target is a service that can be subscribed to. It is comparable: another
// one, or the same one found again, is not equal.
type Target struct {
	// URL is the service's eventSubURL, on the gateway; the zero Target has
	// none and means that there is nothing to subscribe to.
	URL string
	// Gateway is the router, Local our own address toward it.
	Gateway, Local netip.Addr
	// Generation tells a router that was found anew from one that was not.
	Generation uint64
}

// Grant is a subscription as the router granted it.
type Grant struct {
	// SID is its identifier, a foreign text without blanks.
	SID string
	// For is how long it lasts, between 10 s and 30 min.
	For time.Duration
}

// StatusError is an answer with another HTTP status than 200: the router is
// there and does not know the subscription (412), or does not want it. Found
// with errors.As.
type StatusError struct {
	Method string
	Status int
}

// Error implements error.
func (e *StatusError) Error() string {
	if e.Status/100 == 3 {
		return fmt.Sprintf("the router answered %s with a redirect (HTTP %d), which is not followed", e.Method, e.Status)
	}
	return fmt.Sprintf("the router answered %s with HTTP %d", e.Method, e.Status)
}

// Client makes the requests over connections that dial opens. It follows no
// redirect, asks no proxy and reads no body.
type Client struct {
	// Dial opens a connection to the gateway and nowhere else; required.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Subscribe subscribes to the service at the URL (section 4.1.2).
func (c Client) Subscribe(ctx context.Context, at, callback string) (Grant, error) {
	head, err := c.do(ctx, "SUBSCRIBE", at, http.Header{
		"CALLBACK": {"<" + callback + ">"}, "NT": {"upnp:event"}, "TIMEOUT": {timeoutHeader()},
	})
	if err != nil {
		return Grant{}, err
	}
	sid := strings.TrimSpace(head.Get("Sid"))
	if !goodSID(sid) {
		return Grant{}, errors.New("the router granted a subscription without a usable SID")
	}
	return grant(sid, head.Get("Timeout"))
}

// Renew renews a subscription (section 4.1.3).
func (c Client) Renew(ctx context.Context, at, sid string) (Grant, error) {
	head, err := c.do(ctx, "SUBSCRIBE", at, http.Header{"SID": {sid}, "TIMEOUT": {timeoutHeader()}})
	if err != nil {
		return Grant{}, err
	}
	if now := strings.TrimSpace(head.Get("Sid")); now != "" && now != sid {
		return Grant{}, errors.New("the router renewed another subscription")
	}
	return grant(sid, head.Get("Timeout"))
}

// Unsubscribe ends a subscription (section 4.1.4).
func (c Client) Unsubscribe(ctx context.Context, at, sid string) error {
	_, err := c.do(ctx, "UNSUBSCRIBE", at, http.Header{"SID": {sid}})
	return err
}

func timeoutHeader() string { return "Second-" + strconv.Itoa(int(asked/time.Second)) }

// do makes one request on a connection of its own and returns the header of
// the answer with status 200. Header names go out as they stand, in upper
// case: not every router knows that case does not matter.
func (c Client) do(ctx context.Context, method, at string, head http.Header) (http.Header, error) {
	to, err := url.Parse(at)
	if err != nil {
		return nil, errors.New("the event URL is no URL")
	}
	head["User-Agent"] = nil // Go would add its own
	req := (&http.Request{Method: method, URL: to, Host: to.Host, Header: head}).WithContext(ctx)
	// A transport follows no redirect by itself, and without Proxy asks none.
	transport := &http.Transport{DialContext: c.Dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxAnswer}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("sending %s: %w", method, err)
	}
	resp.Body.Close() // unread, and with it the connection
	if resp.StatusCode != http.StatusOK {
		return nil, &StatusError{Method: method, Status: resp.StatusCode}
	}
	return resp.Header, nil
}

// grant reads the TIMEOUT of an answer.
func grant(sid, timeout string) (Grant, error) {
	g := Grant{SID: sid, For: asked}
	number, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(timeout)), "second-")
	switch seconds, err := strconv.ParseUint(number, 10, 32); {
	case timeout == "", number == "infinite": // then half of what we asked is soon enough
		return g, nil
	case !ok || err != nil:
		return Grant{}, fmt.Errorf("the router granted the time %q", tidy.Line(timeout, 40))
	default:
		g.For = min(asked, time.Duration(seconds)*time.Second)
	}
	if g.For < leastGrant {
		return Grant{}, fmt.Errorf("the router grants subscriptions for %v only", g.For)
	}
	return g, nil
}
