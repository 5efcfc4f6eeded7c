package main

// What the public DNS says of the names of the certificate: asked of the
// authoritative servers and the configured upstreams, never of ourselves, who
// answer the home's own view, nor of the host's resolv.conf.

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/miekg/dns"
)

// certNamesConfig is what newCertNames needs.
type certNamesConfig struct {
	// Recurse asks the configured upstreams; required. It sees to it that the
	// answer is one to the question.
	Recurse func(ctx context.Context, question *dns.Msg) (*dns.Msg, error)
	// Encrypted reports whether nobody on the way can change what Recurse
	// answers; nil means that somebody may.
	Encrypted func() bool
	// Resolvers are the plain upstreams; each is asked by itself. They must not
	// be ourselves. May be nil.
	Resolvers []netip.AddrPort
	// Dial opens the sockets to the authoritative servers and to Resolvers; nil
	// means a plain net.Dialer, which is right outside of tests.
	Dial authority.DialFunc
}

// certNames implements acme.Names.
type certNames struct {
	cfg   certNamesConfig
	asker *authority.Asker
}

// newCertNames returns what looks the names up.
func newCertNames(cfg certNamesConfig) (*certNames, error) {
	asker, err := authority.New(authority.Config{Resolvers: cfg.Resolvers, Recurse: cfg.Recurse, Dial: cfg.Dial})
	if err != nil {
		return nil, fmt.Errorf("setting up the look-ups for the certificate: %w", err)
	}
	return &certNames{cfg: cfg, asker: asker}, nil
}
