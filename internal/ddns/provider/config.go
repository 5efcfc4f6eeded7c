// Package provider writes records at DDNS providers, each behind the same small
// interface: one call, one record, and a failure that says what it means for
// the next call. What a provider's library leaves unchecked is checked here.
//
// The libraries of github.com/libdns are imported here and nowhere else.
package provider

// What an adaptor needs.

import (
	"context"
	"crypto/x509"
	"net"

	"github.com/edgeguard/edgeguard/internal/secret"
)

// DialFunc dials as net.Dialer.DialContext does, but finds host names through
// the configured upstream resolvers, never through ourselves.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Config is how providers are reached.
type Config struct {
	// Dial reaches them; required.
	Dial DialFunc
	// RootCAs are who their certificates must chain to; nil means the system's
	// roots, which is right outside of tests.
	RootCAs *x509.CertPool
	// UserAgent is how we name ourselves to providers, with the version and
	// where we can be reached, as some require; empty means without a version.
	UserAgent string
}

// agent is the User-Agent header.
func (c Config) agent() string {
	if c.UserAgent == "" {
		return "edgeguard (+https://github.com/edgeguard/edgeguard)"
	}
	return c.UserAgent
}

// Account is how one [[ddns]] of the config reaches its provider. What each
// provider needs of it is in docs/configuration.md; the rest is empty.
type Account struct {
	// Provider is the provider's word in the config, such as "cloudflare".
	Provider string
	// Zone is the zone that holds the domain, canonical; empty means that it
	// is derived from the public suffix list, where the provider needs it.
	Zone string
	// Server is where the provider is, as far as that is a person's choice: a
	// host and port, or a URL.
	Server string
	// User is what the provider calls the account, the customer or the key.
	User string
	// Algorithm is the name of the key's algorithm (RFC 8945); empty means
	// "hmac-sha256". RFC 2136 only.
	Algorithm string
	// Token is the secret, or the main one of two. Key is the other.
	Token, Key secret.Value
}

// Secrets lists the account's secrets, those that are not empty.
func (a Account) Secrets() []secret.Value {
	var list []secret.Value
	for _, v := range []secret.Value{a.Token, a.Key} {
		if !v.IsZero() {
			list = append(list, v)
		}
	}
	return list
}
