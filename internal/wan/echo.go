package wan

// HTTP echo services as sources: they say from which address they were asked.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	maxBody      = 4 << 10
	maxHeader    = 16 << 10
	maxRedirects = 2
)

// EchoOption changes how an echo service is asked.
type EchoOption func(*tls.Config)

// WithRoots gives the certificates that an https service's chain must end in;
// nil means the system's, which is also the default.
func WithRoots(roots *x509.CertPool) EchoOption {
	return func(cfg *tls.Config) { cfg.RootCAs = roots }
}

type echo struct {
	url    string
	family Family
	client *http.Client
}

// NewEcho returns a source that asks the echo service of spec, whose Type must
// be "https" or "http". dial must not be nil. It is always asked to dial
// "tcp4" (or "tcp6", as the spec's family is), so that the answer is of that
// path; the environment's proxies are not used, as a proxy's address is not ours. Every question has a
// connection of its own: one kept from before the provider's reconnect would
// hang, or answer with the old address.
func NewEcho(spec SourceSpec, dial DialFunc, options ...EchoOption) (Source, error) {
	if dial == nil {
		panic("wan.NewEcho: dial is nil")
	}
	parse := ParseSource
	if spec.Family == IPv6 {
		parse = ParseSourceIPv6
	}
	checked, err := parse(spec.URL)
	if err != nil {
		return nil, fmt.Errorf("making echo source: %w", err)
	}
	if checked.Type != spec.Type || checked.URL == "" {
		return nil, fmt.Errorf("making echo source: %q is no HTTP echo service", spec.Type)
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	for _, option := range options {
		option(secure)
	}
	transport := &http.Transport{
		Proxy: nil,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return dial(ctx, spec.Family.network("tcp"), address)
		},
		TLSClientConfig:        secure,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}
	client := &http.Client{Transport: transport, CheckRedirect: checkRedirect}
	return &echo{checked.URL, spec.Family, client}, nil
}

// checkRedirect lets a service move its page, but neither send us elsewhere
// nor out of TLS.
func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("it redirects more than %d times", maxRedirects)
	case first.Scheme != "https" || next.URL.Scheme != "https":
		return errors.New("it redirects, which is followed only from https to https; write the URL it leads to")
	case !strings.EqualFold(first.Host, next.URL.Host):
		return errors.New("it redirects to another host; write the URL it leads to")
	}
	return nil
}

func (e *echo) Name() string { return e.url }
func (e *echo) Kind() Kind   { return Outside }

// Observe asks once.
func (e *echo) Observe(ctx context.Context) (fact.Observation, error) {
	addr, err := e.ask(ctx)
	if err != nil {
		return fact.UnknownAddr(e.url, time.Now()), fmt.Errorf("asking %s: %w", e.url, err)
	}
	return fact.KnownAddr(addr, e.url, time.Now()), nil
}
