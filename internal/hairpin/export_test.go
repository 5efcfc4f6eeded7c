package hairpin

// What the external tests reach into: the network, and pure functions.

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin/nonce"
)

// SetNetwork replaces the dialler and the list of own addresses.
func (p *Prober) SetNetwork(dial func(ctx context.Context, network, address string) (net.Conn, error), own []netip.Addr) {
	p.dial, p.own = dial, func() []netip.Addr { return own }
}

var Combine = combine

// Shown is what a service showed with this leaf.
func Shown(leaf *x509.Certificate, roots *x509.CertPool) *served {
	return read([]*x509.Certificate{leaf}, roots, nil, time.Now())
}

// SendsCredentials reports whether a broker that showed this is called with
// them.
func SendsCredentials(s Service, shown *served) bool { return credentialsFor(s, shown) == asUser }

// States are the table of sentences: their number, and each one's text, action
// and verdict.
const States = int(states)

// Sentence is one line of the table.
func Sentence(i int) (fact.Verdict, string, string) {
	s := sentences[i]
	return s.verdict, s.text, s.action
}

// Found puts in what a call of ours would have found.
func (p *Prober) Found(wan netip.Addr, f nonce.Finding) {
	p.source.heard.Store(heard{wan, f})
	p.loop.Kick()
}

// MakerIn is makerIn.
var MakerIn = makerIn
