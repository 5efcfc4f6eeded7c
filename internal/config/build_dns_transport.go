package config

// [dns], how clients come: DNS over TLS and the limit on questions.

import (
	"encoding/pem"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/certfile"
	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
)

// defaultTLSListen is where DNS over TLS is offered once there is a
// certificate; clients try no other port (RFC 7858, section 3.1).
var defaultTLSListen = []string{"lan:853"}

// maxRateLimit is more than any host answers.
const maxRateLimit = 1_000_000

// dnsTransport reads those keys of [dns].
func (b *builder) dnsTransport(raw rawDNS, c *Config) {
	c.DNS.RateLimit = int(b.number(raw.RateLimit, dnsserver.DefaultRateLimit, 0, maxRateLimit, "questions per second and client, 0 for no limit"))
	if c.DNS.RateLimit == 0 {
		c.DNS.RateLimit = -1 // in dnsserver 0 is the default
	}
	loops := []string{string(packet.Auto), string(packet.Batch), string(packet.Netpoller)}
	c.DNS.PacketLoop = packet.Mode(b.word(raw.PacketLoop, string(packet.Auto), loops, nil))
	if !raw.TLSCertFile.given {
		const missing = "DNS over TLS needs a certificate; write the path of its PEM file under tls_cert_file, or take this key out"
		if raw.TLSKeyFile.given {
			b.fail(raw.TLSKeyFile.at, missing)
		}
		if raw.TLSListen.ok && len(raw.TLSListen.v) > 0 {
			b.fail(raw.TLSListen.at, missing)
		}
		return
	}
	b.tlsListen(raw, c)
	b.certificate(raw.TLSCertFile, raw.TLSKeyFile, c)
}

// tlsListen reads where DNS over TLS is offered. An empty list turns it off.
func (b *builder) tlsListen(raw rawDNS, c *Config) {
	list := raw.TLSListen.v
	if !raw.TLSListen.given {
		list = b.list(raw.TLSListen, defaultTLSListen)
	}
	for _, t := range list {
		l, err := ParseListen(t.v)
		if err != nil {
			b.fail(t.at, "%v", err)
			continue
		}
		at := t.at
		if !raw.TLSListen.given {
			at = raw.Listen.at // a default has no place
		}
		taken := false
		for _, other := range append(append([]Listen(nil), c.DNSListen...), c.DNSTLSListen...) {
			if taken = l.covers(other) || other.covers(l); taken {
				b.fail(at, "%s is listened on already (%s); DNS over TLS needs a port that nothing else listens on", l, other)
				break
			}
		}
		if !taken {
			c.DNSTLSListen = append(c.DNSTLSListen, l)
		}
	}
}

// certificate reads the certificate and the key, which may be in one file, and
// leaves with c what looks after them from then on.
func (b *builder) certificate(cert, key text, c *Config) {
	if !b.readable(cert, "the certificate chain in PEM, with the key behind it or in tls_key_file") {
		return
	}
	certPath, keyPath := resolve(cert.at, cert.v), ""
	if key.given {
		if !b.readable(key, "the certificate's key in PEM") {
			return
		}
		keyPath = resolve(key.at, key.v)
	}
	read := func(path string) ([]byte, error) {
		f, err := b.readFile(path, certfile.MaxFile)
		return f.Data, err
	}
	l, err := certfile.New(certPath, keyPath, read, nil, nil)
	if err != nil {
		b.fail(cert.at, "the certificate cannot be used: %v; write the PEM files of one certificate and its key", err)
		return
	}
	if leaf := l.Certificate().Leaf; leaf != nil && time.Now().After(leaf.NotAfter) {
		b.warn(cert.at, "the certificate ran out on %s; clients that check it will not connect", leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	c.DNS.GetCertificate, c.DNS.CertificateProblem = l.GetCertificate, l.Problem
}

// readable reports whether the file that t names can be read, and warns where
// everybody can read a key.
func (b *builder) readable(t text, should string) bool {
	path := resolve(t.at, t.v)
	shown := path
	if looksSecret(t.v) {
		shown = show(t.v)
	}
	switch {
	case !t.ok:
		return false // reported
	case t.v == "":
		b.fail(t.at, "empty; write the path of a file with %s, or take the key out", should)
		return false
	}
	f, err := b.readFile(path, certfile.MaxFile)
	if err != nil {
		b.fail(t.at, "cannot read %s: %s; it should hold %s", shown, readProblem(err), should)
		return false
	}
	if f.Mode.Perm()&0o004 != 0 && holdsKey(f.Data) {
		b.warn(t.at, "everybody on this host can read the key in %s; take that away with chmod o-r", shown)
	}
	return true
}

// holdsKey reports whether PEM text has a private key in it.
func holdsKey(data []byte) bool {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return false
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return true
		}
		data = rest
	}
}
