package main

// The keeper of the certificate: made from the config, and given what only the
// running daemon has.

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// makeCert makes the keeper of c, or takes over that of old. It keeps nothing
// where the config has others look after the certificate.
func (d *daemon) makeCert(c, old *concerns) error {
	if old.cert != nil && sameCert(old.cfg, c.cfg) {
		c.cert, c.issuer = old.cert, old.issuer
		return nil
	}
	cfg := c.cfg.Certificate
	cfg.ClockFloor, cfg.Log = clockFloor, component(d.log, "cert")
	cfg.Look = d.lookAtServices
	cfg.Served = func() []cert.Served { return servedBy(d.now.Load().hairpin, cfg.Services)() }
	if cfg.Mode != cert.None {
		// With a public CA as well: clients may have certificates of our own one.
		cfg.Authority = (&ownCA{folder: caFolder(c.cfg), passphraseFile: cfg.PassphraseFile, secrets: d.secrets}).open
	}
	if cfg.Mode == cert.ACME {
		issuer, err := d.makeIssuer(c.cfg)
		if err != nil {
			return fmt.Errorf("setting up the certificate: %w", err)
		}
		c.issuer, cfg.Issuer = issuer, issuer
	}
	if cfg.Mode != cert.None {
		handed := cfg.Deploy
		handed.Log = cfg.Log
		cfg.Deployer = deploy.New(handed)
	}
	c.cert = cert.New(cfg)
	return nil
}

// makeIssuer makes what asks the public CA. An error is a mistake in the config.
func (d *daemon) makeIssuer(cfg *config.Config) (*lateIssuer, error) {
	a := cfg.Certificate.ACME
	a.UserAgent, a.Log, a.Dial = userAgent(), component(d.log, "acme"), d.dial
	a.Ports, a.PublicAddresses = d.certPorts, d.publicAddresses
	var err error
	var accounts []certAccount
	for _, from := range cfg.CertificateAccounts {
		accounts = append(accounts, certAccount{Account: from.Account, Domain: from.Domain, Only: from.Only})
	}
	if a.Records, err = newCertRecords(provider.Config{Dial: d.dial, UserAgent: userAgent()}, accounts); err != nil {
		return nil, err
	}
	if a.Names, err = newCertNames(certNamesConfig{Recurse: d.recurse, Encrypted: d.recursesEncrypted, Resolvers: cfg.DDNS.Resolvers}); err != nil {
		return nil, err
	}
	late := &lateIssuer{cfg: a}
	if _, err := late.get(); err != nil {
		component(d.log, "cert").Error("the certificate cannot be obtained; it is tried again by itself", "err", err)
	}
	return late, nil
}

// userAgent is how we name ourselves to CAs and to providers of TXT records.
func userAgent() string {
	return "edgeguard/" + version + " (+https://github.com/edgeguard/edgeguard)"
}

// servedBy returns what tells what the services of these names served when p last
// looked.
func servedBy(p *hairpin.Prober, services []string) func() []cert.Served {
	return func() (list []cert.Served) {
		for _, s := range p.Served() {
			if slices.Contains(services, s.Service) {
				list = append(list, cert.Served{Service: s.Service, Leaf: s.Leaf, At: s.At})
			}
		}
		return list
	}
}

// lookAtServices has the services looked at at once.
func (d *daemon) lookAtServices() { d.now.Load().hairpin.Kick() }

// publicAddresses are the home's public addresses, as far as they are known.
func (d *daemon) publicAddresses() (list []string) {
	c := d.now.Load()
	addresses := addressesFor(c)
	if o := addresses.V4.Load(); o.State == fact.Known {
		list = append(list, o.Addr.String())
	}
	if addresses.V6 != nil {
		if o := addresses.V6.Load(); o.State == fact.Known {
			list = append(list, o.Addr.String())
		}
	}
	return list
}

// sameCert reports whether two configs keep the same certificate in the same
// way.
func sameCert(a, b *config.Config) bool {
	x, y := a.Certificate, b.Certificate
	if (x.ACME.Roots == nil) != (y.ACME.Roots == nil) || x.ACME.Roots != nil && !x.ACME.Roots.Equal(y.ACME.Roots) {
		return false
	}
	if x.ACME.EABKey.Reveal() != y.ACME.EABKey.Reveal() {
		return false
	}
	x.ACME.Roots, y.ACME.Roots, x.ACME.EABKey, y.ACME.EABKey = nil, nil, secret.Value{}, secret.Value{}
	if !reflect.DeepEqual(x, y) {
		return false
	}
	sameAccount := func(a, b config.CertificateAccount) bool {
		secrets := a.Token.Reveal() == b.Token.Reveal() && a.Key.Reveal() == b.Key.Reveal()
		a.Token, a.Key, b.Token, b.Key = secret.Value{}, secret.Value{}, secret.Value{}, secret.Value{}
		return secrets && reflect.DeepEqual(a, b)
	}
	return x.Mode != cert.ACME ||
		slices.EqualFunc(a.CertificateAccounts, b.CertificateAccounts, sameAccount) && slices.Equal(a.DDNS.Resolvers, b.DDNS.Resolvers)
}
